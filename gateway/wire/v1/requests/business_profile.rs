//! A business's profile on a channel: what is to be changed of it.

use heliograph_connectors::channel::Business;

use crate::wire::Invalid;
use crate::wire::given::{Given, document};

/// Its pages.
const WEBSITES_MAX: usize = 2;

/// Reads `PUT …/integrations/{integration}/profile`. What is not named stays; an empty text empties a field.
pub fn parse(body: &[u8]) -> Result<Business, Invalid> {
    let document = document(body)?;
    let given = Given::root(&document);
    let text = |name: &str, most| given.optional(name, |text| text.text_within(most));
    Ok(Business {
        about: text("about", 139)?,
        address: text("address", 256)?,
        description: text("description", 256)?,
        email: text("email", 128)?,
        vertical: text("vertical", 128)?,
        websites: given.optional("websites", |sites| {
            sites.list_of(0, WEBSITES_MAX)?.iter().map(Given::web_url).collect()
        })?,
        photo_url: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_is_what_it_names_within_bounds() {
        let read = |body: serde_json::Value| parse(body.to_string().as_bytes());
        let change =
            json!({"about": "", "photoUrl": "x", "websites": ["https://example.com/"], "email": null});
        let expected = Business {
            about: Some(String::new()),
            websites: Some(vec!["https://example.com/".into()]),
            ..Business::default()
        };
        assert_eq!(read(change), Ok(expected));
        let sites = ["https://example.com/"; 3];
        for (field, value) in [
            ("about", json!("x".repeat(140))),
            ("description", json!("x".repeat(257))),
            ("email", json!(7)),
            ("websites", json!(sites)),
        ] {
            assert_eq!(read(json!({field: value})).expect_err("a refusal").path, field);
        }
    }
}
