//! What bounds the system at sizes that no machine here can run: the table of `docs/capacity.md`.
//!
//! Members of chats are put on gateways at random, as a load balancer does it, and what comes of that is counted: on how
//! many gateways a chat is followed, how many chats a gateway follows. All else is multiplication. Of the largest size a
//! sample of the chats is drawn and scaled. What was measured and what is assumed stands here, once, and nowhere else.

use std::fmt::Write;

/// Measured: an idle connection with a subscription, in KiB.
const CONNECTION_KIB: f64 = 5.4;
/// Measured: the least of all shapes, 1 × 1,000 window 1.
const DELIVERIES_PER_CORE: f64 = 101_000.0;
/// Measured: events a second of one persister over PostgreSQL, the whole system on two cores.
const COMMANDS_PER_PERSISTER: f64 = 28_600.0;
/// Measured: octets of an event's row with its indexes.
const ROW_OCTETS: f64 = 194.0;

/// What was measured, as the pages say it that hold the measurement, and the page on capacity after them.
pub const MEASURED: [(&str, f64, &str); 4] = [
    ("performance.md", CONNECTION_KIB, "5.4 KiB"),
    ("performance.md", DELIVERIES_PER_CORE / 1e3, "101 k"),
    ("performance.md", COMMANDS_PER_PERSISTER / 1e3, "28.6 k"),
    ("operations.md", ROW_OCTETS, "194"),
];

/// Assumed: members of a chat that are connected.
const FOLLOWERS: u32 = 50;
/// Assumed: seconds between two commands of a connection.
const SECONDS_PER_COMMAND: f64 = 60.0;
/// Assumed: connections that one gateway is given; `gateway` pods are scaled at fewer.
const CONNECTIONS_PER_GATEWAY: u64 = 25_000;
/// Assumed: share of a persister's measured pace that is planned with.
const LOAD: f64 = 0.5;
/// The most partitions there may be, by the form of event ids.
const PARTITIONS_MAX: f64 = 64.0;

/// Chats that are drawn; of more, the others are like them.
const SAMPLE: u64 = 20_000;

/// The sizes of the table.
pub const SIZES: [u64; 3] = [10_000, 1_000_000, 100_000_000];

/// What one size comes to.
#[derive(Debug, Clone, Copy)]
pub struct Estimate {
    /// Open connections.
    pub connections: u64,
    /// Gateways that hold them.
    pub gateways: u64,
    /// Their memory for idle connections, in GiB.
    pub memory_gib: f64,
    /// Chats there are.
    pub chats: u64,
    /// Chats that one gateway follows: its subscriptions in NATS.
    pub chats_per_gateway: f64,
    /// Gateways on which one chat is followed: copies that NATS makes of each event.
    pub copies: f64,
    /// Commands, and so events and rows, a second.
    pub commands_per_second: f64,
    /// Messages a second from NATS to gateways.
    pub bus_per_second: f64,
    /// MESSAGE frames a second to clients.
    pub deliveries_per_second: f64,
    /// Cores that deliver them.
    pub cores: f64,
    /// Persisters at the planned load.
    pub persisters: f64,
    /// Rows' octets a day, in GiB.
    pub rows_gib_per_day: f64,
}

/// Works one size out.
pub fn estimate(connections: u64) -> Estimate {
    let gateways = connections.div_ceil(CONNECTIONS_PER_GATEWAY).max(2);
    let chats = connections / u64::from(FOLLOWERS);
    let copies = copies(gateways, chats.min(SAMPLE));
    let commands_per_second = connections as f64 / SECONDS_PER_COMMAND;
    let deliveries_per_second = commands_per_second * f64::from(FOLLOWERS);
    Estimate {
        connections,
        gateways,
        memory_gib: connections as f64 * CONNECTION_KIB / 1024.0 / 1024.0,
        chats,
        chats_per_gateway: chats as f64 * copies / gateways as f64,
        copies,
        commands_per_second,
        bus_per_second: commands_per_second * copies,
        deliveries_per_second,
        cores: deliveries_per_second / DELIVERIES_PER_CORE,
        persisters: commands_per_second / (COMMANDS_PER_PERSISTER * LOAD),
        rows_gib_per_day: commands_per_second * 86_400.0 * ROW_OCTETS / (1u64 << 30) as f64,
    }
}

