//! Lists in pages by cursor: `page[size]`, `page[after]`, `page[before]`, answered with `meta` and `links`.
//!
//! A cursor is the id of an entry, and ids sort by age: so a page is where it was, whatever is added or taken away
//! meanwhile, the entry of the cursor too.

use axum::extract::FromRequestParts;
use http::Uri;
use http::request::Parts;
use serde_json::{Map, Value, json};

use super::deep::Deep;
use super::problem::Problem;
use crate::core::{Listed, Slice};

/// Entries of a page when nothing is said.
const USUAL: usize = 25;

/// Entries of a page, at most.
const MOST: usize = 100;

/// Hex digits of a cursor: clients refuse any other number of them.
const DIGITS: usize = 24;

/// Which part of a list is wanted.
#[derive(Debug, Clone)]
pub(super) struct Pages {
    size: usize,
    from: From,
    uri: Uri,
}

/// Where a page begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
enum From {
    Start,
    After(String),
    Before(String),
}

/// From which end a list is read when no place in it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Forwards,
    /// The newest first, as messages are.
    Backwards,
}

impl<S: Sync> FromRequestParts<S> for Pages {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Pages, Problem> {
        let mut page = Deep::from_request_parts(parts, state).await?.page;
        let odd = || Problem::bad_request("Invalid page query parameters");
        let size = page.remove("size").map_or(Ok(USUAL), |size| size.parse::<usize>()).map_err(|_| odd())?;
        let from = match (page.remove("after"), page.remove("before")) {
            (None, None) => From::Start,
            (Some(id), None) if is_cursor(&id) => From::After(id),
            (None, Some(id)) if is_cursor(&id) => From::Before(id),
            _ => return Err(odd()),
        };
        let uri = parts.uri.clone();
        if (1..=MOST).contains(&size) { Ok(Pages { size, from, uri }) } else { Err(odd()) }
    }
}

