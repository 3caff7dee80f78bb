//! The integration that a recording is said to have happened to: the real one's settings with a stand-in for each.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::Serialize;
use serde_json::{Map, Value};
use url::form_urlencoded::byte_serialize;

use crate::model::Integration;

use super::scrub::{GATEWAY, Known, Scrubber};

/// The channels whose traffic can be scrubbed and signed anew, with the address of each one's provider.
pub(super) const KINDS: &[(&str, &str)] = &[
    ("mailgun", "https://api.mailgun.net"),
    ("messagebird", "https://rest.messagebird.com"),
    ("messenger", "https://graph.facebook.com"),
    ("twilio", "https://api.twilio.com"),
    ("whatsapp", "https://graph.facebook.com"),
];

/// Settings that are secrets.
const SECRETS: &[&str] = &[
    "accessKey",
    "accessToken",
    "accountManagementAccessToken",
    "apiKey",
    "appSecret",
    "authToken",
    "pageAccessToken",
    "signingKey",
    "verifyToken",
];

/// Settings that hold a number of the business.
const NUMBERS: &[&str] = &["phoneNumber", "originator"];

/// Settings that say nothing about anybody.
const PLAIN: &[&str] = &["hsmFallbackLanguage"];

/// A value shorter than this stands in too many other words to be searched for.
const SEARCHED_MIN: usize = 6;

/// A stand-in for an integration, and what replaces everything that came through it.
#[derive(Debug)]
pub(super) struct Disguise {
    pub(super) kind: &'static str,
    pub(super) integration: String,
    pub(super) settings: Map<String, Value>,
    pub(super) provider: Map<String, Value>,
    pub(super) scrubber: Scrubber,
    /// What must not be found in anything written.
    real: Vec<String>,
}

/// A tape's `settings.toml`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    hook_url: String,
    received_at: i64,
    settings: &'a Map<String, Value>,
    provider: &'a Map<String, Value>,
}

impl Disguise {
    /// The stand-in for an integration; `None` when its kind is not one of ours. `provider` is the operator's table,
    /// `host` the one under which we are called, `tokens` are secrets that its settings do not show.
    pub(super) fn of(
        key: [u8; 32],
        integration: &Integration,
        provider: &Map<String, Value>,
        host: &str,
        tokens: &[String],
    ) -> Option<Disguise> {
        let (kind, own) = *KINDS.iter().find(|(kind, _)| *kind == integration.kind)?;
        let base = provider.get("baseUrl").and_then(Value::as_str);
        let numbers = integration.settings.iter().filter(|(name, _)| NUMBERS.contains(&name.as_str()));
        let mut known = Known {
            values: BTreeMap::new(),
            numbers: numbers.filter_map(|(_, value)| own_number(value.as_str()?)).collect(),
            base: base.map(|base| (base.trim_end_matches('/').to_owned(), own.to_owned())),
            host: host.to_owned(),
        };
        let plain = Scrubber::new(key, known.clone());
        let mut settings = Map::new();
        for (name, value) in &integration.settings {
            let fake = match value {
                Value::String(real) => {
                    let fake = stand_in(&plain, name, real);
                    known.values.insert(real.clone(), fake.clone());
                    Value::String(fake)
                }
                other => other.clone(),
            };
            settings.insert(name.clone(), fake);
        }
        for token in tokens {
            known.values.insert(token.clone(), secret("verifyToken"));
            settings.insert("verifyToken".into(), secret("verifyToken").into());
        }
        let changed = known.values.iter().filter(|(real, fake)| real != fake && real.len() >= SEARCHED_MIN);
        let real = changed.flat_map(|(real, _)| spellings(real)).collect();
        let mut provider: Map<String, Value> = provider.clone();
        provider.insert("baseUrl".into(), own.into());
        let id = plain.free(integration.id.as_str());
        Some(Disguise {
            kind,
            integration: id,
            settings,
            provider,
            scrubber: Scrubber::new(key, known),
            real,
        })
    }

    /// What `settings.toml` says of a moment.
    pub(super) fn file(&self, received_at: i64) -> Result<String, String> {
        let hook_url = format!("https://{GATEWAY}/hooks/{}/{}", self.kind, self.integration);
        let (settings, provider) = (&self.settings, &self.provider);
        let file = File { kind: self.kind, hook_url, received_at, settings, provider };
        toml::to_string(&file).map_err(|error| error.to_string())
    }

    /// Whether something real is still in what is about to be written.
    pub(super) fn leaks(&self, content: &[u8]) -> bool {
        let holds = |real: &String| content.windows(real.len()).any(|window| window == real.as_bytes());
        self.real.iter().any(holds)
    }

    /// Something more that must not be found: what a person said, or where they are.
    pub(super) fn hide(&mut self, text: &str) {
        let stand_in = self.scrubber.free(text);
        let number: String = text.chars().filter(char::is_ascii_digit).collect();
        if number.len() >= 7 && !stand_in.contains(&number) {
            self.real.push(number);
        } else if text.len() > SEARCHED_MIN && stand_in != text {
            self.real.extend(spellings(text));
        }
    }
}

fn stand_in(scrubber: &Scrubber, name: &str, real: &str) -> String {
    match name {
        _ if SECRETS.contains(&name) => secret(name),
        _ if PLAIN.contains(&name) => real.to_owned(),
        "domain" => scrubber.host(real),
        _ => scrubber.free(real),
    }
}

/// `authToken` is `fake-auth-token`.
fn secret(name: &str) -> String {
    let mut words = String::from("fake-");
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            words.push('-');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

/// A number of the business, as digits, and the one that stands for it.
fn own_number(number: &str) -> Option<(String, String)> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let is_number = digits.len() >= 11 && number.chars().all(|c| c.is_ascii_digit() || "+ -()".contains(c));
    let fake = format!("1514555{:0width$}", 100, width = digits.len().saturating_sub(7));
    is_number.then_some((digits, fake))
}

/// A value as it may stand in traffic: plain, percent-encoded, and in the base64 of a longer text.
fn spellings(value: &str) -> Vec<String> {
    let encoded: String = byte_serialize(value.as_bytes()).collect();
    let mut all = vec![value.to_owned(), encoded];
    for before in 0..3 {
        let text = BASE64.encode([&vec![0; before][..], value.as_bytes()].concat());
        // The first and last characters also depend on what stands around the value.
        let inner =
            text.trim_end_matches('=').get(4..).and_then(|rest| rest.get(..rest.len().saturating_sub(2)));
        all.extend(inner.filter(|inner| inner.len() >= SEARCHED_MIN).map(str::to_owned));
    }
    all
}
