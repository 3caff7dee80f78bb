//! What differs between providers, and the words the shared parts speak with them.

use std::{collections::HashMap, fmt, sync::Arc};

use axum::{
    Router,
    http::{HeaderMap, Method},
};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Number, Value};

use super::{
    Account, Sim, mailgun::Mailgun, messagebird::MessageBird, messenger::Messenger, outbox::Sent,
    twilio::Twilio, whatsapp::WhatsApp,
};

/// One provider as the simulator plays it. How it checks a send and words the answer is behind its routes,
/// which hand a checked message to [`super::outbox`].
pub(super) trait Provider: Send + Sync {
    /// The calls it answers, to be put under `/{type}`.
    fn routes(self: Arc<Self>, sim: Arc<Sim>) -> Router;

    /// Knows an integration from now on, or anew; false when its settings are incomplete.
    fn admit(&self, account: &Arc<Account>) -> bool;

    /// The receipts that tell this fate, in order.
    fn reports(&self, fate: &Fate) -> Vec<Report>;

    /// A new id for what a person writes.
    fn new_id(&self, has_media: bool) -> String;

    /// The hook that tells the gateway what a person wrote, or why this provider could not carry it.
    fn written(&self, written: &Written, signature: Signature) -> Result<Hook, String>;

    /// The hook that tells the gateway about a message; `None` when the send asked for none.
    fn receipt(&self, sent: &Sent, report: &Report, signature: Signature) -> Option<Hook>;
}

/// All providers, each with its own accounts, by type.
pub(super) fn all(accounts: &[Arc<Account>]) -> HashMap<&'static str, Arc<dyn Provider>> {
    let mut providers: HashMap<&'static str, Arc<dyn Provider>> = HashMap::new();
    providers.insert("messagebird", Arc::new(MessageBird::new(accounts)));
    providers.insert("messenger", Arc::new(Messenger::new(accounts)));
    providers.insert("mailgun", Arc::new(Mailgun::new(accounts)));
    providers.insert("twilio", Arc::new(Twilio::new(accounts)));
    providers.insert("whatsapp", Arc::new(WhatsApp::new(accounts)));
    for account in accounts.iter().filter(|account| !providers.contains_key(account.kind.as_str())) {
        tracing::warn!(integration = %account.integration_id, kind = %account.kind, "the simulator does not play this provider");
    }
    providers
}

/// What becomes of a message the provider took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Delivered,
    Failed(Option<ErrorCode>),
    Silent,
}

impl Fate {
    /// The receipts of a provider that says `taken` and then how it ended: `arrived`, or `failed` with the code given,
    /// else its usual one.
    pub(super) fn told(&self, taken: &str, arrived: &str, failed: &str, usual: &str) -> Vec<Report> {
        let report = |status: &str, error| Report { status: status.to_owned(), error };
        match self {
            Fate::Delivered => vec![report(taken, None), report(arrived, None)],
            Fate::Failed(code) => {
                let code = code.clone().unwrap_or_else(|| ErrorCode::from(usual));
                vec![report(taken, None), report(failed, Some(code))]
            }
            Fate::Silent => Vec::new(),
        }
    }
}

/// What one receipt says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    /// The provider's word.
    pub(super) status: String,
    pub(super) error: Option<ErrorCode>,
}

/// What a person wrote to an integration's number.
pub(super) struct Written {
    pub(super) account: Arc<Account>,
    pub(super) provider_id: String,
    pub(super) from: String,
    pub(super) text: String,
    pub(super) media: Vec<Media>,
    /// What the person calls themselves, where the provider passes that on.
    pub(super) name: Option<String>,
    /// The subject line, where the provider has one.
    pub(super) subject: Option<String>,
    /// What the button or quick reply carries that the person pressed; the text is its label then.
    pub(super) payload: Option<String>,
    /// The provider's id of the message they answer, where they quote one.
    pub(super) answers: Option<String>,
}

/// A file that came along.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Media {
    pub(super) url: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

/// How a hook is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Signature {
    #[default]
    Valid,
    Forged,
    Missing,
}

/// A request to the gateway, signed as its provider signs.
#[derive(Debug)]
pub(super) struct Hook {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A provider's error code: given as a number or a text, written as a number where it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ErrorCode(String);

impl ErrorCode {
    /// As JSON.
    pub(super) fn to_json(&self) -> Value {
        self.0.parse::<i64>().map_or_else(|_| Value::String(self.0.clone()), Value::from)
    }
}

impl From<&str> for ErrorCode {
    fn from(code: &str) -> ErrorCode {
        ErrorCode(code.to_owned())
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ErrorCode, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Number(Number),
            Text(String),
        }
        match Given::deserialize(deserializer) {
            Ok(Given::Number(number)) => Ok(ErrorCode(number.to_string())),
            Ok(Given::Text(text)) if !text.is_empty() => Ok(ErrorCode(text)),
            _ => Err(de::Error::custom("an error code is a number or a text")),
        }
    }
}
