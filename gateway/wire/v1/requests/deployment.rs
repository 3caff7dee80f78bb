//! A WhatsApp number to be set up for the account.

use serde_json::{Map, Value};

use crate::wire::Invalid;
use crate::wire::given::{Given, document};

/// What opens a number at Meta.
const NEEDED: [&str; 3] = ["phoneNumberId", "accessToken", "appSecret"];

/// `POST /whatsapp/deployments`
#[derive(Debug, Clone, PartialEq)]
pub struct NewDeployment {
    /// `smooch` or `self`.
    pub hosting: String,
    /// The channel's settings, and what it does not know.
    pub settings: Map<String, Value>,
}

impl NewDeployment {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<NewDeployment, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        let hosting = given.optional("hosting", |hosting| hosting.word(&["smooch", "self"]))?;
        for name in NEEDED {
            given.required(name, Given::text)?;
        }
        let mut settings = given.object()?.clone();
        settings.retain(|_, value| !value.is_null());
        Ok(NewDeployment { hosting: hosting.unwrap_or("smooch").to_owned(), settings })
    }
}
