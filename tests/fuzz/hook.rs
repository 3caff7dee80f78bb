//! A hook made of arbitrary bytes, given to a channel: whatever arrives, nothing may panic.
//!
//! The first byte says how it is signed: `0` as it stands, anything else with the secret of the channel's fixtures, so
//! that what lies behind the signature is reached. The rest is HTTP as text, like `hook.http` in a fixture.

mod sign;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use heliograph_connectors::Registry;
use heliograph_connectors::channel::{Channel, RawWebhook, Settings};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Map, Value};

/// A channel as `fixtures/<kind>/settings.toml` sets it up.
#[derive(Debug)]
pub struct Integration {
    pub channel: Arc<dyn Channel>,
    kind: &'static str,
    settings: Map<String, Value>,
    origin: String,
    received_at: i64,
}

/// Lets a channel prove and read a hook.
pub fn hook(kind: &'static str, input: &[u8]) {
    let integration = integration(kind);
    let Some((mode, text)) = input.split_first() else { return };
    let Some(mut raw) = integration.received(text) else { return };
    if *mode != b'0' {
        raw = sign::sign(integration.kind, &integration.settings, raw);
    }
    let channel = &integration.channel;
    let _ = (channel.may_concern(&raw), channel.handshake(&raw));
    if let Ok(hook) = channel.verify(raw) {
        let _ = channel.parse(&hook);
    }
}

/// The channel of a kind, built once.
pub fn integration(kind: &'static str) -> Arc<Integration> {
    static BUILT: OnceLock<Mutex<BTreeMap<&'static str, Arc<Integration>>>> = OnceLock::new();
    let mut built = BUILT.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    built.entry(kind).or_insert_with(|| Arc::new(Integration::of(kind))).clone()
}

impl Integration {
    fn of(kind: &'static str) -> Integration {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
        let path = root.join(kind).join("settings.toml");
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let table: toml::Table = text.parse().expect("settings are TOML");
        let map = |name: &str| match table.get(name).map(serde_json::to_value) {
            Some(Ok(Value::Object(map))) => map,
            _ => Map::new(),
        };
        let settings = map("settings");
        let registry = Registry::builtin();
        let build = registry.get(kind).unwrap_or_else(|| panic!("no channel is called {kind}"));
        let channel =
            build(Settings::new(&settings, &map("provider"))).expect("the fixtures' settings are good");
        let hook_url = table["hookUrl"].as_str().expect("a hookUrl");
        let received_at = table.get("receivedAt").and_then(toml::Value::as_integer).unwrap_or(0);
        let origin = hook_url[..hook_url.find("/hooks/").expect("a path of hooks")].to_owned();
        Integration { channel, kind, settings, origin, received_at }
    }

    /// The hook that a text tells of; what is no HTTP is left out.
    fn received(&self, text: &[u8]) -> Option<RawWebhook> {
        let mut lines = text.split_inclusive(|byte| *byte == b'\n');
        let mut line = || lines.next().map(|line| String::from_utf8_lossy(line).trim_end().to_owned());
        let start = line()?;
        let mut words = start.split(' ');
        let method = Method::from_bytes(words.next()?.as_bytes()).ok()?;
        let url = format!("{}{}", self.origin, words.next()?);
        let mut headers = HeaderMap::new();
        while let Some(header) = line().filter(|line| !line.is_empty()) {
            let (name, value) = header.split_once(':')?;
            let value = HeaderValue::from_bytes(value.trim().as_bytes()).ok()?;
            headers.append(name.parse::<HeaderName>().ok()?, value);
        }
        let mut body: Vec<u8> = lines.flatten().copied().collect();
        if body.last() == Some(&b'\n') {
            body.pop();
        }
        Some(RawWebhook::new(method, url, headers, self.received_at, body.into()))
    }
}
