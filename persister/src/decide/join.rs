//! JOIN: the author becomes a member of the chat, and through it of the chat's country.

use shared::command::Command;
use shared::error_code::ErrorCode;
use shared::policy::Act;

use super::{Rooms, Terms};

/// Makes the author a member, once, if the rules allow it.
pub(super) fn judge(command: &Command, rooms: &mut Rooms, terms: &Terms) -> Result<(), ErrorCode> {
    let (author, chat) = (command.author_id, command.chat_id);
    if rooms.is_member(author, chat) {
        return Err(ErrorCode::AlreadyJoined);
    }
    terms
        .policy
        .judge(Act::Join, rooms.standing(author, chat))?;
    rooms.enter(author, chat);
    Ok(())
}
