//! Which sessions an operator asks for.

use std::net::IpAddr;

use ipnet::IpNet;
use shared::id::{ChatId, UserId};

use super::Entry;

/// Those that match everything given here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Sessions of this user.
    pub user: Option<UserId>,
    /// Sessions that subscribed to this chat.
    pub chat: Option<ChatId>,
    /// Sessions from this address, or network of addresses.
    pub address: Option<IpNet>,
}

impl Filter {
    /// Whether a session is asked for.
    pub(super) fn passes(&self, entry: &Entry) -> bool {
        self.address
            .is_none_or(|net| net.contains(&entry.address()))
            && self.user.is_none_or(|user| entry.user() == Some(user))
            && self.chat.is_none_or(|chat| entry.follows(chat))
    }
}

/// `203.0.113.7`, `2001:db8::/32`.
///
/// # Errors
/// It is neither an address nor a network.
pub fn network(text: &str) -> Result<IpNet, String> {
    text.parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "expected an address, or a network like 10.0.0.0/8".to_owned())
}
