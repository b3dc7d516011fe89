//! Path and query parameters, and the page that a list comes in.

use axum::Json;
use serde::{Deserialize, Serialize};
use shared::query::{Page, PageRequest, ROWS_MAX};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;

/// Rows in a page when nobody says how many.
const ROWS_DEFAULT: u64 = 100;

/// `?after=&limit=`, as text: a problem document says more about a wrong value than a parser's message.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// Only rows whose id is larger; 0 for all.
    #[param(value_type = Option<i64>, minimum = 0, default = 0)]
    after: Option<String>,
    /// At most so many rows.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<String>,
}

impl Paging {
    /// Checked.
    pub(super) fn request(&self) -> Result<PageRequest, Problem> {
        let after = match &self.after {
            None => 0,
            Some(text) => text
                .parse()
                .ok()
                .filter(|after| *after >= 0)
                .ok_or_else(|| Problem::invalid("after", "must be an id, or 0"))?,
        };
        let limit = match &self.limit {
            None => ROWS_DEFAULT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=ROWS_MAX).contains(limit))
                .ok_or_else(|| {
                    Problem::invalid("limit", &format!("must be from 1 to {ROWS_MAX}"))
                })?,
        };
        Ok(PageRequest { after, limit })
    }
}

/// An id in the path.
pub(super) fn id<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse()
        .map_err(|_| Problem::invalid(name, "must be a positive integer"))
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Listing<T> {
    /// The rows, in order of id.
    rows: Vec<T>,
    /// What goes into `after` of the next request; null on the last page.
    #[schema(required)]
    next: Option<i64>,
}

impl<T> Listing<T> {
    /// `id` tells the id of a row, by which the list is ordered.
    pub(super) fn json(page: Page<T>, id: impl Fn(&T) -> i64) -> Json<Self> {
        let next = if page.more {
            page.rows.last().map(id)
        } else {
            None
        };
        Json(Self {
            rows: page.rows,
            next,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(after: Option<&str>, limit: Option<&str>) -> Option<(i64, u64)> {
        let paging = Paging {
            after: after.map(str::to_owned),
            limit: limit.map(str::to_owned),
        };
        paging.request().ok().map(|page| (page.after, page.limit))
    }

    #[test]
    fn pages_are_bounded_and_bad_parameters_refused() {
        assert_eq!(check(None, None), Some((0, 100)));
        assert_eq!(check(Some("37"), Some("1000")), Some((37, 1_000)));
        for (after, limit) in [
            (Some("-1"), None),
            (Some("x"), None),
            (None, Some("0")),
            (None, Some("1001")),
            (None, Some("")),
        ] {
            assert_eq!(check(after, limit), None, "{after:?} {limit:?}");
        }
    }
}
