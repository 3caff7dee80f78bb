//! A template that WhatsApp is asked to approve.

use heliograph_connectors::channel::NewTemplate;
use serde_json::Value;

use crate::wire::Invalid;
use crate::wire::given::{Given, document};

/// Characters of a name or a language: the provider's bound on names.
const NAME_MAX: usize = 512;

/// Parts of a template: no more kinds of them are known.
const COMPONENTS_MAX: usize = 25;

/// `POST …/integrations/{id}/messageTemplates`. What its parts may be the provider says.
pub fn message_template(body: &[u8]) -> Result<NewTemplate, Invalid> {
    let document = document(body)?;
    let given = Given::root(&document);
    let word = |key| given.required(key, |word| word.filled_within(NAME_MAX));
    let components = given.required("components", |parts| {
        let parts = parts.list_of(1, COMPONENTS_MAX)?;
        parts.iter().map(|part| Ok(Value::Object(part.object()?.clone()))).collect()
    })?;
    Ok(NewTemplate {
        name: word("name")?,
        language: word("language")?,
        category: word("category")?,
        components,
    })
}
