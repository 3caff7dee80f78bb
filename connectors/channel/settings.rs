//! Reading an integration's settings: every problem is collected, with its path, before anything is built.

use serde_json::{Map, Value};
use url::Url;

use super::Secret;

/// Something wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting's name.
    pub path: String,
    /// What is wrong, in one lowercase sentence.
    pub message: String,
}

/// What is said of a setting that nobody asks for.
const UNKNOWN: &str = "is not a setting of this channel";

impl Problem {
    /// Whether all that is wrong is that the channel has no such setting.
    pub fn is_unknown(&self) -> bool {
        self.message == UNKNOWN
    }
}

/// An integration's settings under inspection. Ask for each by name, then [`Settings::finish`].
#[derive(Debug)]
pub struct Settings<'a> {
    values: &'a Map<String, Value>,
    provider: &'a Map<String, Value>,
    known: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl<'a> Settings<'a> {
    /// `values` are the integration's own; `provider` is the operator's `[providers.X]` table.
    pub fn new(values: &'a Map<String, Value>, provider: &'a Map<String, Value>) -> Settings<'a> {
        Settings { values, provider, known: Vec::new(), problems: Vec::new() }
    }

    /// A setting that must be there; its absence is noted and an empty text stands in.
    pub fn required(&mut self, name: &'static str) -> String {
        match self.optional(name) {
            Some(value) => value,
            None => {
                if !self.problems.iter().any(|problem| problem.path == name) {
                    self.problem(name, "is required");
                }
                String::new()
            }
        }
    }

    /// A setting that may be left out. An empty text counts as left out.
    pub fn optional(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        match self.values.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => {
                self.problem(name, "must be a string");
                None
            }
        }
    }

    /// A required secret.
    pub fn secret(&mut self, name: &'static str) -> Secret {
        Secret::new(self.required(name))
    }

    /// A switch, false when left out.
    pub fn switch(&mut self, name: &'static str) -> bool {
        self.known.push(name);
        match self.values.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(value)) => *value,
            Some(_) => {
                self.problem(name, "must be true or false");
                false
            }
        }
    }

    /// A text from the operator's table for this provider, or its default.
    pub fn provider(&mut self, name: &'static str, default: &str) -> String {
        match self.provider.get(name) {
            Some(Value::String(text)) if !text.is_empty() => text.clone(),
            _ => default.to_owned(),
        }
    }

    /// The provider's `baseUrl`, written as URLs are sent (ASCII throughout), without a trailing slash.
    pub fn base_url(&mut self, default: &str) -> String {
        match Url::parse(&self.provider("baseUrl", default)) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => {
                url.as_str().trim_end_matches('/').to_owned()
            }
            _ => {
                self.problem("baseUrl", "must be an http or https URL");
                String::new()
            }
        }
    }

    /// Notes something wrong.
    pub fn problem(&mut self, path: &str, message: &str) {
        self.problems.push(Problem { path: path.to_owned(), message: message.to_owned() });
    }

    /// Ends the inspection: settings nobody asked for are problems too.
    pub fn finish(mut self) -> Result<(), Vec<Problem>> {
        for name in self.values.keys() {
            if !self.known.contains(&name.as_str()) {
                self.problems.push(Problem { path: name.clone(), message: UNKNOWN.into() });
            }
        }
        if self.problems.is_empty() { Ok(()) } else { Err(self.problems) }
    }
}

/// What `build` finds wrong with settings, a line each.
#[cfg(test)]
pub(crate) fn problems<C>(
    build: impl FnOnce(Settings<'_>) -> Result<C, Vec<Problem>>,
    values: &Value,
) -> Vec<String> {
    let values = values.as_object().expect("an object");
    let problems = build(Settings::new(values, &Map::new())).err().unwrap_or_default();
    problems.into_iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect()
}
