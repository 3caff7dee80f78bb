//! From Twilio: hooks proven by their signature and read as events. Pure.
//!
//! <https://www.twilio.com/docs/usage/security> and
//! <https://www.twilio.com/docs/messaging/guides/webhook-request>.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use http::Method;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use super::{Sender, Twilio, error, outbound};
use crate::channel::signature::{hmac_sha1, prove, sha256};
use crate::channel::{
    Content, Forged, InboundEvent, InboundMessage, Malformed, MediaSource, Person, RawWebhook, Receipt,
    Secret, Stage, Verified,
};

/// Twilio sends no more media with one message.
const MOST_MEDIA: usize = 10;

/// Words with which Twilio itself blocks and unblocks a sender, when they are the whole message.
const STOP_WORDS: &[&str] = &["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"];
const START_WORDS: &[&str] = &["START", "YES", "UNSTOP"];

/// Facts about the sender that become the client's `raw`.
const SENDER_FACTS: &[&str] = &["From", "FromCity", "FromState", "FromZip", "FromCountry"];

/// Proves that the hook was signed with our auth token, and that it is about our account.
pub(super) fn verify(twilio: &Twilio, raw: RawWebhook) -> Result<Verified, Forged> {
    let given = raw.header("X-Twilio-Signature").ok_or_else(|| Forged("no X-Twilio-Signature".into()))?;
    let given = BASE64.decode(given).map_err(|_| Forged("signature is not base64".into()))?;
    let params = signed_params(&raw)?;

    let mismatch = Err(Forged("signature does not match".into()));
    let proof = url_spellings(&raw.url)
        .iter()
        .fold(mismatch, |found, url| found.or(prove(&signature(&twilio.auth_token, url, &params), &given)))?;
    match parameters(&raw.method, &raw.url, raw.untrusted_body()).remove("AccountSid") {
        Some(account) if account != twilio.account_sid => Err(Forged("another account's hook".into())),
        _ => Ok(raw.verified(proof)),
    }
}

/// What follows the URL in the signed text: the form's values under their sorted names. A `bodySHA256` in the
/// URL takes their place (Twilio's way to sign JSON), so then the body must have that hash.
fn signed_params(raw: &RawWebhook) -> Result<String, Forged> {
    if raw.method == Method::GET {
        return Ok(String::new());
    }
    if let Some(hash) = parameters(&Method::GET, &raw.url, &[]).remove("bodySHA256") {
        let given = hex::decode(hash).map_err(|_| Forged("bodySHA256 is not hexadecimal".into()))?;
        return prove(&sha256(raw.untrusted_body()), &given).map(|_| String::new());
    }
    let mut by_name: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(raw.untrusted_body()) {
        by_name.entry(name).or_default().insert(value);
    }
    let mut signed = String::new();
    for (name, values) in &by_name {
        for value in values {
            signed.push_str(name);
            signed.push_str(value);
        }
    }
    Ok(signed)
}

fn signature(auth_token: &Secret, url: &str, params: &str) -> Vec<u8> {
    hmac_sha1(auth_token, format!("{url}{params}").as_bytes())
}

/// Twilio is not of one mind about the URL it signs: with the port or without, its query as it stands or
/// re-encoded. Its own libraries accept each of these, so they are accepted here.
fn url_spellings(url: &str) -> Vec<String> {
    let mut queries = vec![url.to_owned()];
    if let Ok(parsed) = Url::parse(url) {
        queries.push(reencoded_query(&parsed));
        queries.push(parsed.into());
    }
    let spellings: BTreeSet<String> = queries.iter().flat_map(|url| port_spellings(url)).collect();
    spellings.into_iter().collect()
}

/// The URL without a port and with one, the scheme's own if it names none.
fn port_spellings(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let default = if scheme == "https" { "443" } else { "80" };
    // A colon inside the user's name or an IPv6 address introduces no port.
    let host_at = authority.rfind(['@', ']']).map_or(0, |at| at + 1);
    let (host, port) = match authority[host_at..].rfind(':') {
        Some(colon) => (&authority[..host_at + colon], &authority[host_at + colon + 1..]),
        None => (authority, default),
    };
    vec![format!("{scheme}://{host}{tail}"), format!("{scheme}://{host}:{port}{tail}")]
}

