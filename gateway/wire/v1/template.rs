//! A stored template, as v1.1 shows it.

use serde_json::Value;

use crate::model::Template;
use crate::wire::written::Written;

use super::content::content;

/// A template with its message.
pub fn template(template: &Template) -> Value {
    let Template { id, name, content: said, metadata, .. } = template;
    let message = Written::new()
        .with("role", "appMaker")
        .and(content(said))
        .maybe("metadata", (!metadata.is_empty()).then_some(metadata));
    Written::new().with("_id", id).with("name", name).with("message", message).into()
}
