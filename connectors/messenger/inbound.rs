//! From Messenger: proven hooks read as events. Pure.
//!
//! <https://developers.facebook.com/docs/messenger-platform/reference/webhook-events>. One hook may tell much
//! of many people, so nothing odd in one event may lose the others: everything is looked up, nothing required.

use serde_json::Value;

use super::{Messenger, is_id};
use crate::channel::{
    Content, InboundEvent, InboundMessage, Malformed, MediaSource, Person, Receipt, Stage, Verified,
};

/// References we give are no longer.
const LONGEST_REFERENCE: usize = 64;
/// Times below this are seconds, which Meta has been seen to send in place of milliseconds.
const SMALLEST_MILLISECONDS: i64 = 100_000_000_000;
/// Where paths lead that stand in place of addresses.
const FACEBOOK: &str = "https://www.facebook.com";

/// What a proven hook says.
pub(super) fn parse(messenger: &Messenger, hook: &Verified) -> Result<Vec<InboundEvent>, Malformed> {
    let body: Value =
        serde_json::from_slice(hook.body()).map_err(|error| Malformed(format!("not JSON: {error}")))?;
    match body["object"].as_str() {
        Some("page") => {}
        Some(other) => return Ok(vec![unrecognised(other)]),
        None => return Err(Malformed("no object".into())),
    }
    let entries = body["entry"].as_array().ok_or_else(|| Malformed("no entry".into()))?;
    Ok(entries.iter().flat_map(|entry| of_entry(messenger, entry)).collect())
}

fn unrecognised(kind: impl Into<String>) -> InboundEvent {
    InboundEvent::Unrecognised { kind: kind.into() }
}

/// What happened on one page. An app's hooks tell of all its pages; of others the gateway hears elsewhere.
fn of_entry(messenger: &Messenger, entry: &Value) -> Vec<InboundEvent> {
    let id = text_of(&entry["id"]).unwrap_or_default();
    if messenger.page_id.as_deref().is_some_and(|page_id| page_id != id) {
        return vec![unrecognised("another page")];
    }
    match entry["messaging"].as_array() {
        Some(events) => events.iter().flat_map(|event| Event(event).read(messenger)).collect(),
        // Another app holds the conversation, or it is not about one at all.
        None => {
            let kind = ["standby", "changes"].into_iter().find(|name| entry.get(name).is_some());
            vec![unrecognised(kind.unwrap_or("entry without messaging"))]
        }
    }
}

/// An id: Meta writes some as text and some as numbers.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// One of `messaging[]`.
struct Event<'a>(&'a Value);

