//! Writing JSON objects field by field: what is not there is left out, never `null`.

use serde::Serialize;
use serde_json::{Map, Value};

/// An object on its way out.
#[derive(Debug, Clone, Default)]
pub(super) struct Written(Map<String, Value>);

impl Written {
    /// An object without fields.
    pub(super) fn new() -> Written {
        Written::default()
    }

    /// The object that something is in the content vocabulary, whose names are the API's.
    pub(super) fn of(value: &impl Serialize) -> Written {
        match serde_json::to_value(value) {
            Ok(Value::Object(fields)) => Written(fields),
            _ => Written::new(),
        }
    }

    /// With a field. What JSON cannot express (an infinite number) becomes `null`.
    pub(super) fn with(mut self, key: &str, value: impl Serialize) -> Written {
        self.0.insert(key.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }

    /// With a field, unless it is absent.
    pub(super) fn maybe(self, key: &str, value: Option<impl Serialize>) -> Written {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Without a field.
    pub(super) fn without(mut self, key: &str) -> Written {
        self.0.remove(key);
        self
    }

    /// With all fields of another object.
    pub(super) fn and(mut self, other: Written) -> Written {
        self.0.extend(other.0);
        self
    }
}

impl From<Written> for Value {
    fn from(written: Written) -> Value {
        Value::Object(written.0)
    }
}

impl Serialize for Written {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
