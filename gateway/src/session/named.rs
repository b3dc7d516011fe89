//! In open mode: in whose name the session has sent something.

use shared::id::UserId;

/// Most authors remembered; of more, the latest are. A frontend has one, a load generator many.
const NAMED_MAX: usize = 16;

/// The latest authors, the last one at the end.
#[derive(Debug, Default)]
pub(super) struct Named(Vec<UserId>);

impl Named {
    /// Takes note of the author of a command.
    pub(super) fn note(&mut self, author: UserId) {
        if self.0.contains(&author) {
            return;
        }
        if self.0.len() == NAMED_MAX {
            self.0.remove(0);
        }
        self.0.push(author);
    }

    pub(super) fn users(&self) -> &[UserId] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_authors_are_remembered_once_each() {
        let mut named = Named::default();
        let user = |id: i64| UserId::try_from(id).unwrap();
        for id in [1, 2, 1] {
            named.note(user(id));
        }
        assert_eq!(named.users(), [user(1), user(2)]);
        for id in 3..=17 {
            named.note(user(id));
        }
        assert_eq!(named.users().len(), NAMED_MAX);
        assert!(!named.users().contains(&user(1)));
        assert!(named.users().contains(&user(17)));
    }
}
