//! LEAVE: the author's membership of the chat ends; that of the country with the author's last chat in it.

use shared::command::Command;
use shared::error_code::ErrorCode;

use super::Rooms;

/// Ends the author's membership, if there is one.
pub(super) fn judge(command: &Command, rooms: &mut Rooms) -> Result<(), ErrorCode> {
    if rooms.exit(command.author_id, command.chat_id) {
        Ok(())
    } else {
        Err(ErrorCode::NotJoined)
    }
}
