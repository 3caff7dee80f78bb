//! Reading a table key by key: every problem is noted with its path, none stops the reading.

use std::collections::BTreeSet;
use std::time::Duration;

use toml::{Table, Value};

use super::values;

/// The highest count that may be configured.
const COUNT_MAX: f64 = 1e9;

/// Something wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: `apps[0].integrations[1].accountSid`.
    pub path: String,
    /// What, in one lowercase sentence.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// A table under inspection. Ask for each key by name, then [`Section::finish`].
#[derive(Debug)]
pub(super) struct Section<'a> {
    table: Option<&'a Table>,
    path: String,
    known: BTreeSet<&'static str>,
}

impl<'a> Section<'a> {
    pub(super) fn root(table: &'a Table) -> Section<'a> {
        Section { table: Some(table), path: String::new(), known: BTreeSet::new() }
    }

    fn of(table: Option<&'a Table>, path: String) -> Section<'a> {
        Section { table, path, known: BTreeSet::new() }
    }

    /// Whether the file has this section at all.
    pub(super) fn exists(&self) -> bool {
        self.table.is_some()
    }

    /// The path of a key of this section.
    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.insert(key);
        self.table?.get(key)
    }

    /// A table inside this one; an absent one reads as empty.
    pub(super) fn section(&mut self, key: &'static str, problems: &mut Vec<Problem>) -> Section<'a> {
        let path = self.at(key);
        match self.value(key) {
            Some(Value::Table(table)) => Section::of(Some(table), path),
            Some(_) => {
                note(problems, &path, "must be a table");
                Section::of(None, path)
            }
            None => Section::of(None, path),
        }
    }

    /// The tables of an array.
    pub(super) fn sections(&mut self, key: &'static str, problems: &mut Vec<Problem>) -> Vec<Section<'a>> {
        let path = self.at(key);
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(items) = value.as_array() else {
            note(problems, &path, "must be an array of tables");
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            match item.as_table() {
                Some(table) => sections.push(Section::of(Some(table), path)),
                None => note(problems, &path, "must be a table"),
            }
        }
        sections
    }

    pub(super) fn text(&mut self, key: &'static str, problems: &mut Vec<Problem>) -> Option<String> {
        match self.value(key)? {
            Value::String(text) => Some(text.clone()),
            _ => {
                note(problems, &self.at(key), "must be a string");
                None
            }
        }
    }

    pub(super) fn required(&mut self, key: &'static str, problems: &mut Vec<Problem>) -> String {
        let before = problems.len();
        match self.text(key, problems) {
            Some(text) if !text.is_empty() => text,
            _ => {
                if problems.len() == before {
                    note(problems, &self.at(key), "is required");
                }
                String::new()
            }
        }
    }

    pub(super) fn switch(&mut self, key: &'static str, problems: &mut Vec<Problem>) -> Option<bool> {
        match self.value(key)? {
            Value::Boolean(value) => Some(*value),
            _ => {
                note(problems, &self.at(key), "must be true or false");
                None
            }
        }
    }

    pub(super) fn number(&mut self, key: &'static str, problems: &mut Vec<Problem>) -> Option<f64> {
        let number = match self.value(key)? {
            Value::Integer(number) => *number as f64,
            Value::Float(number) => *number,
            _ => f64::NAN,
        };
        if number > 0.0 && number.is_finite() {
            return Some(number);
        }
        note(problems, &self.at(key), "must be a number above zero");
        None
    }

    /// A whole number from 1.
    pub(super) fn count<T: TryFrom<u64>>(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<T> {
        let number = self.number(key, problems)?;
        let is_count = number.fract() == 0.0 && number <= COUNT_MAX;
        let count = is_count.then_some(number as u64).and_then(|count| T::try_from(count).ok());
        if count.is_none() {
            note(problems, &self.at(key), "must be a whole number, a thousand million at most");
        }
        count
    }

    pub(super) fn duration(
        &mut self,
        key: &'static str,
        default: &str,
        problems: &mut Vec<Problem>,
    ) -> Duration {
        let text = self.text(key, problems).unwrap_or_else(|| default.to_owned());
        self.a_duration(key, &text, problems)
    }

    /// A list of durations, or `None` where there is no list.
    pub(super) fn durations(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<Vec<Duration>> {
        let items = self.texts(key, problems)?;
        Some(items.iter().map(|text| self.a_duration(key, text, problems)).collect())
    }

    fn a_duration(&self, key: &str, text: &str, problems: &mut Vec<Problem>) -> Duration {
        values::duration(text).unwrap_or_else(|| {
            note(
                problems,
                &self.at(key),
                &format!("`{text}` is not a duration such as `250ms`, `20s`, `5m`, `72h` or `30d`"),
            );
            Duration::ZERO
        })
    }

    pub(super) fn size(&mut self, key: &'static str, default: &str, problems: &mut Vec<Problem>) -> usize {
        let text = self.text(key, problems).unwrap_or_else(|| default.to_owned());
        values::size(&text).unwrap_or_else(|| {
            note(problems, &self.at(key), &format!("`{text}` is not a size such as `100kB` or `4MiB`"));
            0
        })
    }

    pub(super) fn texts(&mut self, key: &'static str, problems: &mut Vec<Problem>) -> Option<Vec<String>> {
        let path = self.at(key);
        let items = match self.value(key)? {
            Value::Array(items) => items,
            _ => {
                note(problems, &path, "must be a list of strings");
                return None;
            }
        };
        let texts: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
        if texts.is_none() {
            note(problems, &path, "must be a list of strings");
        }
        texts
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
        problems: &mut Vec<Problem>,
    ) -> Option<T> {
        let text = self.text(key, problems)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let list: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            note(problems, &self.at(key), &format!("must be one of {}", list.join(", ")));
        }
        found
    }

    /// Everything not asked for yet: the settings that belong to somebody else.
    pub(super) fn rest(self) -> serde_json::Map<String, serde_json::Value> {
        let Some(table) = self.table else { return serde_json::Map::new() };
        let others = table.iter().filter(|(key, _)| !self.known.contains(key.as_str()));
        others.filter_map(|(key, value)| Some((key.clone(), serde_json::to_value(value).ok()?))).collect()
    }

    /// Ends the inspection: keys nobody asked for are problems.
    pub(super) fn finish(self, problems: &mut Vec<Problem>) {
        for key in self.table.into_iter().flat_map(Table::keys) {
            if !self.known.contains(key.as_str()) {
                note(problems, &self.at(key), "is not a setting");
            }
        }
    }
}

/// Notes something wrong.
pub(super) fn note(problems: &mut Vec<Problem>, path: &str, message: &str) {
    problems.push(Problem { path: path.to_owned(), message: message.to_owned() });
}

/// Puts the environment into every string below a value.
pub(super) fn interpolate_all(
    value: &mut Value,
    path: &str,
    env: &dyn Fn(&str) -> Option<String>,
    problems: &mut Vec<Problem>,
) {
    match value {
        Value::String(text) => match values::interpolate(text, env) {
            Ok(done) => *text = done,
            Err(message) => note(problems, path, &message),
        },
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                interpolate_all(item, &format!("{path}[{index}]"), env, problems);
            }
        }
        Value::Table(table) => {
            for (key, item) in table.iter_mut() {
                let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                interpolate_all(item, &path, env, problems);
            }
        }
        _ => {}
    }
}
