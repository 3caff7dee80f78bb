//! The README's table of content: what each channel makes of each kind, found by asking the channels.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use heliograph_connectors::Registry;
use heliograph_connectors::channel::{
    Body, Channel, Content, Egress, EgressError, Occasion, OutboundMessage, Request, Response, Settings, text,
};
use serde_json::{Map, Value, json};

const HEADING: &str = "\n### Content\n";
const TEXT: &str = "Which one?";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Each row's name, and a message of that kind.
fn samples() -> Vec<(&'static str, Body)> {
    let link = json!({"type": "link", "_id": "1", "text": "Track it", "uri": "https://example.com/1"});
    let item = json!({"_id": "5", "title": "Parcel", "description": "On its way", "actions": [link]});
    let stop = json!({"type": "postback", "_id": "3", "text": "Stop it", "payload": "STOP_IT"});
    let choice = json!({"_id": "5", "title": "Parcel", "description": "On its way", "actions": [stop]});
    let field = json!({"_id": "6", "type": "text", "name": "city", "label": "Your city?"});
    let with = |action: Value| json!({"type": "text", "text": TEXT, "actions": [action]});
    let content = [
        ("text", json!({"type": "text", "text": TEXT})),
        ("text with `link`", with(link.clone())),
        (
            "text with `webview`",
            with(json!({"type": "webview", "_id": "2", "text": "Choose", "uri": "https://example.com/2",
                        "fallback": "https://example.com/3"})),
        ),
        ("text with `postback`", with(stop)),
        (
            "text with `reply`",
            with(json!({"type": "reply", "_id": "4", "text": "Tomorrow", "payload": "TOMORROW"})),
        ),
        (
            "text with `locationRequest`",
            with(json!({"type": "locationRequest", "_id": "7", "text": "Where are you?"})),
        ),
        (
            "text with `buy`",
            with(json!({"type": "buy", "_id": "8", "text": "Pay", "amount": 500, "currency": "usd"})),
        ),
        ("text with `share`", with(json!({"type": "share", "_id": "9"}))),
        (
            "image",
            json!({"type": "image", "mediaUrl": "https://example.com/a.png", "mediaType": "image/png"}),
        ),
        (
            "file",
            json!({"type": "file", "mediaUrl": "https://example.com/a.pdf", "mediaType": "application/pdf"}),
        ),
        ("location", json!({"type": "location", "lat": 45.5, "long": -73.5})),
        ("carousel", json!({"type": "carousel", "items": [item]})),
        ("list with `postback`", json!({"type": "list", "items": [choice]})),
        ("list with `link`", json!({"type": "list", "items": [item]})),
        ("form", json!({"type": "form", "fields": [field]})),
    ];
    let of = |value: Value| Body::Content(serde_json::from_value(value).expect("content"));
    let mut samples: Vec<_> = content.into_iter().map(|(name, value)| (name, of(value))).collect();
    let template = json!({"type": "template", "template": {
        "name": "parcel", "language": {"policy": "deterministic", "code": "en"}}});
    samples.push(("payload of `whatsapp`", Body::Native { schema: "whatsapp".into(), message: template }));
    samples
}

