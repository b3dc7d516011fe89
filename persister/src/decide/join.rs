//! JOIN: the author becomes a member of the chat, and through it of the chat's country.

use shared::command::Command;
use shared::error_code::ErrorCode;

use super::Rooms;

/// Makes the author a member, once.
pub(super) fn judge(command: &Command, rooms: &mut Rooms) -> Result<(), ErrorCode> {
    if rooms.enter(command.author_id, command.chat_id) {
        Ok(())
    } else {
        Err(ErrorCode::AlreadyJoined)
    }
}