/// The query taken apart and put together as Node's `querystring` does it: repeated names move to the place
/// of the first, and all but letters, digits and ``-_.!~*'()`` is escaped.
fn reencoded_query(url: &Url) -> String {
    let mut bare = url.clone();
    bare.set_query(None);
    let pairs: Vec<_> = url.query_pairs().collect();
    if pairs.is_empty() {
        return bare.into();
    }
    let first_of = |name: &str| pairs.iter().position(|(other, _)| other == name);
    let mut grouped: Vec<_> = pairs.iter().collect();
    grouped.sort_by_key(|(name, _)| first_of(name));
    let pieces: Vec<String> =
        grouped.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    format!("{bare}?{}", pieces.join("&"))
}

fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// The hook's parameters: of its form, or of its URL when it is a GET. The first of equal names counts.
fn parameters(method: &Method, url: &str, body: &[u8]) -> BTreeMap<String, String> {
    let url_query = || Url::parse(url).ok().and_then(|url| url.query().map(str::to_owned));
    let form =
        if method == Method::GET { url_query().unwrap_or_default().into_bytes() } else { body.to_vec() };
    let mut parameters = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(&form).into_owned() {
        parameters.entry(name).or_insert(value);
    }
    parameters
}

/// What a proven hook says: a person's message, or a status of one of ours.
pub(super) fn parse(twilio: &Twilio, hook: &Verified) -> Result<Vec<InboundEvent>, Malformed> {
    let hook_params = Params(parameters(&hook.raw().method, &hook.raw().url, hook.body()));
    match hook_params.get("MessageStatus").or_else(|| hook_params.get("SmsStatus")) {
        // One auth token signs for every number of the account: what was said to another one is not ours.
        Some("received" | "receiving") if !hook_params.is_to(&twilio.sender) => {
            Ok(vec![InboundEvent::Unrecognised { kind: "message to another number".into() }])
        }
        Some("received" | "receiving") => hook_params.message(),
        Some(status) => {
            let reference = hook.query().into_iter().find(|(name, _)| name == outbound::REFERENCE);
            hook_params.receipt(status, reference.map(|(_, value)| value)).map(|event| vec![event])
        }
        None => Ok(vec![InboundEvent::Unrecognised { kind: hook_params.kind() }]),
    }
}

/// The parameters of one hook.
struct Params(BTreeMap<String, String>);

impl Params {
    /// A parameter's value; Twilio sends what it does not know as an empty one.
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether this sender was written to. A number known by its id alone cannot be compared.
    fn is_to(&self, sender: &Sender) -> bool {
        match sender {
            Sender::Number(number) => self.get("To") == Some(number),
            Sender::Service(sid) => self.get("MessagingServiceSid").is_none_or(|service| service == sid),
            Sender::NumberSid(_) => true,
        }
    }

    fn sid(&self) -> Result<&str, Malformed> {
        let sid = self.get("MessageSid").or_else(|| self.get("SmsSid"));
        sid.ok_or_else(|| Malformed("no MessageSid".into()))
    }

    /// A word for a hook that is not about messages, for the counter.
    fn kind(&self) -> String {
        let word = ["CallStatus", "EventType", "Level"].into_iter().find(|name| self.get(name).is_some());
        word.unwrap_or("no MessageStatus").to_owned()
    }

