//! `&((template=[[NAME]] body_text=[[…]]))&`: a WhatsApp template, and what to say where there is no WhatsApp.

use heliograph_connectors::channel::Content;
use serde_json::{Value, json};

use crate::wire::Invalid;

use super::{Spoken, refuse};

/// What may be said of a template.
const KEYS: [&str; 10] = [
    "namespace",
    "template",
    "fallback",
    "language",
    "body_text",
    "header_text",
    "header_image",
    "header_document",
    "header_video",
    "button_text",
];

/// What is said of a template, key by key in the order it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template<'a>(Vec<(&'a str, &'a str)>);

/// Reads a template behind its opening, and what follows it. Blanks between the parts may be missing.
pub(super) fn read(text: &str) -> Option<(Template<'_>, &str)> {
    let mut said = Vec::new();
    let mut rest = text.trim_start();
    loop {
        if let Some(rest) = rest.strip_prefix("))&").filter(|_| !said.is_empty()) {
            return Some((Template(said), rest));
        }
        let (key, value) = rest.split_once("=[[")?;
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        // A value may itself end with brackets: `[[see [1]]]`.
        let end = value.find("]]").filter(|_| is_key)?;
        let more = value[end + 2..].bytes().take_while(|byte| *byte == b']').count();
        said.push((key, &value[..end + more]));
        rest = value[end + more + 2..].trim_start();
    }
}

impl Template<'_> {
    /// The message it is.
    pub(super) fn spoken(&self) -> Result<Spoken, Invalid> {
        if let Some((unknown, _)) = self.0.iter().find(|(key, _)| !KEYS.contains(key)) {
            return Err(refuse(&format!("`{unknown}` says nothing about a WhatsApp template")));
        }
        let filled = |key| self.one(key).filter(|value| !value.trim().is_empty());
        let name =
            filled("template").ok_or_else(|| refuse("a WhatsApp template must have template=[[…]]"))?;
        let mut template = json!({ "name": name });
        if let Some(namespace) = filled("namespace") {
            template["namespace"] = namespace.into();
        }
        // Without one the channel knows the integration's own.
        if let Some(language) = filled("language") {
            template["language"] = json!({ "code": language });
        }
        let components = self.components();
        if !components.is_empty() {
            template["components"] = components.into();
        }
        let content = Content::text(filled("fallback").unwrap_or(name));
        Ok(Spoken { content, whatsapp: Some(json!({"type": "template", "template": template})) })
    }

    fn components(&self) -> Vec<Value> {
        let mut components = Vec::new();
        let header = self.0.iter().find_map(|(key, value)| match *key {
            "header_text" => Some(text(value)),
            "header_image" => Some(file("image", value)),
            "header_document" => Some(file("document", value)),
            "header_video" => Some(file("video", value)),
            _ => None,
        });
        if let Some(header) = header {
            components.push(json!({"type": "header", "parameters": [header]}));
        }
        let body: Vec<Value> = self.all("body_text").map(text).collect();
        if !body.is_empty() {
            components.push(json!({"type": "body", "parameters": body}));
        }
        for (index, value) in self.all("button_text").enumerate() {
            let parameters = [text(value)];
            components.push(json!({"type": "button", "sub_type": "url", "index": index.to_string(),
                                   "parameters": parameters}));
        }
        components
    }

    fn one(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    fn all(&self, key: &'static str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| *known == key).map(|(_, value)| *value)
    }
}

fn text(value: &str) -> Value {
    json!({"type": "text", "text": value})
}

fn file(kind: &str, url: &str) -> Value {
    json!({"type": kind, kind: {"link": url}})
}
