//! What Meta tells of pages and people, field by field.

use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::sim::{kept::Kept, lock, meta::Refusal};

/// How many names are remembered, and how many bytes of them.
const NAMES_LIMIT: (usize, usize) = (50_000, 8 << 20);

/// The fields a call asks for.
pub(super) struct Fields(Vec<String>);

impl Fields {
    /// Reads the query, which may hold nothing else.
    pub(super) fn parse(query: &[(String, String)]) -> Result<Fields, Refusal> {
        match query {
            [(name, fields)] if name == "fields" => {
                Ok(Fields(fields.split(',').map(str::to_owned).collect()))
            }
            _ => Err(Refusal::parameter("The simulator knows the parameter fields and no other")),
        }
    }

    /// These of an object's fields, and its id, which is always told. What it does not show is left out; what
    /// it cannot have is refused.
    fn of(&self, all: &Map<String, Value>) -> Result<Value, Refusal> {
        let mut shown = Map::new();
        for field in self.0.iter().map(String::as_str).chain(["id"]) {
            let value = all
                .get(field)
                .ok_or_else(|| Refusal::parameter(&format!("Tried accessing nonexisting field ({field})")))?;
            if !value.is_null() {
                shown.insert(field.to_owned(), value.clone());
            }
        }
        Ok(Value::Object(shown))
    }
}

/// A page.
pub(super) fn page(id: &str, fields: &Fields) -> Result<Value, Refusal> {
    let all = [("id", id.to_owned()), ("name", format!("Page {id}"))];
    fields.of(&all.map(|(name, value)| (name.to_owned(), Value::String(value))).into_iter().collect())
}

/// What people call themselves, as they said it last.
pub(super) struct People {
    names: Mutex<Kept<String>>,
}

impl People {
    /// Nobody has said their name yet.
    pub(super) fn new() -> People {
        People { names: Mutex::new(Kept::new(NAMES_LIMIT)) }
    }

    /// Remembers a name.
    pub(super) fn is_called(&self, page_id: &str, person_id: &str, name: &str) {
        let key = format!("{page_id}/{person_id}");
        let bytes = 2 * key.len() + name.len();
        lock(&self.names).push(Some(key), bytes, Arc::new(name.to_owned()));
    }

    /// A person: who never said a name has one after their id.
    pub(super) fn profile(
        &self,
        page_id: &str,
        person_id: &str,
        fields: &Fields,
        headers: &HeaderMap,
    ) -> Result<Value, Refusal> {
        let said = lock(&self.names).get(&format!("{page_id}/{person_id}"));
        let name = said.map_or_else(|| format!("Person {person_id}"), |name| name.trim().to_owned());
        let (first, last) = name.split_once(' ').map_or((name.as_str(), None), |(a, b)| (a, Some(b)));
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let all = [
            ("id", Some(person_id.to_owned())),
            ("first_name", Some(first.to_owned())),
            ("last_name", last.map(str::to_owned)),
            ("name", Some(name.clone())),
            ("profile_pic", host.map(|host| format!("http://{host}/files/{person_id}.png"))),
        ];
        fields.of(&all.map(|(name, value)| (name.to_owned(), Value::from(value))).into_iter().collect())
    }
}
