//! One sea-orm entity per table, in the order of the data: what exists, who belongs where, what happened,
//! and the persister's own book-keeping (design section 4.2).

pub mod chat;
pub mod chat_seat;
pub mod cmd_partition;
pub mod cmd_rejection;
pub mod country;
pub mod event;
pub mod persister_replica;
pub mod pruned_history;
pub mod pruning;
pub mod typing;
pub mod user_chat;
pub mod user_country;
