//! Reading a request's JSON field by field, so that every refusal names the field.
//!
//! Unknown fields are never looked at, `null` is the same as absent.

use serde_json::{Map, Value};
use url::Url;

use crate::model::Timestamp;

/// Objects and lists inside each other, at most; nothing legitimate comes near it.
const DEPTH_MAX: usize = 32;

/// Metadata and properties: bytes of keys and values together.
const FACTS_MAX: usize = 4096;

/// Characters of an address on the web.
const URL_MAX: usize = 2048;

/// What is said of a field that is not there.
pub const MISSING: &str = "is required";

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The offending field, like `message.items[0].title`; empty for the body as a whole.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl std::error::Error for Invalid {}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.path.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl Invalid {
    fn whole(message: impl Into<String>) -> Invalid {
        Invalid { path: String::new(), message: message.into() }
    }
}

/// The JSON object a body holds. An empty body is an empty object: clients send none where nothing is required.
pub(super) fn document(body: &[u8]) -> Result<Value, Invalid> {
    if body.trim_ascii().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let too_deep = || Invalid::whole(format!("must not be nested deeper than {DEPTH_MAX}"));
    // Measured before parsing, so that the parser never recurses further.
    if depth(body) > DEPTH_MAX {
        return Err(too_deep());
    }
    match serde_json::from_slice(body) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err(Invalid::whole("must be a JSON object")),
        Err(error) => Err(Invalid::whole(format!("malformed JSON: {error}"))),
    }
}

/// How deep brackets are nested outside of strings.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A value a caller gave, and where it stands in the request.
#[derive(Debug, Clone)]
pub(super) struct Given<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Given<'a> {
    /// The request as a whole.
    pub(super) fn root(document: &'a Value) -> Given<'a> {
        Given { value: document, path: String::new() }
    }

    /// A refusal of this value.
    pub(super) fn refuse(&self, message: impl Into<String>) -> Invalid {
        Invalid { path: self.path.clone(), message: message.into() }
    }

    /// A refusal of a member, present or not.
    pub(super) fn refuse_member(&self, key: &str, message: impl Into<String>) -> Invalid {
        Invalid { path: self.path_of(key), message: message.into() }
    }

    /// A refusal because a member is not there.
    pub(super) fn missing(&self, key: &str) -> Invalid {
        self.refuse_member(key, MISSING)
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The members, when it is an object.
    pub(super) fn object(&self) -> Result<&'a Map<String, Value>, Invalid> {
        self.value.as_object().ok_or_else(|| self.refuse("must be an object"))
    }

    /// A member, unless it is absent.
    pub(super) fn member(&self, key: &str) -> Result<Option<Given<'a>>, Invalid> {
        let member = self.object()?.get(key).filter(|value| !value.is_null());
        Ok(member.map(|value| Given { value, path: self.path_of(key) }))
    }

    /// A member read in some way, unless it is absent.
    pub(super) fn optional<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Given<'a>) -> Result<T, Invalid>,
    ) -> Result<Option<T>, Invalid> {
        self.member(key)?.map(|member| read(&member)).transpose()
    }

    /// A member read in some way; its absence is refused.
    pub(super) fn required<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Given<'a>) -> Result<T, Invalid>,
    ) -> Result<T, Invalid> {
        match self.member(key)? {
            Some(member) => read(&member),
            None => Err(self.missing(key)),
        }
    }

    /// The elements, when it is a list.
    pub(super) fn list(&self) -> Result<Vec<Given<'a>>, Invalid> {
        let elements = self.value.as_array().ok_or_else(|| self.refuse("must be a list"))?;
        let numbered = elements.iter().enumerate();
        Ok(numbered.map(|(n, value)| Given { value, path: format!("{}[{n}]", self.path) }).collect())
    }

    /// The elements, when there are so many.
    pub(super) fn list_of(&self, least: usize, most: usize) -> Result<Vec<Given<'a>>, Invalid> {
        let elements = self.list()?;
        if (least..=most).contains(&elements.len()) {
            return Ok(elements);
        }
        Err(self.refuse(format!("must hold {least} to {most} elements, not {}", elements.len())))
    }

    /// The text, possibly empty.
    pub(super) fn text(&self) -> Result<&'a str, Invalid> {
        self.value.as_str().ok_or_else(|| self.refuse("must be a string"))
    }

    /// The text, when it has at most so many characters.
    pub(super) fn text_within(&self, most: usize) -> Result<String, Invalid> {
        let text = self.text()?;
        if text.chars().count() <= most {
            return Ok(text.to_owned());
        }
        Err(self.refuse(format!("must not be longer than {most} characters")))
    }

    /// The text, when it has at least one and at most so many characters.
    pub(super) fn filled_within(&self, most: usize) -> Result<String, Invalid> {
        let text = self.text_within(most)?;
        if text.is_empty() { Err(self.refuse("must not be empty")) } else { Ok(text) }
    }

    /// The text, when it is one of a few words.
    pub(super) fn word(&self, allowed: &[&'static str]) -> Result<&'static str, Invalid> {
        let text = self.text()?;
        let known = allowed.iter().copied().find(|word| *word == text);
        known.ok_or_else(|| self.refuse(format!("must be one of {}", allowed.join(", "))))
    }

    /// A moment.
    pub(super) fn moment(&self) -> Result<Timestamp, Invalid> {
        let moment = Timestamp::parse_iso(self.text()?);
        moment.ok_or_else(|| self.refuse("must be an ISO 8601 time with a zone"))
    }

    /// True or false.
    pub(super) fn flag(&self) -> Result<bool, Invalid> {
        self.value.as_bool().ok_or_else(|| self.refuse("must be true or false"))
    }

    /// A whole number.
    pub(super) fn integer(&self) -> Result<i64, Invalid> {
        self.value.as_i64().ok_or_else(|| self.refuse("must be an integer"))
    }

    /// A number in some range.
    pub(super) fn number_between(&self, least: f64, most: f64) -> Result<f64, Invalid> {
        let number = self.value.as_f64().ok_or_else(|| self.refuse("must be a number"))?;
        if (least..=most).contains(&number) {
            return Ok(number);
        }
        Err(self.refuse(format!("must lie between {least} and {most}")))
    }

    /// An absolute address that web clients can fetch.
    pub(super) fn web_url(&self) -> Result<String, Invalid> {
        let text = self.filled_within(URL_MAX)?;
        let is_web = Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if is_web { Ok(text) } else { Err(self.refuse("must be an absolute http or https URL")) }
    }

    /// The caller's own facts: a flat object of limited size.
    pub(super) fn facts(&self) -> Result<Map<String, Value>, Invalid> {
        let (mut facts, mut size) = (Map::new(), 0);
        for (key, value) in self.object()? {
            size += key.len();
            size += match value {
                Value::Null => continue,
                Value::String(text) => text.len(),
                Value::Bool(_) | Value::Number(_) => value.to_string().len(),
                Value::Array(_) | Value::Object(_) => {
                    return Err(self.refuse_member(key, "must be a string, number or boolean"));
                }
            };
            facts.insert(key.clone(), value.clone());
        }
        if size <= FACTS_MAX {
            return Ok(facts);
        }
        Err(self.refuse(format!("is limited to {FACTS_MAX} bytes in size")))
    }

    /// Facts to be set, and with null those to be removed.
    pub(super) fn changed_facts(&self) -> Result<Map<String, Value>, Invalid> {
        let mut facts = self.facts()?;
        let removed = self.object()?.iter().filter(|(_, value)| value.is_null());
        facts.extend(removed.map(|(key, _)| (key.clone(), Value::Null)));
        Ok(facts)
    }
}
