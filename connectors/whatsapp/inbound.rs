//! From WhatsApp: hooks read as events. Pure, and forgiving: each update is read by itself, so that one of a kind
//! nobody has seen yet does not lose the thousand beside it.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages>.

use serde_json::{Map, Value};

use super::{address_of, error, template, variants};
use crate::channel::{
    ChannelError, Code, Content, InboundEvent, InboundMessage, Malformed, MapPlace, MediaSource, Person,
    Receipt, Stage,
};

/// What a hook of the whole app says about one number; what it says about others is theirs.
pub(super) fn parse(number_id: &str, body: &[u8]) -> Result<Vec<InboundEvent>, Malformed> {
    let hook: Value = serde_json::from_slice(body).map_err(|_| Malformed("the body is not JSON".into()))?;
    let object = text(&hook, "/object").ok_or_else(|| Malformed("no object".into()))?;
    if object != "whatsapp_business_account" {
        return Ok(vec![unrecognised("object", Some(object))]);
    }
    let entries = hook.get("entry").and_then(Value::as_array).ok_or_else(|| Malformed("no entry".into()))?;
    let mut events = Vec::new();
    for change in entries.iter().flat_map(|entry| list(entry, "/changes")) {
        let about = text(change, "/value/metadata/phone_number_id");
        if about.is_some_and(|about| about != number_id) {
            continue;
        }
        match (text(change, "/field"), about) {
            (Some("messages"), Some(_)) => events.extend(updates(&change["value"])),
            (field, _) => events.push(unrecognised("field", field)),
        }
    }
    Ok(events)
}

fn updates(value: &Value) -> Vec<InboundEvent> {
    let contacts = list(value, "/contacts");
    let mut events = Vec::new();
    for message in list(value, "/messages") {
        events.extend(Update { message, contacts }.events());
    }
    events.extend(list(value, "/statuses").iter().map(receipt));
    for error in list(value, "/errors") {
        events.push(unrecognised("error", error.get("code").map(Value::to_string).as_deref()));
    }
    events
}

/// A text that is there and not empty.
fn text<'a>(value: &'a Value, place: &str) -> Option<&'a str> {
    value.pointer(place)?.as_str().filter(|text| !text.is_empty())
}

fn list<'a>(value: &'a Value, place: &str) -> &'a [Value] {
    value.pointer(place).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn unrecognised(what: &str, word: Option<&str>) -> InboundEvent {
    InboundEvent::Unrecognised { kind: format!("{what} {}", word.unwrap_or("without a name")) }
}

/// What became of a message of ours. Meta tells in any order and leaves `delivered` out when `read` comes at once.
fn receipt(status: &Value) -> InboundEvent {
    let word = text(status, "/status");
    let stage = match word {
        Some("sent") => Stage::Accepted,
        Some("delivered") => Stage::Delivered,
        Some("read" | "played") => Stage::Read,
        Some("failed") => Stage::Failed(error::failed(&status["errors"])),
        other => return unrecognised("status", other),
    };
    let own = |place| text(status, place).map(str::to_owned);
    let (reference, provider_id) = (own("/biz_opaque_callback_data"), own("/id"));
    if reference.is_none() && provider_id.is_none() {
        return unrecognised("status", Some("without an id"));
    }
    InboundEvent::Receipt(Receipt {
        reference,
        provider_id,
        stage,
        status: word.unwrap_or_default().to_owned(),
    })
}

/// One message, and the contacts that came with it.
struct Update<'a> {
    message: &'a Value,
    contacts: &'a [Value],
}

