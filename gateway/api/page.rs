//! Lists in pages: `?limit=…&offset=…`, answered with `hasMore` and `offset`.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::problem::Problem;
use super::receive::Asked;

/// Entries of a page when nothing is said.
const USUAL: usize = 25;

/// Entries of a page, at most.
const MOST: usize = 100;

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct Page {
    #[serde(default = "usual")]
    limit: usize,
    #[serde(default)]
    offset: usize,
}

fn usual() -> usize {
    USUAL
}

impl FromRequestParts<Arc<Api>> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Page, Problem> {
        let Asked(page) = Asked::<Page>::from_request_parts(parts, api).await?;
        page.checked()
    }
}

impl Page {
    fn checked(self) -> Result<Page, Problem> {
        if (1..=MOST).contains(&self.limit) {
            return Ok(self);
        }
        Err(Problem::invalid("limit", &format!("must be 1 to {MOST}")))
    }

    /// The answer: this part of the list under its name, and whether more follows.
    pub(super) fn of(self, name: &str, list: impl IntoIterator<Item = Value>) -> Value {
        let mut rest = list.into_iter().skip(self.offset);
        let part: Vec<Value> = rest.by_ref().take(self.limit).collect();
        json!({ name: part, "hasMore": rest.next().is_some(), "offset": self.offset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_whether_more_follows() {
        let page = |limit, offset| Page { limit, offset }.of("apps", (0..5).map(Value::from));
        assert_eq!(page(2, 0), json!({ "apps": [0, 1], "hasMore": true, "offset": 0 }));
        assert_eq!(page(2, 3), json!({ "apps": [3, 4], "hasMore": false, "offset": 3 }));
        assert_eq!(page(25, 9), json!({ "apps": [], "hasMore": false, "offset": 9 }));
    }

    #[test]
    fn a_page_has_bounds() {
        for (limit, is_right) in [(0, false), (1, true), (100, true), (101, false)] {
            assert_eq!(Page { limit, offset: 0 }.checked().is_ok(), is_right, "{limit}");
        }
    }
}
