//! Whether a chat may be asked about: what a subscriber may see, and no more.

use shared::error_code::ErrorCode;
use shared::id::ChatId;
use shared::policy::{Act, POLICY, Standing};
use shared::query::{Audience, HeadsRequest};

use super::Api;
use super::caller::Caller;
use super::problem::Problem;
use crate::questions;

/// Refuses whomever a chat is not for. Asked of the database each time: queries are rare beside events, and the answer
/// is then never older than the question. In open mode a query names nobody, so that nobody is there to be refused.
pub(super) async fn check(api: &Api, caller: Caller, chat: ChatId) -> Result<(), Problem> {
    let Some(user) = caller.user() else {
        return Ok(());
    };
    let question = HeadsRequest { chats: vec![chat] };
    let mut answer = questions::heads(&api.bus.client, &question).await?;
    let Some(head) = answer.heads.pop() else {
        return Err(Problem::about_chat(ErrorCode::ChatNotFound, chat));
    };
    let standing = match head.audience {
        Audience::Everybody => Standing::Group,
        Audience::Members(members) => Standing::Private {
            is_member: members.contains(&user),
            may_sit: false,
        },
    };
    POLICY.judge(Act::Read, standing).map_err(|code| {
        caller.note_refusal(code);
        Problem::about_chat(code, chat)
    })
}