impl Update<'_> {
    fn text(&self, place: &str) -> Option<&str> {
        text(self.message, place)
    }

    fn events(&self) -> Vec<InboundEvent> {
        let kind = self.text("/type");
        if self.text("/group_id").is_some() {
            return vec![unrecognised("group message", kind)];
        }
        let (Some(id), Some(from)) = (self.text("/id"), self.person()) else {
            return vec![unrecognised("message without sender or id:", kind)];
        };
        let said = match self.said(id, &from) {
            Some(event) => event,
            None => unrecognised("message", Some(&self.kind())),
        };
        let referral = self.message.get("referral").filter(|referral| referral.is_object()).map(|details| {
            let code =
                text(details, "/source_id").or_else(|| text(details, "/ctwa_clid")).unwrap_or_default();
            let (provider_id, code) = (id.to_owned(), code.to_owned());
            InboundEvent::Referral { provider_id, from, code, details: details.clone() }
        });
        std::iter::once(said).chain(referral).collect()
    }

    /// A word for a message that says nothing we could pass on, for the counter.
    fn kind(&self) -> String {
        let kind = self.text("/type").unwrap_or("without a type");
        let finer = ["/system/type", "/unsupported/type", "/interactive/type"];
        match finer.into_iter().find_map(|place| self.text(place)) {
            Some(finer) => format!("{kind} {finer}"),
            None => match self.message.pointer("/errors/0/code").and_then(Value::as_i64) {
                Some(code) => format!("{kind} {code}"),
                None => kind.to_owned(),
            },
        }
    }

    /// Who wrote. `from` holds digits, or a business-scoped id, or is missing for who shows no number.
    fn person(&self) -> Option<Person> {
        let number = self.text("/from").and_then(address_of);
        let scoped = self.text("/from_user_id").and_then(address_of);
        let contact = self.contact();
        let scoped = scoped.or_else(|| text(contact?, "/user_id").and_then(address_of));
        let address = number.or_else(|| scoped.clone())?;
        let mut aliases: Vec<String> = scoped.into_iter().chain(variants(&address)).collect();
        aliases.retain(|alias| *alias != address);
        let mut raw = Map::new();
        for name in ["profile", "wa_id", "user_id", "parent_user_id"] {
            raw.extend(contact.and_then(|contact| Some((name.to_owned(), contact.get(name)?.clone()))));
        }
        let raw = if raw.is_empty() { Value::Null } else { Value::Object(raw) };
        let display_name = contact.and_then(|contact| text(contact, "/profile/name")).map(str::to_owned);
        Some(Person { address, aliases, display_name, raw })
    }

    fn contact(&self) -> Option<&Value> {
        let is =
            |contact: &Value, place, own| text(contact, place).is_some_and(|id| self.text(own) == Some(id));
        self.contacts
            .iter()
            .find(|contact| is(contact, "/wa_id", "/from") || is(contact, "/user_id", "/from_user_id"))
    }

    /// When, in milliseconds: Meta says seconds, and now and then milliseconds.
    fn at(&self) -> Option<i64> {
        let given = self.message.get("timestamp")?;
        let given = given.as_i64().or_else(|| given.as_str()?.parse().ok()).filter(|given| *given >= 0)?;
        if given >= 100_000_000_000 { Some(given) } else { Some(given * 1000) }
    }

    /// The message it answers.
    fn quoted(&self) -> Option<String> {
        self.text("/context/id").map(str::to_owned)
    }

    /// The message or the press; `None` for what is neither.
    fn said(&self, id: &str, from: &Person) -> Option<InboundEvent> {
        let (content, payload) = match self.text("/type")? {
            "text" => (Content::text(self.text("/text/body")?), None),
            kind @ ("image" | "sticker" | "video" | "audio" | "voice" | "document") => {
                return self.file(kind, id, from);
            }
            "location" => (self.location()?, None),
            "contacts" => (Content::text(self.cards()?), None),
            "order" => (Content::text(self.order()?), None),
            "button" => (Content::text(self.text("/button/text")?), self.text("/button/payload")),
            "interactive" => match self.text("/interactive/type")? {
                "button_reply" => self.choice("/interactive/button_reply")?,
                "list_reply" => self.choice("/interactive/list_reply")?,
                "nfm_reply" => {
                    let body = self.text("/interactive/nfm_reply/body").unwrap_or("Sent");
                    (Content::text(body), self.text("/interactive/nfm_reply/response_json"))
                }
                _ => return None,
            },
            _ => return None,
        };
        // The mark of our own postbacks.
        if self.text("/type") == Some("interactive")
            && let Some(payload) = payload.and_then(|payload| payload.strip_prefix(template::POSTBACK))
        {
            let (provider_id, payload) = (id.to_owned(), payload.to_owned());
            return Some(InboundEvent::Postback { provider_id, from: from.clone(), payload });
        }
        let payload = payload.map(str::to_owned);
        let message = InboundMessage::new(id, from.clone(), content);
        Some(InboundMessage { at: self.at(), payload, quoted: self.quoted(), ..message }.into())
    }

    fn choice(&self, place: &str) -> Option<(Content, Option<&str>)> {
        let title = self.text(&format!("{place}/title"))?;
        Some((Content::text(title), self.text(&format!("{place}/id"))))
    }

    /// A picture or another file; Meta holds it for us.
    fn file(&self, kind: &str, id: &str, from: &Person) -> Option<InboundEvent> {
        let fact = |name: &str| self.text(&format!("/{kind}/{name}"));
        let held = fact("id").filter(|held| held.bytes().all(|byte| byte.is_ascii_alphanumeric()))?;
        let held = match fact("filename") {
            Some(name) => format!("{held}/{name}"),
            None => held.to_owned(),
        };
        let media_url = fact("url").unwrap_or_default().to_owned();
        let (media_type, text) = (fact("mime_type").map(str::to_owned), fact("caption").map(str::to_owned));
        let content = match kind {
            "image" | "sticker" => {
                Content::Image { media_url, media_type, text, alt_text: None, actions: Vec::new() }
            }
            _ => Content::File { media_url, media_type, text, alt_text: None },
        };
        let message = InboundMessage::new(id, from.clone(), content);
        let media = Some(MediaSource::Held(held));
        Some(InboundMessage { at: self.at(), media, quoted: self.quoted(), ..message }.into())
    }

    fn location(&self) -> Option<Content> {
        let degrees = |name: &str| {
            let given = self.message.get("location")?.get(name)?;
            given.as_f64().or_else(|| given.as_str()?.parse().ok()).filter(|degrees| degrees.is_finite())
        };
        let word = |place| self.text(place).map(str::to_owned);
        let (name, address) = (word("/location/name"), word("/location/address"));
        let place = (name.is_some() || address.is_some()).then_some(MapPlace { name, address });
        Some(Content::Location { lat: degrees("latitude")?, long: degrees("longitude")?, place })
    }

    /// Business cards, each a line: the name, then how to reach them.
    fn cards(&self) -> Option<String> {
        let card = |card: &Value| {
            let name = text(card, "/name/formatted_name").or_else(|| text(card, "/name/first_name"));
            let numbers = list(card, "/phones").iter().filter_map(|phone| text(phone, "/phone"));
            let mails = list(card, "/emails").iter().filter_map(|mail| text(mail, "/email"));
            let words: Vec<&str> = name.into_iter().chain(numbers).chain(mails).collect();
            words.join(", ")
        };
        let cards: Vec<String> = list(self.message, "/contacts").iter().map(card).collect();
        let cards = cards.into_iter().filter(|card| !card.is_empty()).collect::<Vec<_>>().join("\n");
        (!cards.is_empty()).then_some(cards)
    }

    /// An order from the catalogue: what the person wrote, then each product with its number and price.
    fn order(&self) -> Option<String> {
        let said = self.text("/order/text").map(str::to_owned);
        let word = |item: &Value, name: &str| match item.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => "?".into(),
        };
        let products = list(self.message, "/order/product_items").iter().map(|item| {
            let of = |name| word(item, name);
            format!(
                "{} × {} ({} {})",
                of("quantity"),
                of("product_retailer_id"),
                of("item_price"),
                of("currency")
            )
        });
        let lines: Vec<String> = said.into_iter().chain(products).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

