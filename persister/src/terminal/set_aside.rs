//! `persister set-aside …`

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use async_nats::jetstream;
use shared::bus::Bus;
use shared::config::NatsConfig;
use shared::subject;
use tokio::time::timeout;

use crate::config::{SetAsideAction, Which};
use crate::set_aside::{Inventory, Kept, Replayed};

/// Longest wait for NATS.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Most characters of a cell in the table.
const CELL_CHARS_MAX: usize = 60;

/// Carries out one action and writes what it came to.
///
/// # Errors
/// Also when a command that was asked for stays set aside, after all others were taken care of.
pub async fn run(action: SetAsideAction, out: &mut impl Write) -> anyhow::Result<()> {
    match action {
        SetAsideAction::List { nats, json } => list(open(&nats).await?.as_ref(), json, out).await,
        SetAsideAction::Replay { nats, which } => {
            let inventory = open(&nats).await?.context("nothing was ever set aside")?;
            let mut left = 0;
            let mut place = start(&inventory, which).await?;
            while let Some(kept) = place.next(&inventory).await? {
                let told = match inventory
                    .replay(&kept)
                    .await
                    .map_err(anyhow::Error::from_boxed)?
                {
                    Replayed::Yes => "replayed",
                    Replayed::TooSoon => {
                        "NATS was sent it less than five minutes ago; try again later"
                    }
                    Replayed::Cut => "it was too large to be kept whole and cannot be replayed",
                };
                left += u32::from(told != "replayed");
                writeln!(out, "{}: {told}", kept.seq)?;
            }
            anyhow::ensure!(left == 0, "{left} stay set aside");
            Ok(())
        }
        SetAsideAction::Drop { nats, which } => {
            let inventory = open(&nats).await?.context("nothing was ever set aside")?;
            let mut place = start(&inventory, which).await?;
            while let Some(kept) = place.next(&inventory).await? {
                inventory
                    .remove(kept.seq)
                    .await
                    .map_err(anyhow::Error::from_boxed)?;
                writeln!(out, "{}: dropped", kept.seq)?;
            }
            Ok(())
        }
    }
}

/// A walk through commands. It ends: what is replayed and set aside again comes after its end.
struct Walk {
    next: u64,
    last: u64,
}

impl Walk {
    async fn next(&mut self, inventory: &Inventory) -> anyhow::Result<Option<Kept>> {
        let next = inventory.next(self.next).await;
        let next = next.map_err(anyhow::Error::from_boxed)?;
        let kept = next.filter(|kept| kept.seq <= self.last);
        if let Some(kept) = &kept {
            self.next = kept.seq + 1;
        }
        Ok(kept)
    }
}

async fn start(inventory: &Inventory, which: Which) -> anyhow::Result<Walk> {
    let Some(seq) = which.seq else {
        return Ok(Walk {
            next: 1,
            last: inventory.last_seq(),
        });
    };
    let found = inventory
        .get(seq)
        .await
        .map_err(anyhow::Error::from_boxed)?;
    anyhow::ensure!(found.is_some(), "there is no command {seq}");
    Ok(Walk {
        next: seq,
        last: seq,
    })
}

async fn open(nats: &NatsConfig) -> anyhow::Result<Option<Inventory>> {
    nats.check()?;
    let bus = Bus::connect("persister set-aside", subject::OPERATOR_INBOX, nats)
        .await
        .context("cannot use these NATS servers")?;
    tokio::select! {
        connected = timeout(CONNECT_MAX, bus.wait_connected()) => connected.context("NATS does not answer")?,
        refused = bus.refused() => return Err(refused.into()),
    }
    let inventory = Inventory::open(jetstream::new(bus.client)).await;
    inventory
        .map_err(anyhow::Error::from_boxed)
        .context("cannot open the stream of what was set aside")
}

async fn list(
    inventory: Option<&Inventory>,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    if let Some(inventory) = inventory {
        let mut place = Walk {
            next: 1,
            last: inventory.last_seq(),
        };
        // As many as fit into the stream, whose bound is a few MiB.
        while let Some(kept) = place.next(inventory).await? {
            rows.push(kept);
        }
    }
    if json {
        serde_json::to_writer(&mut *out, &rows)?;
        writeln!(out)?;
    } else {
        table(&rows, out)?;
    }
    Ok(())
}

fn table(rows: &[Kept], out: &mut impl Write) -> std::io::Result<()> {
    // Whoever made it up may have put control characters into it.
    let harmless = |text: &str| -> String { text.escape_debug().take(CELL_CHARS_MAX).collect() };
    let mut line = |[seq, time, reason, subject, body]: [&str; 5]| {
        writeln!(
            out,
            "{seq:>6}  {time:<27}  {reason:<19}  {subject:<24}  {body}"
        )
    };
    line(["SEQ", "TIME", "REASON", "SUBJECT", "BODY"])?;
    for kept in rows {
        let cells =
            [&kept.time, &kept.reason, &kept.subject, &kept.body].map(|text| harmless(text));
        let [time, reason, subject, body] = &cells;
        line([&kept.seq.to_string(), time, reason, subject, body])?;
    }
    Ok(())
}
