//! Custom integrations: what makes one. Channels are made as v1.1 makes them.

use crate::wire::Invalid;
use crate::wire::given::{Given, MISSING, document};

use super::WebhookFields;

/// Characters of a name.
const NAME_MAX: usize = 100;

/// `POST …/integrations` of type `custom`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCustom {
    /// What people call it.
    pub display_name: Option<String>,
    /// Its one webhook.
    pub webhook: WebhookFields,
}

impl NewCustom {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<NewCustom, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        let display_name = given.optional("displayName", |name| name.filled_within(NAME_MAX))?;
        let webhook = given.required("webhooks", |webhooks| match webhooks.list()?.as_slice() {
            // The platform says so of an empty list too.
            [] => Err(webhooks.refuse(MISSING)),
            [one] => WebhookFields::read_new(one),
            _ => Err(webhooks.refuse("should not have more than 1 items")),
        })?;
        Ok(NewCustom { display_name, webhook })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn it_has_exactly_one_webhook() {
        let refused =
            |body: Value| NewCustom::parse(body.to_string().as_bytes()).expect_err("refused").to_string();
        let webhook = json!({"target": "https://example.com/hook", "triggers": ["*"]});
        assert!(NewCustom::parse(json!({"webhooks": [webhook]}).to_string().as_bytes()).is_ok());
        assert_eq!(refused(json!({})), "webhooks: is required");
        assert_eq!(refused(json!({"webhooks": []})), "webhooks: is required");
        assert_eq!(
            refused(json!({"webhooks": [webhook, webhook]})),
            "webhooks: should not have more than 1 items"
        );
        assert_eq!(refused(json!({"webhooks": [{}]})), "webhooks[0].target: is required");
    }
}