    /// A person's message. Each of its media is a message of its own; the first carries the text.
    fn message(&self) -> Result<Vec<InboundEvent>, Malformed> {
        let sid = self.sid()?;
        let from = self.person()?;
        let text = self.get("Body").unwrap_or_default();
        let mut contents: Vec<Content> = (0..MOST_MEDIA).map_while(|index| self.media(index)).collect();
        match contents.first_mut() {
            Some(Content::Image { text: caption, .. } | Content::File { text: caption, .. }) => {
                *caption = self.get("Body").map(str::to_owned);
            }
            _ => contents.push(Content::text(text)),
        }
        let message = |(index, content): (usize, Content)| {
            let provider_id = if index == 0 { sid.to_owned() } else { format!("{sid}.{index}") };
            let media = match &content {
                Content::Image { media_url, .. } | Content::File { media_url, .. } => Some(media_url.clone()),
                _ => None,
            };
            // Twilio may ask for the account's credentials before it hands out a file.
            let media = media.map(MediaSource::Held);
            InboundMessage { media, ..InboundMessage::new(provider_id, from.clone(), content) }.into()
        };
        let mut events: Vec<InboundEvent> = contents.into_iter().enumerate().map(message).collect();
        events.extend(self.wish(text, from));
        Ok(events)
    }

    fn person(&self) -> Result<Person, Malformed> {
        let address = self.get("From").ok_or_else(|| Malformed("no From".into()))?.to_owned();
        let fact = |name: &&str| Some(((*name).to_owned(), Value::from(self.get(name)?)));
        let raw: Map<String, Value> = SENDER_FACTS.iter().filter_map(fact).collect();
        let display_name = self.get("ProfileName").map(str::to_owned);
        Ok(Person { display_name, raw: Value::Object(raw), ..Person::at(address) })
    }

    fn media(&self, index: usize) -> Option<Content> {
        let media_url = self.get(&format!("MediaUrl{index}"))?.to_owned();
        let media_type = self.get(&format!("MediaContentType{index}")).map(str::to_owned);
        let is_picture = media_type.as_deref().is_some_and(|kind| kind.starts_with("image/"));
        Some(if is_picture {
            Content::Image { media_url, media_type, text: None, alt_text: None, actions: Vec::new() }
        } else {
            Content::File { media_url, media_type, text: None, alt_text: None }
        })
    }

    /// Whether the person wants messages. Twilio says so itself where the sender's words are configured there
    /// (`OptOutType`); otherwise it acts on its default words without saying.
    fn wish(&self, text: &str, from: Person) -> Option<InboundEvent> {
        let word = text.trim().to_ascii_uppercase();
        match self.get("OptOutType") {
            Some("STOP") => Some(InboundEvent::OptOut { from }),
            Some("START") => Some(InboundEvent::OptIn { from }),
            Some(_) => None,
            None if STOP_WORDS.contains(&word.as_str()) => Some(InboundEvent::OptOut { from }),
            None if START_WORDS.contains(&word.as_str()) => Some(InboundEvent::OptIn { from }),
            None => None,
        }
    }

    fn receipt(&self, status: &str, reference: Option<String>) -> Result<InboundEvent, Malformed> {
        let number = self.get("ErrorCode").and_then(|code| code.parse().ok());
        let Some(stage) = stage(status, number, self.get("ErrorMessage")) else {
            return Ok(InboundEvent::Unrecognised { kind: format!("status {status}") });
        };
        let provider_id = Some(self.sid()?.to_owned());
        Ok(InboundEvent::Receipt(Receipt { reference, provider_id, stage, status: status.to_owned() }))
    }
}