impl Event<'_> {
    fn read(&self, messenger: &Messenger) -> Vec<InboundEvent> {
        const KINDS: [&str; 6] = ["message", "postback", "referral", "optin", "delivery", "read"];
        let Some(kind) = KINDS.into_iter().find(|kind| self.0[*kind].is_object()) else {
            return vec![unrecognised(self.kind())];
        };
        let said = &self.0[kind];
        if said["is_echo"] == true {
            return vec![echo(messenger, said)];
        }
        let Some(from) = self.sender() else { return vec![unrecognised(format!("{kind} without sender"))] };
        match kind {
            "message" => self.message(&from, said),
            "postback" => self.postback(&from, said),
            "referral" => referral(self.id_of(&from, kind), &from, said).into_iter().collect(),
            "optin" => optin(self.id_of(&from, kind), &from, said),
            "delivery" => delivery(from, said),
            _ => watermark(said).map_or_else(
                || vec![unrecognised("read without watermark")],
                |up_to| vec![InboundEvent::Read { from, up_to }],
            ),
        }
    }

    /// The event's own word, for the counter.
    fn kind(&self) -> String {
        let envelope = ["sender", "recipient", "timestamp"];
        let keys = self.0.as_object().into_iter().flat_map(|event| event.keys());
        let word = keys.map(String::as_str).find(|key| !envelope.contains(key));
        word.unwrap_or("event without content").to_owned()
    }

    /// Who it is about. A checkbox plugin knows no more than its own reference of a visitor.
    fn sender(&self) -> Option<Person> {
        text_of(&self.0["sender"]["id"]).filter(|id| is_id(id)).map(Person::at)
    }

    /// What is told without an id of its own is known by its moment: nobody does the same twice in one millisecond.
    fn id_of(&self, from: &Person, kind: &str) -> String {
        format!("{kind}.{}.{}", from.address, text_of(&self.0["timestamp"]).unwrap_or_default())
    }

    fn at(&self) -> Option<i64> {
        milliseconds(&self.0["timestamp"])
    }

    /// A person's message. Each of its files is a message of its own; the first carries the text.
    fn message(&self, from: &Person, said: &Value) -> Vec<InboundEvent> {
        let Some(mid) = said["mid"].as_str() else { return vec![unrecognised("message without mid")] };
        if said["is_deleted"] == true {
            return vec![unrecognised("message deleted")];
        }
        let (contents, mut events) = contents(said);
        for (index, (content, held)) in contents.into_iter().enumerate() {
            let provider_id = if index == 0 { mid.to_owned() } else { format!("{mid}.{index}") };
            let payload = (index == 0).then(|| said["quick_reply"]["payload"].as_str()).flatten();
            let message = InboundMessage {
                at: self.at(),
                payload: payload.map(str::to_owned),
                media: held.map(MediaSource::Held),
                quoted: said["reply_to"]["mid"].as_str().map(str::to_owned),
                ..InboundMessage::new(provider_id, from.clone(), content)
            };
            events.push(message.into());
        }
        events.extend(referral(mid.to_owned(), from, &said["referral"]));
        if events.is_empty() {
            events.push(unrecognised("message without content"));
        }
        events
    }

    /// A press. Older ones have no id of their own.
    fn postback(&self, from: &Person, said: &Value) -> Vec<InboundEvent> {
        let id = said["mid"].as_str().map_or_else(|| self.id_of(from, "postback"), str::to_owned);
        let press = match said["payload"].as_str() {
            Some(payload) => InboundEvent::Postback {
                provider_id: id.clone(),
                from: from.clone(),
                payload: payload.to_owned(),
            },
            None => unrecognised("postback without payload"),
        };
        std::iter::once(press).chain(referral(id, from, &said["referral"])).collect()
    }
}

/// What a message says, each file with its address, and the attachments nobody knows.
fn contents(said: &Value) -> (Vec<(Content, Option<String>)>, Vec<InboundEvent>) {
    let text = said["text"].as_str().filter(|text| !text.is_empty());
    let attachments: &[Value] = said["attachments"].as_array().map_or(&[], Vec::as_slice);
    let (mut contents, mut unknown) = (Vec::new(), Vec::new());
    for attachment in attachments.iter().filter(|attachment| !is_copy(attachment, attachments)) {
        match content(attachment, text.is_some()) {
            Read::Known(content, held) => contents.push((content, held)),
            Read::InTheText => {}
            Read::Unknown(kind) => unknown.push(unrecognised(format!("attachment {kind}"))),
        }
    }
    match (text, contents.first_mut()) {
        (
            Some(text),
            Some((Content::Image { text: caption, .. } | Content::File { text: caption, .. }, _)),
        ) => {
            *caption = Some(text.to_owned());
        }
        (Some(text), _) => contents.insert(0, (Content::text(text), None)),
        (None, _) => {}
    }
    (contents, unknown)
}

/// Meta sends a sticker twice while it moves from one form to the other: as `sticker`, and as the image it was.
fn is_copy(attachment: &Value, all: &[Value]) -> bool {
    let sticker = &attachment["payload"]["sticker_id"];
    let is_sticker = |other: &Value| other["type"] == "sticker" && other["payload"]["sticker_id"] == *sticker;
    attachment["type"] == "image" && !sticker.is_null() && all.iter().any(is_sticker)
}

/// What an attachment is to the platform.
enum Read {
    Known(Content, Option<String>),
    /// A preview of a link that stands in the text.
    InTheText,
    Unknown(String),
}

