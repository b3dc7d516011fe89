//! Whom a chat's events are for, on this gateway: pure.
//!
//! A GROUP chat is for everybody. Of a PRIVATE one the guard knows the members: it hears them with the head of the
//! chat when that is asked for, and from then on keeps them up with the JOIN and LEAVE events that are delivered,
//! in their order. So what it knows is no copy that grows old: it is as old as the last event that was delivered here.
//! It lives as long as somebody here is interested in the chat, and never has more than the chat's few members.
//!
//! A no is never taken from here alone. Somebody may have become a member by an event that is still on its way to this
//! gateway, so before anybody is turned away the database is asked ([`super::chat`]).

use std::collections::HashMap;

use shared::error_code::ErrorCode;
use shared::event::EventType;
use shared::id::UserId;
use shared::policy::{Act, Policy, Standing};
use shared::query::Audience;

use super::SubscriberId;
use crate::reader::Reader;

/// What is known of one chat.
#[derive(Debug)]
pub(super) struct Guard {
    policy: &'static dyn Policy,
    audience: Audience,
    /// Those who were let in, of a private chat only: nobody has to leave any other.
    inside: HashMap<SubscriberId, Reader>,
}

impl Guard {
    /// Of a chat whose audience was just told.
    pub(super) fn new(policy: &'static dyn Policy, audience: Audience) -> Self {
        Self {
            policy,
            audience,
            inside: HashMap::new(),
        }
    }

    /// Whether somebody may see the events, as far as is known here.
    pub(super) fn judge(&self, reader: &Reader) -> Result<(), ErrorCode> {
        let standing = match &self.audience {
            Audience::Everybody => Standing::Group,
            Audience::Members(members) => Standing::Private {
                is_member: reader.is_among(members),
                may_sit: false,
            },
        };
        self.policy.judge(Act::Read, standing)
    }

    /// Whether not everybody may see them.
    pub(super) fn is_for_members(&self) -> bool {
        !self.audience.is_everybody()
    }

    /// Somebody was let in.
    pub(super) fn admitted(&mut self, id: SubscriberId, reader: Reader) {
        if self.is_for_members() {
            self.inside.insert(id, reader);
        }
    }

    /// Somebody left.
    pub(super) fn left(&mut self, id: SubscriberId) {
        self.inside.remove(&id);
    }

    /// The database told the audience, as of the last event delivered here or a later one.
    pub(super) fn learn(&mut self, audience: Audience) {
        self.audience = audience;
    }

    /// An event was delivered.
    pub(super) fn on_event(&mut self, kind: EventType, author: UserId) {
        let Audience::Members(members) = &mut self.audience else {
            return;
        };
        match kind {
            EventType::Join if !members.contains(&author) => members.push(author),
            EventType::Leave => members.retain(|member| *member != author),
            EventType::Join | EventType::StartTyping | EventType::StopTyping => {}
        }
    }

    /// Those inside who may not stay; they are counted out.
    pub(super) fn turned_out(&mut self) -> Vec<SubscriberId> {
        let mut out = std::mem::take(&mut self.inside);
        let stays = |reader: &Reader| self.judge(reader).is_ok();
        let inside = out.extract_if(|_, reader| stays(reader)).collect();
        self.inside = inside;
        out.into_keys().collect()
    }
}

#[cfg(test)]
mod tests {
    use shared::policy::POLICY;

    use super::*;

    fn user(id: i64) -> UserId {
        id.try_into().unwrap()
    }

    fn id(session: u64) -> SubscriberId {
        SubscriberId {
            session,
            subscription: 1,
        }
    }

    fn private(members: &[i64]) -> Guard {
        let members = members.iter().map(|id| user(*id)).collect();
        Guard::new(POLICY, Audience::Members(members))
    }

    #[test]
    fn a_group_is_for_everybody_and_remembers_nobody() {
        let mut guard = Guard::new(POLICY, Audience::Everybody);
        let nobody = Reader::Named([].into());
        assert_eq!(guard.judge(&nobody), Ok(()));
        guard.admitted(id(1), nobody);
        guard.on_event(EventType::Leave, user(7));
        assert!(guard.inside.is_empty());
        assert_eq!(guard.turned_out(), []);
    }

    #[test]
    fn events_tell_who_is_in_and_who_has_to_go() {
        let mut guard = private(&[7]);
        let (seven, eight) = (Reader::Proven(user(7)), Reader::Proven(user(8)));
        assert_eq!(guard.judge(&eight), Err(ErrorCode::Forbidden));
        guard.on_event(EventType::Join, user(8));
        guard.on_event(EventType::Join, user(8));
        guard.on_event(EventType::StartTyping, user(9));
        assert_eq!(guard.judge(&eight), Ok(()));
        guard.admitted(id(1), seven.clone());
        guard.admitted(id(2), eight.clone());
        guard.admitted(id(3), eight.clone());
        guard.left(id(3));
        assert_eq!(guard.turned_out(), []);
        guard.on_event(EventType::Leave, user(8));
        assert_eq!(guard.turned_out(), [id(2)]);
        assert_eq!(guard.turned_out(), [], "once");
        assert_eq!(guard.judge(&eight), Err(ErrorCode::Forbidden));
        assert_eq!(guard.judge(&seven), Ok(()));
    }

    #[test]
    fn what_the_database_tells_counts() {
        let mut guard = private(&[7, 8]);
        guard.admitted(id(1), Reader::Proven(user(7)));
        guard.learn(Audience::Members(vec![user(8)]));
        assert_eq!(guard.turned_out(), [id(1)]);
    }

    #[test]
    fn in_open_mode_a_session_is_whomever_it_names() {
        let guard = private(&[7]);
        let named = |ids: &[i64]| Reader::Named(ids.iter().map(|id| user(*id)).collect());
        assert_eq!(guard.judge(&named(&[])), Err(ErrorCode::Forbidden));
        assert_eq!(guard.judge(&named(&[8])), Err(ErrorCode::Forbidden));
        assert_eq!(guard.judge(&named(&[8, 7])), Ok(()));
    }
}
