//! Several commands in one message: each is carried out as if it had come alone.

use std::time::Duration;

use persister::decide::{Mark, Wish};
use persister::store::AskFor;
use sea_orm::EntityTrait;
use shared::clock::{Timestamp, now};
use shared::command::packing::{COMMANDS_PER_MESSAGE_MAX, PackedCommand};
use shared::command::{Command, CommandId};
use shared::error_code::ErrorCode;
use shared::event::EventType::{Join, Leave, StartTyping};
use shared::partition::{Partition, PartitionCount};
use shared::subject;

use crate::set_aside::{listed, refuse, replayed};
use crate::support::gateway::{command, stored};
use crate::support::rig::{Running, config};
use crate::support::{Gateway, Rig, on_both_databases};

on_both_databases!(
    each_is_carried_out_in_its_order_and_numbered_on,
    more_than_a_transaction_takes_are_all_carried_out,
    what_the_database_refuses_is_set_aside_without_the_others,
    what_was_stored_and_not_published_is_published_by_the_next_owner,
    what_a_copy_of_the_database_lacks_is_carried_out_again_to_the_same_events,
    what_was_refused_stays_refused_when_it_is_repeated,
    what_cannot_be_read_is_set_aside_whole,
    one_of_another_partition_is_set_aside_without_the_others,
);

fn packed(commands: &[Command]) -> Vec<PackedCommand> {
    commands
        .iter()
        .map(|command| PackedCommand::new(command, false))
        .collect()
}

/// The same commands as they come out of the stream.
fn message(seq: i64, commands: &[Command]) -> Vec<Wish> {
    let message_id = Some(CommandId::fresh());
    (0..)
        .zip(commands)
        .map(|(index, command)| Wish {
            index,
            is_last: usize::from(index) + 1 == commands.len(),
            message_id,
            ..Wish::alone(seq, Timestamp::from_micros(now().micros()), command.clone())
        })
        .collect()
}

async fn each_is_carried_out_in_its_order_and_numbered_on(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let commands = [
        command(Join, 7, 4),
        command(Join, 7, 4),
        command(Leave, 7, 4),
        command(Join, 8, 5),
    ];
    gateway.send_several(&packed(&commands)).await;
    assert_eq!(stored(gateway.outcome(commands[0].id).await), 1);
    let again = gateway.outcome(commands[1].id).await;
    Gateway::expect_rejection(again, ErrorCode::AlreadyJoined);
    assert_eq!(stored(gateway.outcome(commands[2].id).await), 3);
    assert_eq!(stored(gateway.outcome(commands[3].id).await), 4);
    assert_eq!(stored(gateway.ask(&command(StartTyping, 9, 4)).await), 5);
    let mut chains = Vec::new();
    for _ in 0..4 {
        let (envelope, event) = gateway.event().await;
        chains.push((event.chat_id.get(), envelope.previous_id, event.id.get()));
    }
    chains.sort_unstable();
    assert_eq!(chains, [(4, 0, 1), (4, 1, 3), (4, 3, 5), (5, 0, 4)]);
    persister.stop().await;

    let store = rig.store("next", Duration::from_mins(1)).await;
    let lease = store.acquire(Partition::new(0)).await.unwrap().unwrap();
    let behind = Mark { seq: 2, id_base: 3 };
    assert_eq!((lease.carried_out(), lease.published), (behind, behind));
}

async fn more_than_a_transaction_takes_are_all_carried_out(rig: Rig) {
    rig.persister(1).await.stop().await;
    let mut gateway = rig.gateway(1).await;
    let mut commands = Vec::new();
    for message in 0..20 {
        let authors = 1 + message * 100..=message * 100 + i64::from(COMMANDS_PER_MESSAGE_MAX);
        let some: Vec<_> = authors.map(|author| command(Join, author, 4)).collect();
        gateway.send_several(&packed(&some)).await;
        let alone = command(Join, message * 100 + 99, 4);
        gateway.send(&alone).await;
        commands.extend(some);
        commands.push(alone);
    }
    let persister = rig.persister(1).await;
    for (id, command) in (1..).zip(&commands) {
        assert_eq!(stored(gateway.outcome(command.id).await), id);
        assert_eq!(gateway.event().await.0.id.get(), id);
    }
    persister.stop().await;
}

