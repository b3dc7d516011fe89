//! A load balancer as clients see it: some gateway that said a moment ago that it is ready.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use local::probe;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How often each gateway is asked.
const ASK_INTERVAL: Duration = Duration::from_millis(200);

/// The balancer; it stops asking when it is dropped.
pub struct Balancer {
    gateways: Arc<[Gateway]>,
    next: AtomicUsize,
    _asking: JoinSet<()>,
}

struct Gateway {
    listen: SocketAddr,
    ready: AtomicBool,
}

impl Balancer {
    /// Over gateways that are ready now, each with its administration port.
    pub fn start(gateways: Vec<(SocketAddr, SocketAddr)>) -> Arc<Self> {
        let admins: Vec<_> = gateways.iter().map(|(_, admin)| *admin).collect();
        let gateways: Arc<[Gateway]> = gateways
            .into_iter()
            .map(|(listen, _)| Gateway {
                listen,
                ready: AtomicBool::new(true),
            })
            .collect();
        let mut asking = JoinSet::new();
        for (index, admin) in admins.into_iter().enumerate() {
            asking.spawn(ask(Arc::clone(&gateways), index, admin));
        }
        Arc::new(Self {
            gateways,
            next: AtomicUsize::new(0),
            _asking: asking,
        })
    }

    /// The next gateway in turn that is ready; any, when none is.
    pub fn pick(&self) -> SocketAddr {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.gateways.len();
        let in_turn = (0..count).map(|step| &self.gateways[(first + step) % count]);
        let ready = in_turn
            .into_iter()
            .find(|gateway| gateway.ready.load(Ordering::Relaxed));
        ready.unwrap_or(&self.gateways[first % count]).listen
    }
}

async fn ask(gateways: Arc<[Gateway]>, index: usize, admin: SocketAddr) {
    loop {
        let ready = matches!(probe::get(admin, "/readyz").await, Ok((200, _)));
        gateways[index].ready.store(ready, Ordering::Relaxed);
        sleep(ASK_INTERVAL).await;
    }
}