/// The channel of `fixtures/<kind>/settings.toml`.
fn channel(kind: &str, registry: &Registry) -> Arc<dyn Channel> {
    let path = root().join("fixtures").join(kind).join("settings.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let table: toml::Table = text.parse().expect("settings are TOML");
    let map = |name: &str| -> Map<String, Value> {
        table
            .get(name)
            .map(|one| serde_json::to_value(one).expect("JSON"))
            .as_ref()
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    };
    let build = registry.get(kind).expect("a known kind");
    build(Settings::new(&map("settings"), &map("provider"))).expect("good settings")
}

/// A door that lets nothing out and keeps what was to go.
#[derive(Default)]
struct Shut(Mutex<Vec<Bytes>>);

#[async_trait]
impl Egress for Shut {
    async fn call(&self, request: Request) -> Result<Response, EgressError> {
        self.0.lock().expect("nobody panics").push(request.into_body());
        Err(EgressError::NotSent("shut".into()))
    }

    async fn download(&self, request: Request) -> Result<Response, EgressError> {
        self.call(request).await
    }
}

/// What a channel would tell its provider for a message that is not cut.
async fn said(channel: &dyn Channel, body: &Body) -> Vec<Bytes> {
    let address = ["+15145550199", "person@example.com", "1234567890123456"];
    let destination = address.iter().find_map(|given| channel.destination(given).ok()).expect("an address");
    let message = OutboundMessage {
        reference: "fx-content".into(),
        destination,
        body: body.clone(),
        hook_url: "https://gateway.example.com/hooks".parse().expect("an address"),
        occasion: Occasion::Notification,
        app: "Demo".into(),
        author: None,
        subject: None,
        accepted_at: 0,
        earlier: None,
    };
    let door = Shut::default();
    let _ = channel.send(&message, &door).await;
    door.0.into_inner().expect("nobody panics")
}

/// What becomes of a message: carried as it is, said in text, said without its button, or refused.
async fn fate(channel: &dyn Channel, body: &Body) -> String {
    let parts = match channel.parts(body) {
        Ok(parts) => parts,
        Err(error) => {
            let code = json!(error.code);
            return format!("refused: `{}`", code.as_str().unwrap_or_default());
        }
    };
    let is_plain = matches!(body, Body::Content(Content::Text { actions, .. }) if actions.is_empty());
    let kept = parts.iter().any(|part| match (body, part) {
        (Body::Native { .. }, Body::Native { .. }) => true,
        (Body::Content(Content::Text { .. }), Body::Content(Content::Text { actions, .. })) => {
            is_plain || !actions.is_empty()
        }
        (Body::Content(given), Body::Content(part)) => given.kind() == part.kind(),
        // What the channel itself puts into its provider's words.
        (Body::Content(_), Body::Native { .. }) => true,
        (Body::Native { .. }, Body::Content(_)) => false,
    });
    let bare = parts.iter().all(|part| *part == Body::Content(Content::text(TEXT)));
    // A channel may keep a button as far as its provider's door and write it as text there.
    if let (true, false, Body::Content(content @ Content::Text { .. })) = (kept, is_plain, body) {
        let sent = said(channel, body).await;
        if sent == said(channel, &Body::Content(Content::text(TEXT))).await {
            return "left out".into();
        }
        let text = text::fallback(content).expect("a text has a fallback");
        if sent == said(channel, &Body::Content(Content::text(text))).await {
            return "fallback".into();
        }
    }
    match (kept, bare) {
        (true, _) => "native",
        (false, true) => "left out",
        (false, false) => "fallback",
    }
    .to_owned()
}

/// The section as it must stand.
async fn table() -> String {
    let registry = Registry::builtin();
    let kinds: Vec<&str> = registry.kinds().collect();
    let channels: Vec<_> = kinds.iter().map(|kind| channel(kind, &registry)).collect();
    let heads = kinds.iter().map(|kind| format!(" `{kind}` |")).collect::<String>();
    let mut table = format!("| content |{heads}\n|---|{}\n", "---|".repeat(kinds.len()));
    for (name, body) in samples() {
        table.push_str(&format!("| {name} |"));
        for channel in &channels {
            table.push_str(&format!(" {} |", fate(&**channel, &body).await));
        }
        table.push('\n');
    }
    table
}

#[tokio::test]
async fn the_table_of_content_is_what_the_channels_do() {
    let path: &Path = &root().join("README.md");
    let page = std::fs::read_to_string(path).expect("a README");
    let start = page.find(HEADING).expect("a section on content");
    let from = start + page[start..].find("\n| ").expect("a table") + 1;
    let to = from + page[from..].find("\n\n").expect("an end of the table") + 1;
    let table = table().await;
    if std::env::var_os("HELIOGRAPH_BLESS").is_some() {
        std::fs::write(path, format!("{}{table}{}", &page[..from], &page[to..]))
            .expect("the README can be written");
        return;
    }
    assert_eq!(&page[from..to], table, "README's table of content (left); HELIOGRAPH_BLESS=1 rewrites it");
}