/// How far a message of this status came; `None` for a word that nobody documents.
pub(super) fn stage(status: &str, error: Option<u64>, said: Option<&str>) -> Option<Stage> {
    Some(match status {
        "accepted" | "scheduled" | "queued" | "sending" | "sent" | "partially_delivered" => Stage::Accepted,
        "delivered" => Stage::Delivered,
        "read" => Stage::Read,
        "failed" | "undelivered" | "canceled" => Stage::Failed(error::undelivered(status, error, said)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};
    use proptest::prelude::*;

    use super::*;
    use crate::twilio::Sender;

    const HOOK: &str = "https://gateway.example.com/hooks/twilio/1";

    fn twilio() -> Twilio {
        Twilio {
            account_sid: "AC1".into(),
            auth_token: Secret::new("fake-auth-token"),
            sender: Sender::Number("+15145550100".into()),
            base_url: "https://api.twilio.com".into(),
        }
    }

    fn hook(method: Method, url: &str, signature: &[u8], body: &[u8]) -> RawWebhook {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(signature) {
            headers.insert("X-Twilio-Signature", value);
        }
        RawWebhook::new(method, url.into(), headers, 0, Bytes::copy_from_slice(body))
    }

    /// A hook signed over `signed`, which may be another spelling of its URL.
    fn signed(signed: &str, params: &str) -> Vec<u8> {
        BASE64.encode(signature(&twilio().auth_token, signed, params)).into_bytes()
    }

    #[test]
    fn each_spelling_twilio_signs_is_accepted() {
        for (called, spelling) in [
            ("https://a.example.com/h?x=1", "https://a.example.com/h?x=1"),
            ("https://a.example.com/h?x=1", "https://a.example.com:443/h?x=1"),
            ("http://a.example.com/h", "http://a.example.com:80/h"),
            ("https://a.example.com:8443/h", "https://a.example.com/h"),
            ("https://u:p@a.example.com/h", "https://u:p@a.example.com:443/h"),
            ("https://[::1]/h", "https://[::1]:443/h"),
            ("https://a.example.com/h?x=it's", "https://a.example.com/h?x=it%27s"),
            ("https://a.example.com/h?x=a+b&y=é", "https://a.example.com/h?x=a%20b&y=%C3%A9"),
            ("https://a.example.com/h?x=1&y=2&x=3", "https://a.example.com:443/h?x=1&x=3&y=2"),
        ] {
            let raw = hook(Method::GET, called, &signed(spelling, ""), b"");
            assert!(verify(&twilio(), raw).is_ok(), "{called} signed as {spelling}");
        }
        let elsewhere = hook(Method::GET, HOOK, &signed("https://b.example.com/hooks/twilio/1", ""), b"");
        assert!(verify(&twilio(), elsewhere).is_err());
    }

    #[test]
    fn equal_values_count_once_and_names_sort_bytewise() {
        let body = b"SidAccount=B&Sid=2&Sid=1&Sid=2&empty=";
        let raw = hook(Method::POST, HOOK, &signed(HOOK, "Sid1Sid2SidAccountBempty"), body);
        assert!(verify(&twilio(), raw).is_ok());
    }

    #[test]
    fn a_body_that_no_signature_covers_is_refused() {
        let raw = hook(Method::POST, HOOK, &signed(HOOK, ""), b"Body=hi");
        assert!(verify(&twilio(), raw).is_err());
        let hashed = format!("{HOOK}?bodySHA256={}", hex::encode(sha256(b"{}")));
        assert!(verify(&twilio(), hook(Method::POST, &hashed, &signed(&hashed, ""), b"{}")).is_ok());
        assert!(verify(&twilio(), hook(Method::POST, &hashed, &signed(&hashed, ""), b"{ }")).is_err());
    }

    proptest! {
        #[test]
        fn nothing_a_stranger_sends_panics(
            get in any::<bool>(),
            url in r"(https?://)?\PC{0,40}",
            signature in prop::collection::vec(any::<u8>(), 0..40),
            body in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let method = if get { Method::GET } else { Method::POST };
            let _ = verify(&twilio(), hook(method.clone(), &url, &signature, &body));
            let _ = parse(&twilio(), &hook(method, &url, &[], &body).trust_unsigned("a test of the parser alone"));
        }

        #[test]
        fn no_parameter_of_a_proven_hook_panics(
            values in prop::collection::vec((
                prop::sample::select(vec![
                    "MessageStatus", "SmsStatus", "MessageSid", "From", "Body", "NumMedia", "MediaUrl0",
                    "MediaContentType0", "OptOutType", "ErrorCode", "ErrorMessage",
                ]),
                prop_oneof![Just("received".to_owned()), Just("failed".to_owned()), r"\PC{0,20}"],
            ), 0..12)
        ) {
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(values).finish();
            let _ = parse(&twilio(), &hook(Method::POST, HOOK, &[], body.as_bytes()).trust_unsigned("a test"));
        }
    }
}
