//! Queries that are objects: `page[size]=2&filter[types]=twilio`, or each object as JSON, `page={"size":2}`. Both are what
//! clients of v2 send.

use std::collections::BTreeMap;

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde_json::Value;

use super::problem::Problem;
use super::receive::asked;

/// What a query says about pages and filters. Other names are not looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Deep {
    pub(super) page: BTreeMap<String, String>,
    pub(super) filter: BTreeMap<String, String>,
}

impl<S: Sync> FromRequestParts<S> for Deep {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Deep, Problem> {
        Deep::parse(parts.uri.query().unwrap_or_default())
    }
}

impl Deep {
    fn parse(query: &str) -> Result<Deep, Problem> {
        let mut deep = Deep::default();
        for (name, value) in asked::<Vec<(String, String)>>(query)? {
            let (object, member) =
                match name.split_once('[').map(|(object, rest)| (object, rest.strip_suffix(']'))) {
                    Some((object, Some(member))) => (object, Some(member)),
                    Some(_) => continue,
                    None => (name.as_str(), None),
                };
            let members = match object {
                "page" => &mut deep.page,
                "filter" => &mut deep.filter,
                _ => continue,
            };
            match member {
                Some(member) => enter(members, member.to_owned(), value)?,
                None => {
                    for (member, value) in object_of(&value)? {
                        enter(members, member, value)?;
                    }
                }
            }
        }
        Ok(deep)
    }
}

/// What is refused is not the page or the filter alone: how it is written.
fn odd() -> Problem {
    Problem::bad_request("Invalid query parameters")
}

fn enter(members: &mut BTreeMap<String, String>, member: String, value: String) -> Result<(), Problem> {
    match members.insert(member, value) {
        None => Ok(()),
        Some(_) => Err(odd()),
    }
}

/// The members of an object in JSON. Clients write numbers as numbers or as texts.
fn object_of(json: &str) -> Result<Vec<(String, String)>, Problem> {
    let Ok(Value::Object(members)) = serde_json::from_str(json) else { return Err(odd()) };
    let given = members.into_iter().filter(|(_, value)| !value.is_null());
    given
        .map(|(member, value)| match value {
            Value::String(text) => Ok((member, text)),
            Value::Number(_) | Value::Bool(_) => Ok((member, value.to_string())),
            _ => Err(odd()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs = Vec<(String, String)>;

    fn said(query: &str) -> Option<(Pairs, Pairs)> {
        let deep = Deep::parse(query).ok()?;
        Some((deep.page.into_iter().collect(), deep.filter.into_iter().collect()))
    }

    fn pairs(pairs: &[(&str, &str)]) -> Pairs {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn both_spellings_say_the_same() {
        let expected = Some((pairs(&[("after", "00ff"), ("size", "2")]), pairs(&[("userId", "a+b c")])));
        for query in [
            "page[size]=2&page[after]=00ff&filter[userId]=a+b%20c",
            "page%5Bsize%5D=2&page%5Bafter%5D=00ff&filter%5BuserId%5D=a%2Bb%20c&else=1",
            "page=%7B%22size%22%3A2%2C%22after%22%3A%2200ff%22%7D&filter=%7B%22userId%22%3A%22a+b%20c%22%7D",
            "page=%7B%22size%22:%222%22,%22after%22:%2200ff%22,%22before%22:null%7D&filter[userId]=a+b%20c",
        ] {
            assert_eq!(said(query), expected, "{query}");
        }
        assert_eq!(said(""), Some((vec![], vec![])));
    }

    #[test]
    fn what_is_said_twice_or_cannot_be_read_is_refused() {
        for query in [
            "page[size]=2&page[size]=3",
            "page[size]=2&page=%7B%22size%22:2%7D",
            "page=2",
            "page=%7B%22size%22",
            "page=%7B%22size%22:%5B1%5D%7D",
        ] {
            assert_eq!(said(query), None, "{query}");
        }
    }
}