fn is_cursor(id: &str) -> bool {
    id.len() == DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Pages {
    /// The answer: this part of the list under its name. `base` is what the addresses of other pages begin with.
    pub(super) fn of_all(&self, name: &str, base: &str, mut all: Vec<(String, Value)>) -> Value {
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        let (begin, end) = match &self.from {
            From::Start => (0, self.size),
            From::After(id) => {
                let begin = all.partition_point(|(other, _)| other <= id);
                (begin, begin.saturating_add(self.size))
            }
            From::Before(id) => {
                let end = all.partition_point(|(other, _)| other < id);
                (end.saturating_sub(self.size), end)
            }
        };
        let end = end.min(all.len());
        let (has_earlier, has_later) = (begin > 0, end < all.len());
        let part: Vec<(String, Value)> = all.drain(begin..end).collect();
        self.answer(name, base, part, (has_earlier, has_later), Way::Forwards)
    }

    /// The part of a list of the store that is wanted.
    pub(super) fn slice(&self) -> Slice {
        match &self.from {
            From::Start => Slice::First(self.size),
            From::After(id) => Slice::After(id.clone(), self.size),
            From::Before(id) => Slice::Before(id.clone(), self.size),
        }
    }

    /// The answer: a part that the store gave, under its list's name.
    pub(super) fn of(&self, name: &str, base: &str, listed: Listed<(String, Value)>, way: Way) -> Value {
        let Listed { items, has_earlier, has_later } = listed;
        self.answer(name, base, items, (has_earlier, has_later), way)
    }

    fn answer(
        &self,
        name: &str,
        base: &str,
        part: Vec<(String, Value)>,
        (earlier, later): (bool, bool),
        way: Way,
    ) -> Value {
        let is_backwards = match self.from {
            From::Start => way == Way::Backwards,
            From::After(_) => false,
            From::Before(_) => true,
        };
        let (mut meta, mut links) = (Map::new(), Map::new());
        meta.insert("hasMore".into(), (if is_backwards { earlier } else { later }).into());
        let (first, last) = (part.first().map(|(id, _)| id), part.last().map(|(id, _)| id));
        if let Some(last) = last.filter(|_| later) {
            meta.insert("afterCursor".into(), last.as_str().into());
            links.insert("next".into(), self.link(base, "after", last).into());
        }
        if let Some(first) = first.filter(|_| earlier) {
            meta.insert("beforeCursor".into(), first.as_str().into());
            links.insert("prev".into(), self.link(base, "before", first).into());
        }
        let entries: Vec<Value> = part.into_iter().map(|(_, entry)| entry).collect();
        let mut answer = json!({ name: entries, "meta": meta });
        if !links.is_empty() {
            answer["links"] = links.into();
        }
        answer
    }

    /// The address of another page: the one asked for, with another place.
    fn link(&self, base: &str, side: &str, cursor: &str) -> String {
        let query = self.uri.query().unwrap_or_default().split('&');
        let is_page = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or_default();
            name == "page" || name.starts_with("page[") || name.to_ascii_lowercase().starts_with("page%5b")
        };
        let mut pairs: Vec<String> =
            query.filter(|pair| !pair.is_empty() && !is_page(pair)).map(str::to_owned).collect();
        pairs.push(format!("page%5Bsize%5D={}", self.size));
        pairs.push(format!("page%5B{side}%5D={cursor}"));
        format!("{base}{}?{}", self.uri.path(), pairs.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    async fn pages(query: &str) -> Result<Pages, Problem> {
        let request = http::Request::builder().uri(format!("/v2/apps?{query}")).body(()).expect("a request");
        Pages::from_request_parts(&mut request.into_parts().0, &()).await
    }

    fn id(number: u32) -> String {
        format!("{number:024x}")
    }

    fn list(numbers: impl IntoIterator<Item = u32>) -> Vec<(String, Value)> {
        numbers.into_iter().map(|number| (id(number), number.into())).collect()
    }

    #[tokio::test]
    async fn a_page_says_what_lies_before_and_after_it() {
        let page = async |query: &str| {
            pages(query).await.expect("is right").of_all("apps", "https://h", list([3, 1, 2, 5, 4]))
        };
        assert_eq!(page("").await, json!({"apps": [1, 2, 3, 4, 5], "meta": {"hasMore": false}}));
        let (two, four) = (id(2), id(4));
        let link = |side: &str, id: &str| {
            format!("https://h/v2/apps?filter[a]=b&page%5Bsize%5D=2&page%5B{side}%5D={id}")
        };
        assert_eq!(
            page("page[size]=2&filter[a]=b").await,
            json!({"apps": [1, 2], "meta": {"hasMore": true, "afterCursor": two}, "links": {"next": link("after", &two)}})
        );
        assert_eq!(
            page(&format!("filter[a]=b&page%5Bsize%5D=2&page%5Bafter%5D={two}")).await,
            json!({"apps": [3, 4],
                "meta": {"hasMore": true, "afterCursor": four, "beforeCursor": id(3)},
                "links": {"next": link("after", &four), "prev": link("before", &id(3))}})
        );
        assert_eq!(
            page(&format!("filter[a]=b&page[size]=2&page[before]={two}")).await,
            json!({"apps": [1], "meta": {"hasMore": false, "afterCursor": id(1)}, "links": {"next": link("after", &id(1))}})
        );
    }

    #[tokio::test]
    async fn a_page_has_bounds() {
        let cursor = id(1);
        for (query, is_right) in [
            ("page[size]=0", false),
            ("page[size]=1", true),
            ("page[size]=100", true),
            ("page[size]=101", false),
            ("page[size]=two", false),
            ("page[after]=12", false),
            (&format!("page[after]={cursor}"), true),
            (&format!("page[after]={cursor}&page[before]={cursor}"), false),
        ] {
            assert_eq!(pages(query).await.is_ok(), is_right, "{query}");
        }
    }

    proptest! {
        #[test]
        fn whoever_reads_page_by_page_misses_nothing(
            kept in proptest::collection::btree_set(0_u32..500, 0..60),
            others in proptest::collection::vec(0_u32..500, 60),
            size in 1_usize..7,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let (mut seen, mut query) = (Vec::new(), format!("page[size]={size}"));
            for other in &others {
                // Something else comes and goes all the while.
                let now = list(kept.iter().copied().chain([*other].into_iter().filter(|one| !kept.contains(one))));
                let page = runtime.block_on(pages(&query)).expect("is right").of_all("apps", "", now);
                seen.extend(page["apps"].as_array().expect("a list").iter().filter_map(Value::as_u64));
                let Some(next) = page["links"]["next"].as_str() else { break };
                query = next.split_once('?').expect("a query").1.to_owned();
            }
            let kept_seen: Vec<u32> = seen.iter().map(|one| *one as u32).filter(|one| kept.contains(one)).collect();
            prop_assert!(kept_seen.iter().zip(&kept).all(|(seen, kept)| seen == kept), "{seen:?} {kept:?}");
            prop_assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
        }
    }
}