fn content(attachment: &Value, has_text: bool) -> Read {
    let kind = attachment["type"].as_str().unwrap_or("without type");
    let payload = &attachment["payload"];
    let address = payload["url"].as_str().or_else(|| attachment["url"].as_str()).unwrap_or_default();
    let is_web = address.starts_with("https://") || address.starts_with("http://");
    match kind {
        "image" | "sticker" if is_web => Read::Known(
            Content::Image {
                media_url: address.into(),
                media_type: None,
                text: None,
                alt_text: None,
                actions: Vec::new(),
            },
            Some(address.into()),
        ),
        "audio" | "video" | "file" if is_web => Read::Known(
            Content::File { media_url: address.into(), media_type: None, text: None, alt_text: None },
            Some(address.into()),
        ),
        "location" => {
            let degrees = |name: &str| payload["coordinates"][name].as_f64();
            match degrees("lat").zip(degrees("long")) {
                Some((lat, long)) => Read::Known(Content::Location { lat, long, place: None }, None),
                None => Read::Unknown(kind.into()),
            }
        }
        "fallback" if has_text => Read::InTheText,
        "image" | "sticker" | "audio" | "video" | "file" => Read::Unknown(kind.into()),
        // Shared things (links, posts, reels, whatever comes next): what can be opened of them is their address.
        _ => {
            let address = match address {
                path if path.starts_with('/') => format!("{FACEBOOK}{path}"),
                _ if is_web => address.to_owned(),
                _ => return Read::Unknown(kind.into()),
            };
            let title = payload["title"].as_str().or_else(|| attachment["title"].as_str());
            let lines: Vec<&str> =
                title.filter(|title| !title.is_empty()).into_iter().chain([address.as_str()]).collect();
            Read::Known(Content::text(lines.join("\n")), None)
        }
    }
}

/// A message of the page itself. With the reference that went out with it, Meta confirms that it has it; all
/// others were sent from elsewhere (the page's inbox, another app).
fn echo(messenger: &Messenger, said: &Value) -> InboundEvent {
    let is_ours = text_of(&said["app_id"]).is_none_or(|app_id| app_id == messenger.app_id);
    let metadata = said["metadata"].as_str().filter(|metadata| {
        let is_reference = |byte: u8| byte.is_ascii_graphic();
        (1..=LONGEST_REFERENCE).contains(&metadata.len()) && metadata.bytes().all(is_reference)
    });
    match metadata {
        Some(reference) if is_ours => InboundEvent::Receipt(Receipt {
            reference: Some(reference.to_owned()),
            provider_id: said["mid"].as_str().map(str::to_owned),
            stage: Stage::Accepted,
            status: "echo".into(),
        }),
        _ => unrecognised("echo of another sender"),
    }
}

/// How a person came here.
fn referral(provider_id: String, from: &Person, said: &Value) -> Option<InboundEvent> {
    said.is_object().then(|| {
        let code = ["ref", "ad_id", "source"].into_iter().find_map(|name| text_of(&said[name]));
        let (from, code, mut details) = (from.clone(), code.unwrap_or_default(), said.clone());
        // Receivers of the platform's events look for the advertisement under its own word, too.
        if let Some(ad) = said.get("ad_id") {
            details["adId"] = ad.clone();
        }
        InboundEvent::Referral { provider_id, from, code, details }
    })
}

/// A person asked for messages, through a plugin (which names itself) or for a topic.
fn optin(provider_id: String, from: &Person, said: &Value) -> Vec<InboundEvent> {
    if said["notification_messages_status"] == "STOP_NOTIFICATIONS" {
        // One topic less, which is not every message.
        return vec![unrecognised("optin stopped")];
    }
    let mut events = vec![InboundEvent::OptIn { from: from.clone() }];
    if said["ref"].is_string() {
        events.extend(referral(provider_id, from, said));
    }
    events
}