/// On how many gateways a chat is followed, on average over so many chats whose members are spread at random.
fn copies(gateways: u64, chats: u64) -> f64 {
    let mut total = 0;
    spread(gateways, chats, |_, on| total += on.len());
    total as f64 / chats as f64
}

/// Puts the members of so many chats on gateways at random, and tells of each chat on which gateways it is followed.
pub fn spread(gateways: u64, chats: u64, mut tell: impl FnMut(usize, &[usize])) {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut on = Vec::with_capacity(FOLLOWERS as usize);
    let index = |number| usize::try_from(number).expect("so many could not be drawn anyway");
    for chat in 0..chats {
        on.clear();
        on.extend((0..FOLLOWERS).map(|_| index(random.below(gateways))));
        on.sort_unstable();
        on.dedup();
        tell(index(chat), &on);
    }
}

/// xorshift64*, so that the table is the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

/// The table of all sizes, in Markdown.
pub fn table() -> String {
    type Row = (&'static str, fn(&Estimate) -> f64);
    let rows: [Row; 13] = [
        ("gateways", |it| whole(it.gateways)),
        ("memory of idle connections, GiB", |it| it.memory_gib),
        ("chats", |it| whole(it.chats)),
        (
            "chats that a gateway follows (its NATS subscriptions)",
            |it| it.chats_per_gateway,
        ),
        ("gateways that follow a chat (copies of an event)", |it| {
            it.copies
        }),
        ("subscriptions in NATS, all gateways", |it| {
            it.chats_per_gateway * whole(it.gateways)
        }),
        ("commands a second = events = rows", |it| {
            it.commands_per_second
        }),
        ("messages a second, NATS to gateways", |it| {
            it.bus_per_second
        }),
        ("MESSAGE frames a second", |it| it.deliveries_per_second),
        ("cores that deliver them", |it| it.cores),
        ("persisters at half their measured pace", |it| it.persisters),
        ("partitions, one for each of those persisters", |it| {
            it.persisters.ceil()
        }),
        ("rows a day, GiB", |it| it.rows_gib_per_day),
    ];
    let estimates = SIZES.map(estimate);
    let mut table = String::from("| connections |");
    for estimate in &estimates {
        let _ = write!(table, " {} |", shown(whole(estimate.connections)));
    }
    table.push_str("\n| --- | ---: | ---: | ---: |\n");
    for (name, value) in rows {
        let _ = write!(table, "| {name} |");
        for estimate in &estimates {
            let _ = write!(table, " {} |", shown(value(estimate)));
        }
        table.push('\n');
    }
    table
}

/// Whether one deployment can carry the commands: there are no more partitions than this.
pub fn fits_one_deployment(estimate: &Estimate) -> bool {
    estimate.persisters <= PARTITIONS_MAX
}

fn whole(number: u64) -> f64 {
    number as f64
}

/// Three figures are all that an estimate is worth.
fn shown(value: f64) -> String {
    match value {
        value if value >= 1e9 => format!("{:.3} G", value / 1e9),
        value if value >= 1e6 => format!("{:.2} M", value / 1e6),
        value if value >= 1e4 => format!("{:.1} k", value / 1e3),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_spread_as_probability_has_it() {
        for gateways in [2_u32, 40, 4_000] {
            let nobody = (1.0 - 1.0 / f64::from(gateways)).powi(50);
            let expected = f64::from(gateways) * (1.0 - nobody);
            let drawn = copies(gateways.into(), SAMPLE);
            assert!(
                (drawn / expected - 1.0).abs() < 0.01,
                "{gateways}: {drawn}, {expected}"
            );
        }
    }

    #[test]
    fn the_largest_size_is_too_large_for_one_deployment() {
        let fit = SIZES.map(|size| fits_one_deployment(&estimate(size)));
        assert_eq!(fit, [true, true, false]);
    }
}
