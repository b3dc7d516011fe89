//! What each delivery in turn comes to.

use super::*;

fn event(sequence: u64) -> Delivered {
    Delivered {
        id: sequence + 100,
        sequence,
        chat: 1,
    }
}

/// Two subscribers of one chat with three events; returns what each delivery in turn came to.
fn check(deliveries: &[(usize, Delivered)]) -> Faults {
    let now = Instant::now();
    let mut ledger = Ledger::new(1);
    ledger.subscribe(0, 0, false);
    ledger.subscribe(1, 0, false);
    for _ in 0..3 {
        ledger.publish(0, now);
    }
    for (client, event) in deliveries {
        ledger.delivered(*client, *event, now);
    }
    ledger.faults(true)
}

fn all_of(client: usize) -> [(usize, Delivered); 3] {
    [1, 2, 3].map(|sequence| (client, event(sequence)))
}

#[test]
fn every_event_once_and_in_order_is_clean() {
    let faults = check(&[all_of(0), all_of(1)].concat());
    assert!(faults.is_clean(), "{faults:?}");
}

#[test]
fn every_kind_of_fault_is_found() {
    let lost = check(&all_of(0));
    assert_eq!(lost.lost, 3);
    let gap = check(&[&all_of(0)[..], &[(1, event(1)), (1, event(3))]].concat());
    assert_eq!(gap.lost, 1);
    let doubled = check(&[&all_of(0)[..], &all_of(1), &[(1, event(3))]].concat());
    assert_eq!(doubled.doubled, 1);
    let late = check(&[&all_of(0)[..], &all_of(1), &[(1, event(2))]].concat());
    assert_eq!(late.disordered, 1);
    let mut backwards = all_of(1);
    backwards[2].1.id = 1;
    assert_eq!(check(&[all_of(0), backwards].concat()).disordered, 1);
    let mut elsewhere = event(1);
    elsewhere.chat = 2;
    let strays = check(&[&all_of(0)[..], &all_of(1), &[(0, elsewhere), (0, event(4))]].concat());
    assert_eq!(strays.strays, 2);
}

#[test]
fn an_event_completes_when_the_last_subscriber_has_it() {
    let now = Instant::now();
    let (mut ledger, mut completed) = (Ledger::new(1), Vec::new());
    ledger.subscribe(0, 0, false);
    ledger.subscribe(1, 0, false);
    ledger.publish(0, now);
    ledger.publish(0, now);
    ledger.delivered(0, event(1), now);
    ledger.delivered(0, event(2), now);
    ledger.take_completed(&mut completed);
    assert!(completed.is_empty());
    ledger.delivered(1, event(1), now);
    ledger.take_completed(&mut completed);
    assert_eq!(completed, [0]);
    assert!(!ledger.is_quiet());
    ledger.dismiss(1);
    assert!(ledger.is_quiet());
    assert!(ledger.faults(true).is_clean());
}

#[test]
fn who_comes_back_is_owed_what_it_missed() {
    let now = Instant::now();
    let mut ledger = Ledger::new(1);
    ledger.subscribe(0, 0, false);
    ledger.publish(0, now);
    ledger.delivered(0, event(1), now);
    ledger.dismiss(0);
    ledger.publish(0, now);
    assert_eq!(ledger.left_at(0), Some((0, 101)));
    ledger.resume(1, 0);
    ledger.publish(0, now);
    assert_eq!(ledger.faults(true).lost, 2);
    ledger.delivered(1, event(2), now);
    assert!(!ledger.is_quiet());
    ledger.delivered(1, event(3), now);
    assert!(ledger.is_quiet());
    assert!(ledger.faults(true).is_clean());
}

#[test]
fn a_subscriber_without_a_known_beginning_counts_from_its_first_event() {
    let now = Instant::now();
    let mut ledger = Ledger::new(1);
    ledger.subscribe(0, 0, true);
    ledger.publish(0, now);
    ledger.publish(0, now);
    ledger.delivered(0, event(2), now);
    assert!(ledger.is_quiet());
    assert!(ledger.faults(true).is_clean());
    ledger.publish(0, now);
    assert_eq!(ledger.faults(true).lost, 1);
}

#[test]
fn numbers_that_begin_again_count_on() {
    let now = Instant::now();
    let mut ledger = Ledger::new(1).numbered_in_cycles_of(Some(4));
    ledger.subscribe(0, 0, false);
    for id in 1..=9_u64 {
        ledger.publish(0, now);
        let sequence = (id - 1) % 4 + 1;
        let event = Delivered {
            id,
            sequence,
            chat: 1,
        };
        // The eighth is lost, the ninth comes twice.
        if id != 8 {
            ledger.delivered(0, event, now);
        }
        if id == 9 {
            ledger.delivered(0, event, now);
        }
    }
    let faults = ledger.faults(true);
    assert_eq!((faults.lost, faults.doubled, faults.strays), (1, 1, 0));
}