/// What reached a person: messages by name, and everything before a moment.
fn delivery(from: Person, said: &Value) -> Vec<InboundEvent> {
    let mids = said["mids"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut events: Vec<InboundEvent> = mids
        .map(|mid| {
            InboundEvent::Receipt(Receipt {
                reference: None,
                provider_id: Some(mid.to_owned()),
                stage: Stage::Delivered,
                status: "delivered".into(),
            })
        })
        .collect();
    events.extend(watermark(said).map(|up_to| InboundEvent::Reached { from, up_to }));
    if events.is_empty() {
        events.push(unrecognised("delivery of nothing"));
    }
    events
}

fn watermark(said: &Value) -> Option<i64> {
    milliseconds(&said["watermark"])
}

fn milliseconds(value: &Value) -> Option<i64> {
    let time = value.as_i64().filter(|time| *time > 0)?;
    Some(if time < SMALLEST_MILLISECONDS { time * 1000 } else { time })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method};
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;
    use crate::channel::signature::hmac_sha256;
    use crate::channel::{Channel, RawWebhook, Settings};

    const PAGE: &str = "180005062406476";

    fn hook(method: Method, url: &str, signature: &[u8], body: &[u8]) -> RawWebhook {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(signature) {
            headers.insert("X-Hub-Signature-256", value);
        }
        RawWebhook::new(method, url.into(), headers, 0, Bytes::copy_from_slice(body))
    }

    fn channel() -> std::sync::Arc<dyn Channel> {
        let values = json!({
            "pageAccessToken": "fake-token", "appId": "15", "appSecret": "fake-secret", "pageId": PAGE,
        });
        let values: &Map<_, _> = values.as_object().expect("an object");
        super::super::build(Settings::new(values, &Map::new())).expect("a channel")
    }

    /// What a hook says that Meta signed.
    fn told(body: &[u8]) -> Result<Vec<InboundEvent>, Malformed> {
        let signature = format!("sha256={}", hex::encode(hmac_sha256(b"fake-secret", body)));
        let proven = channel().verify(hook(Method::POST, "https://x.example/", signature.as_bytes(), body));
        channel().parse(&proven.expect("a proven hook"))
    }

    fn one(event: Value) -> Vec<InboundEvent> {
        let entry = json!([{"id": PAGE, "messaging": [event]}]);
        told(json!({"object": "page", "entry": entry}).to_string().as_bytes()).expect("events")
    }

    #[test]
    fn times_in_seconds_are_understood() {
        let read = |watermark: i64| one(json!({"sender": {"id": "5"}, "read": {"watermark": watermark}}));
        assert_eq!(read(1_760_000_009), read(1_760_000_009_000));
        assert_eq!(read(-1), [unrecognised("read without watermark")]);
    }

    #[test]
    fn an_echo_is_ours_by_app_and_metadata() {
        let echo = |message: Value| one(json!({"sender": {"id": PAGE}, "message": message})).remove(0);
        for app_id in [json!(15), json!("15"), Value::Null] {
            let ours = json!({"is_echo": true, "mid": "m_1", "app_id": app_id, "metadata": "ref-1"});
            assert!(matches!(echo(ours), InboundEvent::Receipt(receipt) if receipt.status == "echo"));
        }
        let foreign = unrecognised("echo of another sender");
        assert_eq!(echo(json!({"is_echo": true, "app_id": 26, "metadata": "ref-1"})), foreign);
        assert_eq!(echo(json!({"is_echo": true, "app_id": 15, "metadata": "two words"})), foreign);
        assert_eq!(echo(json!({"is_echo": true, "app_id": 15})), foreign);
    }

    /// JSON in which Messenger's own words stand in places of all kinds.
    fn mixed() -> impl Strategy<Value = Value> {
        let word = prop::sample::select(vec![
            "object",
            "page",
            "entry",
            "id",
            "messaging",
            "standby",
            "sender",
            "timestamp",
            "message",
            "mid",
            "text",
            "attachments",
            "type",
            "image",
            "location",
            "fallback",
            "payload",
            "url",
            "coordinates",
            "lat",
            "postback",
            "referral",
            "optin",
            "delivery",
            "mids",
            "watermark",
            "read",
            "is_echo",
            PAGE,
        ]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            word.clone().prop_map(Value::from),
            r"\PC{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 60, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(word.clone(), inner, 0..6)
                    .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_a_stranger_sends_panics(
            get in any::<bool>(),
            url in r"(https?://x/\?hub\.mode=subscribe&)?\PC{0,40}",
            signature in prop::collection::vec(any::<u8>(), 0..80),
            body in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let method = if get { Method::GET } else { Method::POST };
            let raw = hook(method, &url, &signature, &body);
            let _ = channel().handshake(&raw);
            let _ = channel().may_concern(&raw);
            prop_assert!(channel().verify(raw).is_err());
        }

        #[test]
        fn no_proven_body_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), value in mixed()) {
            let _ = told(&bytes);
            let _ = told(value.to_string().as_bytes());
            let _ = told(json!({"object": "page", "entry": value}).to_string().as_bytes());
            let _ = one(value.clone());
            let _ = one(json!({"sender": {"id": "5"}, "timestamp": value, "message": value, "delivery": value}));
            let _ = one(json!({"sender": {"id": "5"}, "message": {"mid": "m", "attachments": [value]}}));
        }
    }
}