/// The id of a held file and what its sender calls it, from the name that [`Update::file`] gave it.
pub(super) fn held(media: &str) -> Result<(&str, Option<String>), ChannelError> {
    let (id, name) = media.split_once('/').map_or((media, None), |(id, name)| (id, Some(name.to_owned())));
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(ChannelError::permanent(Code::BadRequest, "not an id of a file at Meta"));
    }
    Ok((id, name))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::channel::signature::hmac_sha256;
    use crate::channel::{Channel, RawWebhook, Settings};
    use std::sync::Arc;

    fn channel() -> Arc<dyn Channel> {
        let values = json!({"phoneNumberId": "1", "accessToken": "fake-token", "appSecret": "fake-secret"});
        let values = values.as_object().expect("an object");
        crate::whatsapp::build(Settings::new(values, &Map::new())).expect("a channel")
    }

    fn hook(method: Method, url: &str, signature: &[u8], body: &[u8]) -> RawWebhook {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(signature) {
            headers.insert("X-Hub-Signature-256", value);
        }
        RawWebhook::new(method, url.into(), headers, 0, Bytes::copy_from_slice(body))
    }

    /// Plays a hook signed as Meta signs.
    fn hear(body: &[u8]) -> Result<Vec<InboundEvent>, Malformed> {
        let signature = format!("sha256={}", hex::encode(hmac_sha256(b"fake-secret", body)));
        let raw = hook(Method::POST, "https://gateway.example.com/", signature.as_bytes(), body);
        channel().parse(&channel().verify(raw).expect("signed"))
    }

    fn message(kind: &str, object: &Value) -> Value {
        json!({"object": "whatsapp_business_account", "entry": [{"id": "9", "changes": [{"field": "messages",
            "value": {"metadata": {"phone_number_id": "1"}, "contacts": [{"wa_id": "15145550199"}],
            "messages": [{"id": "wamid.1", "from": "15145550199", "timestamp": "1", "type": kind, kind: object}]}}]}]})
    }

    #[test]
    fn a_postback_is_told_from_a_quick_reply() {
        let press = |id: &str| {
            let body = message(
                "interactive",
                &json!({"type": "list_reply", "list_reply": {"id": id, "title": "T"}}),
            );
            hear(body.to_string().as_bytes()).expect("events").remove(0)
        };
        assert!(matches!(press("pb:go"), InboundEvent::Postback { payload, .. } if payload == "go"));
        assert!(matches!(press("go"), InboundEvent::Message(said) if said.payload.as_deref() == Some("go")));
    }

    #[test]
    fn times_are_milliseconds() {
        for (given, at) in [
            (json!("1760000014"), Some(1_760_000_014_000)),
            (json!("1760000014000"), Some(1_760_000_014_000)),
            (json!(1_760_000_014), Some(1_760_000_014_000)),
            (json!("soon"), None),
            (json!("-1"), None),
        ] {
            let message = json!({ "timestamp": given });
            assert_eq!(Update { message: &message, contacts: &[] }.at(), at, "{given}");
        }
    }

    fn odd() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            r"\PC{0,12}".prop_map(Value::from),
            Just(json!("CA.1")),
            Just(json!("55519812345678")),
            Just(json!("button_reply")),
            Just(json!("failed")),
        ];
        let name = prop::sample::select(vec![
            "id",
            "from",
            "from_user_id",
            "type",
            "text",
            "body",
            "timestamp",
            "button_reply",
            "nfm_reply",
            "errors",
            "code",
            "error_data",
            "message",
            "status",
            "phones",
            "name",
            "quantity",
            "latitude",
            "title",
            "url",
        ]);
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((name.clone(), inner), 0..6).prop_map(|members| {
                    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_a_stranger_sends_panics(
            get in any::<bool>(),
            url in r"(https?://)?\PC{0,40}(\?hub\.mode=\PC{0,9}&hub\.verify_token=\PC{0,9})?",
            signature in prop_oneof![prop::collection::vec(any::<u8>(), 0..80), r"sha256=[0-9a-f]{0,70}".prop_map(String::into_bytes)],
            body in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let method = if get { Method::GET } else { Method::POST };
            let raw = hook(method, &url, &signature, &body);
            let _ = (channel().handshake(&raw), channel().may_concern(&raw), channel().verify(raw));
            let _ = hear(&body);
        }

        #[test]
        fn no_update_of_a_proven_hook_panics(
            kind in prop::sample::select(vec![
                "text", "image", "document", "location", "contacts", "order", "button", "interactive", "system", "x",
            ]),
            object in odd(), status in odd(), contact in odd(),
        ) {
            let mut body = message(kind, &object);
            let value = &mut body["entry"][0]["changes"][0]["value"];
            value["statuses"] = json!([status, {"status": "failed", "id": "wamid.2", "errors": status}]);
            value["contacts"] = json!([contact]);
            value["messages"].as_array_mut().expect("a list").push(object);
            prop_assert!(hear(body.to_string().as_bytes()).is_ok());
        }
    }
}