async fn what_the_database_refuses_is_set_aside_without_the_others(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let db = rig.database().await.writer;
    refuse(&db, true).await;
    let commands: Vec<_> = [7, 666, 8, 9, 666, 10]
        .into_iter()
        .map(|author| command(if author == 666 { StartTyping } else { Join }, author, 4))
        .collect();
    gateway.send_several(&packed(&commands)).await;
    let mut refused = Vec::new();
    for (id, command) in (1..).zip(&commands) {
        let outcome = gateway.outcome(command.id).await;
        if command.author_id.get() == 666 {
            Gateway::expect_rejection(outcome, ErrorCode::Unavailable);
            refused.push((command.id, outcome));
        } else {
            assert_eq!(stored(outcome), id);
        }
    }
    let rows = listed(&rig);
    assert_eq!(rows.as_array().unwrap().len(), 2, "{rows}");
    for (row, (id, _)) in rows.as_array().unwrap().iter().zip(&refused) {
        assert_eq!(row["reason"], "refused_by_database");
        assert_eq!(row["subject"], "cmd.0.4.START_TYPING");
        assert_eq!(row["commandId"], id.to_string());
        assert_eq!(row["body"], r#"{"authorId":666,"chatId":4}"#);
    }

    refuse(&db, false).await;
    replayed(&rig, &gateway).await;
    for (id, outcome) in refused {
        let mut told = outcome;
        while told == outcome {
            told = gateway.outcome(id).await;
        }
        assert!(stored(told) > 6);
    }
    persister.stop().await;
}

async fn what_was_stored_and_not_published_is_published_by_the_next_owner(rig: Rig) {
    rig.persister(1).await.stop().await;
    let mut gateway = rig.gateway(1).await;
    let first = [
        command(Join, 7, 4),
        command(Join, 7, 4),
        command(Leave, 7, 4),
    ];
    let second = [command(Join, 7, 4), command(StartTyping, 7, 4)];
    let third = [command(Join, 8, 4), command(Join, 9, 4)];
    for commands in [&first[..], &second, &third] {
        gateway.send_several(&packed(commands)).await;
    }
    // An owner that carries out the first two messages, and then is no more. The first it has published, too.
    let store = rig.store("gone", Duration::from_mins(1)).await;
    let mut lease = store.acquire(Partition::new(0)).await.unwrap().unwrap();
    store
        .commit(&mut lease, &message(1, &first), AskFor::Likely)
        .await
        .unwrap();
    lease.published = lease.carried_out();
    lease.last_command_id = None;
    let wishes = message(2, &second);
    store
        .commit(&mut lease, &wishes, AskFor::Likely)
        .await
        .unwrap();
    // Its messages are called otherwise than those in the stream.
    lease.last_command_id = None;
    store.release(&lease).await.unwrap();

    let persister = rig.persister(1).await;
    for (id, previous) in [(4, 3), (5, 4), (6, 5), (7, 6)] {
        let (envelope, _) = gateway.event().await;
        assert_eq!((envelope.id.get(), envelope.previous_id), (id, previous));
    }
    for (command, id) in second.iter().chain(&third).zip(4..) {
        assert_eq!(stored(gateway.outcome(command.id).await), id);
    }
    persister.stop().await;
    let store = rig.store("next", Duration::from_mins(1)).await;
    let lease = store.acquire(Partition::new(0)).await.unwrap().unwrap();
    let behind = Mark { seq: 3, id_base: 4 };
    assert_eq!((lease.carried_out(), lease.published), (behind, behind));
}

async fn what_a_copy_of_the_database_lacks_is_carried_out_again_to_the_same_events(rig: Rig) {
    let mut gateway = rig.gateway(1).await;
    let persister = rig.persister(1).await;
    let begun = [command(Join, 7, 4), command(Join, 8, 4)];
    gateway.send_several(&packed(&begun)).await;
    stored(gateway.outcome(begun[1].id).await);
    persister.stop().await;
    let copied = rig.copy_of_database().await;

    let persister = rig.persister(1).await;
    let lacking = [
        command(Leave, 7, 4),
        command(Leave, 7, 4),
        command(Leave, 8, 4),
    ];
    gateway.send_several(&packed(&lacking)).await;
    let mut told = Vec::new();
    for command in &lacking {
        told.push(gateway.outcome(command.id).await);
    }
    stored(gateway.ask(&command(Join, 7, 4)).await);
    persister.stop().await;
    for id in [1, 2, 3, 5, 6] {
        assert_eq!(gateway.event().await.0.id.get(), id);
    }

    let persister = Running::start(&config(&rig.nats.url(), &copied, 1)).await;
    for (command, told) in lacking.iter().zip(told) {
        assert_eq!(gateway.outcome(command.id).await, told);
    }
    for id in [3, 5, 6] {
        assert_eq!(gateway.event().await.0.id.get(), id, "published again");
    }
    assert_eq!(stored(gateway.ask(&command(Leave, 7, 4)).await), 7);
    persister.stop().await;
}

async fn what_was_refused_stays_refused_when_it_is_repeated(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let leave = command(Leave, 7, 4);
    let first = [leave.clone(), command(Join, 8, 4)];
    gateway.send_several(&packed(&first)).await;
    let told = gateway.outcome(leave.id).await;
    Gateway::expect_rejection(told, ErrorCode::NotJoined);
    // By now it would be possible.
    stored(gateway.ask(&command(Join, 7, 4)).await);
    let again = [
        PackedCommand::new(&leave, true),
        PackedCommand::new(&command(StartTyping, 8, 4), false),
    ];
    gateway.send_several(&again).await;
    assert_eq!(gateway.outcome(leave.id).await, told);
    persister.stop().await;
    let db = rig.database().await.reader;
    let members = persister::entity::user_chat::Entity::find().all(&db).await;
    let members: Vec<_> = members.unwrap().iter().map(|row| row.user_id).collect();
    assert_eq!(members.len(), 2, "{members:?}");
}

async fn what_cannot_be_read_is_set_aside_whole(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let id = CommandId::fresh();
    let several = subject::commands(Partition::new(0));
    gateway
        .send_raw(several.clone(), Some(id), b"[{}]".to_vec())
        .await;
    gateway
        .send_raw(several.clone(), None, b"[{},{}]".to_vec())
        .await;
    assert_eq!(stored(gateway.ask(&command(Join, 7, 4)).await), 3);
    let rows = listed(&rig);
    assert_eq!(rows.as_array().unwrap().len(), 2, "{rows}");
    for (row, reason, body) in [
        (&rows[0], "unknown_body", "[{}]"),
        (&rows[1], "no_command_id", "[{},{}]"),
    ] {
        assert_eq!(
            (&row["reason"], &row["subject"], &row["body"]),
            (&reason.into(), &several.as_str().into(), &body.into())
        );
    }
    persister.stop().await;
}

async fn one_of_another_partition_is_set_aside_without_the_others(rig: Rig) {
    let persister = rig.persister(2).await;
    let mut gateway = rig.gateway(2).await;
    let count = PartitionCount::try_from(2).unwrap();
    let other = (5..100)
        .find(|chat| count.of((*chat).try_into().unwrap()) != count.of(4.try_into().unwrap()))
        .unwrap();
    let commands = [
        command(Join, 7, 4),
        command(Join, 7, other),
        command(Join, 8, 4),
    ];
    gateway.send_several(&packed(&commands)).await;
    let told = gateway.outcome(commands[1].id).await;
    Gateway::expect_rejection(told, ErrorCode::MalformedPayload);
    stored(gateway.outcome(commands[0].id).await);
    stored(gateway.outcome(commands[2].id).await);
    let rows = listed(&rig);
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    assert_eq!(rows[0]["reason"], "other_partition");
    assert_eq!(rows[0]["commandId"], commands[1].id.to_string());
    // Where it belongs, it is carried out.
    replayed(&rig, &gateway).await;
    let mut outcome = told;
    while outcome == told {
        outcome = gateway.outcome(commands[1].id).await;
    }
    stored(outcome);
    persister.stop().await;
}
