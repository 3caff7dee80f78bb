//! From Mailgun: hooks proven by their signature and read as events. Pure.
//!
//! Two kinds arrive at one address: events about our mails (JSON) and people's mails that a route forwards
//! (a form). <https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks>,
//! <https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/receive-http>.

use serde_json::{Value, json};

use super::form::{Enclosure, Form};
use super::mail::{self, Thread};
use super::{Mailgun, address, error, outbound};
use crate::channel::signature::{hmac_sha256, prove, sha256};
use crate::channel::{
    Content, Forged, InboundEvent, InboundMessage, Malformed, MediaSource, Person, RawWebhook, Receipt,
    Stage, Verified,
};

/// How far a signature's time may be from now: Mailgun repeats a failed hook for eight hours, and nobody has
/// promised that it signs anew. The token that is good only once is the guard against repetition.
const WINDOW: i64 = 10 * 3600;

/// A token has 50 characters.
const TOKEN_LIMIT: usize = 200;

/// A longer id is replaced by its hash.
const ID_LIMIT: usize = 250;

/// Proves that whoever sent the hook knows the signing key.
///
/// The signature covers the time and the token alone, not the body: whoever saw one hook could send another
/// body with it. So the token is good once.
pub(super) fn verify(mailgun: &Mailgun, raw: RawWebhook) -> Result<Verified, Forged> {
    let [timestamp, token, given] = signature(&raw).ok_or_else(|| Forged("no signature".into()))?;
    let given = hex::decode(given).map_err(|_| Forged("signature is not hexadecimal".into()))?;
    let signed = format!("{timestamp}{token}");
    let proof = prove(&hmac_sha256(mailgun.signing_key.expose().as_bytes(), signed.as_bytes()), &given)?;

    let seconds: i64 = timestamp.parse().map_err(|_| Forged("timestamp is no number".into()))?;
    if seconds.abs_diff(raw.received_at / 1000) > WINDOW.unsigned_abs() {
        return Err(Forged("signed at another time".into()));
    }
    if token.is_empty() || token.len() > TOKEN_LIMIT {
        return Err(Forged("no token".into()));
    }
    Ok(raw.verified(proof).once(token))
}

/// Timestamp, token and signature as they came: what is signed is their text.
fn signature(raw: &RawWebhook) -> Option<[String; 3]> {
    const NAMES: [&str; 3] = ["timestamp", "token", "signature"];
    if let Some(form) = Form::read(raw) {
        let field = |name| form.last(name).map(str::to_owned);
        let [timestamp, token, signature] = NAMES.map(field);
        return Some([timestamp?, token?, signature?]);
    }
    let hook: Value = serde_json::from_slice(raw.untrusted_body()).ok()?;
    let field = |name| match &hook["signature"][name] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let [timestamp, token, signature] = NAMES.map(field);
    Some([timestamp?, token?, signature?])
}

/// What a proven hook says.
pub(super) fn parse(mailgun: &Mailgun, hook: &Verified) -> Result<Vec<InboundEvent>, Malformed> {
    if let Some(form) = Form::read(hook.raw()) {
        return Ok(Mail { mailgun, form }.events());
    }
    let hook: Value =
        serde_json::from_slice(hook.body()).map_err(|_| Malformed("neither a form nor JSON".into()))?;
    match &hook["event-data"] {
        Value::Null => Ok(vec![unrecognised("no event-data")]),
        event => Ok(vec![about_our_mail(mailgun, event)]),
    }
}

fn unrecognised(kind: impl Into<String>) -> InboundEvent {
    InboundEvent::Unrecognised { kind: kind.into() }
}

/// An event about a mail of ours: <https://documentation.mailgun.com/docs/mailgun/user-manual/events/events>.
fn about_our_mail(mailgun: &Mailgun, event: &Value) -> InboundEvent {
    let word = event["event"].as_str().unwrap_or("event without a name");
    // One signing key serves all domains of an account.
    if event["domain"]["name"].as_str().is_some_and(|domain| !domain.eq_ignore_ascii_case(&mailgun.domain)) {
        return unrecognised("event of another domain");
    }
    let severity = event["severity"].as_str();
    let stage = match (word, severity) {
        ("accepted", _) if event["flags"]["is-routed"] == true => {
            return unrecognised("accepted from a person");
        }
        ("accepted", _) => Stage::Accepted,
        // Mailgun tries again by itself.
        ("failed", Some("temporary")) => Stage::Accepted,
        ("delivered", _) => Stage::Delivered,
        ("failed", Some("permanent")) | ("rejected", _) => Stage::Failed(error::undelivered(event)),
        ("complained" | "unsubscribed", _) => return opt_out(event, word),
        ("failed", other) => return unrecognised(format!("failed {}", other.unwrap_or("without severity"))),
        // `opened` and `clicked` too: programs open mails before people do.
        _ => return unrecognised(word),
    };
    let id = event["message"]["headers"]["message-id"].as_str();
    let provider_id = id.map(|id| id.trim_matches(['<', '>', ' ']).to_owned()).filter(|id| !id.is_empty());
    let variable = event["user-variables"][outbound::REFERENCE].as_str().map(str::to_owned);
    let of_id = || mail::reference_in(mailgun, provider_id.as_deref()?);
    let reference = variable.or_else(of_id);
    if reference.is_none() && provider_id.is_none() {
        return unrecognised(format!("{word} without a message"));
    }
    let status = severity.map_or_else(|| word.to_owned(), |severity| format!("{word} {severity}"));
    InboundEvent::Receipt(Receipt { reference, provider_id, stage, status })
}

fn opt_out(event: &Value, word: &str) -> InboundEvent {
    let recipient = event["recipient"].as_str().and_then(address);
    recipient.map_or_else(
        || unrecognised(format!("{word} without a recipient")),
        |recipient| InboundEvent::OptOut { from: Person::at(recipient) },
    )
}

/// A person's mail as a route forwards it.
struct Mail<'a> {
    mailgun: &'a Mailgun,
    form: Form,
}

impl Mail<'_> {
    fn events(mut self) -> Vec<InboundEvent> {
        if let Some(kind) = self.is_no_mail_to_us() {
            return vec![unrecognised(kind)];
        }
        let Some(from) = self.person() else { return vec![unrecognised("mail without a sender")] };
        if from.address == self.mailgun.incoming_address || from.address == self.mailgun.from_address {
            return vec![unrecognised("mail from ourselves")];
        }
        let id = self.id();
        let thread = self.thread();
        let at = self.form.last("timestamp").and_then(|time| time.parse::<i64>().ok()?.checked_mul(1000));
        let files = std::mem::take(&mut self.form.files);
        let contents = contents(&self.text(), self.form.last("subject").unwrap_or_default(), files);
        let message = |(index, (content, media)): (usize, (Content, Option<MediaSource>))| {
            let id = if index == 0 { id.clone() } else { format!("{id}.{index}") };
            let message = InboundMessage::new(id, from.clone(), content);
            InboundMessage { at, media, thread: thread.clone(), ..message }.into()
        };
        let mut events: Vec<InboundEvent> = contents.into_iter().enumerate().map(message).collect();
        // The platform's rule: who writes to us again may be written to again.
        events.push(InboundEvent::OptIn { from });
        events
    }

    /// Why this form is no person's mail to our address.
    fn is_no_mail_to_us(&self) -> Option<&'static str> {
        let Some(recipient) = self.form.last("recipient") else { return Some("form without a recipient") };
        if !is_ours(self.mailgun, recipient) {
            return Some("mail to another address");
        }
        if self.form.last("body-mime").is_some() {
            return Some("mail in raw form; the route's address must not end in mime");
        }
        let submitted = self.form.header("Auto-Submitted");
        let is_automatic = submitted.is_some_and(|word| !word.trim().eq_ignore_ascii_case("no"));
        let precedence = self.form.header("Precedence").unwrap_or_default().trim().to_ascii_lowercase();
        let is_bulk = matches!(precedence.as_str(), "bulk" | "junk" | "auto_reply");
        // Reports of failed mails have an empty sender, so that nobody answers them.
        let is_report = self.form.last("sender").is_some_and(|sender| matches!(sender.trim(), "" | "<>"));
        (is_automatic || is_bulk || is_report).then_some("auto-reply")
    }

    /// Who wrote: the one that the letter names, because the envelope's sender may be a forwarder's.
    fn person(&self) -> Option<Person> {
        let from = self.form.last("from").or_else(|| self.form.header("From")).unwrap_or_default();
        let (name, named) = name_and_address(from);
        let sender = || self.form.last("sender").and_then(address);
        let address = address(named).or_else(sender)?;
        let mut raw = serde_json::Map::new();
        for (fact, value) in [
            ("from", Some(from)),
            ("Reply-To", self.form.header("Reply-To")),
            ("stripped-signature", self.form.last("stripped-signature")),
        ] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                raw.insert(fact.to_owned(), json!(value));
            }
        }
        let display_name = (!name.is_empty()).then_some(name);
        Some(Person { display_name, raw: Value::Object(raw), ..Person::at(address) })
    }

    /// Mailgun posts once for each recipient and route. A mail without an id is named by what is in it.
    fn id(&self) -> String {
        let recipient = self.form.last("recipient").unwrap_or_default().trim().to_ascii_lowercase();
        let given = self.form.header("Message-Id").map(|id| id.trim().trim_matches(['<', '>']));
        let id = given.filter(|id| !id.is_empty()).map(|id| format!("{id} {recipient}"));
        id.filter(|id| id.len() <= ID_LIMIT).unwrap_or_else(|| {
            let texts = ["Message-Id", "Date", "From", "Subject"].map(|name| self.form.header(name));
            let body = self.form.last("body-plain");
            hex::encode(sha256(json!([texts, body, recipient]).to_string().as_bytes()))
        })
    }

    fn thread(&self) -> Option<String> {
        let header = |name| self.form.header(name).unwrap_or_default();
        // Old mail programs name only the mail they answer.
        let references = match header("References") {
            "" => header("In-Reply-To"),
            references => references,
        };
        let subject = self.form.last("subject").unwrap_or_else(|| header("Subject"));
        let thread = Thread::of(self.form.header("Message-Id"), references, subject);
        serde_json::to_string(&thread).ok()
    }

    /// What the person wrote, without what they quote and without their signature.
    fn text(&self) -> String {
        let unix = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
        let stripped = self.form.last("stripped-text").map(unix).filter(|text| !text.is_empty());
        stripped.unwrap_or_else(|| without_quote(&unix(self.form.last("body-plain").unwrap_or_default())))
    }
}

/// A message for each file, the first with the text; or one with the text alone.
fn contents(text: &str, subject: &str, files: Vec<Enclosure>) -> Vec<(Content, Option<MediaSource>)> {
    if files.is_empty() {
        // Some say all they have to say in the subject.
        let text = if text.is_empty() { subject.trim() } else { text };
        return vec![(Content::text(text), None)];
    }
    let caption = (!text.is_empty()).then(|| text.to_owned());
    let captions = std::iter::once(caption).chain(std::iter::repeat(None));
    let content = |(file, text): (Enclosure, Option<String>)| {
        let media_type = file.media_type.clone();
        let is_picture = media_type.as_deref().is_some_and(|kind| kind.starts_with("image/"));
        let media_url = String::new();
        let content = if is_picture {
            Content::Image { media_url, media_type, text, alt_text: None, actions: Vec::new() }
        } else {
            Content::File { media_url, media_type, text, alt_text: None }
        };
        (content, Some(MediaSource::Enclosed(file)))
    };
    files.into_iter().zip(captions).map(content).collect()
}

/// Whether an address is our incoming one, or that one with a tag: `support+tag@…`.
fn is_ours(mailgun: &Mailgun, recipient: &str) -> bool {
    let untagged = address(recipient).and_then(|address| {
        let (local, domain) = address.rsplit_once('@')?;
        Some(format!("{}@{domain}", local.split('+').next().unwrap_or_default()))
    });
    let exact = address(recipient).is_some_and(|address| address == mailgun.incoming_address);
    exact || untagged.as_deref() == Some(&mailgun.incoming_address)
}

/// `"Jane Doe" <jane@example.com>` taken apart.
fn name_and_address(from: &str) -> (String, &str) {
    match from.rsplit_once('<') {
        Some((name, rest)) => {
            let name = name.trim().trim_matches('"').replace("\\\"", "\"");
            (name.trim().to_owned(), rest.split('>').next().unwrap_or_default())
        }
        None => (String::new(), from),
    }
}

/// The text above a quoted mail; the whole text when nothing stands above it or the person wrote in between.
fn without_quote(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let is_divider = |line: &&str| {
        let line = line.trim();
        line == "--" || line.starts_with("-----Original Message") || line.starts_with("__________")
    };
    if let Some(divider) = lines.iter().position(is_divider) {
        lines.truncate(divider);
    }
    let is_quote = |line: &&str| line.trim().is_empty() || line.starts_with('>');
    let mut quoted = false;
    while let Some(line) = lines.pop_if(|line| is_quote(&&**line)) {
        quoted |= line.starts_with('>');
    }
    if quoted && lines.last().is_some_and(|line| line.trim_end().ends_with(':')) {
        // `On Monday, Support <support@…> wrote:`, which long names break into two lines.
        lines.pop();
        lines.pop_if(|line| line.starts_with("On "));
    }
    let above = lines.join("\n").trim().to_owned();
    if above.is_empty() { text.to_owned() } else { above }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method};
    use proptest::prelude::*;
    use url::form_urlencoded;

    use super::*;
    use crate::channel::Secret;

    const NOW: i64 = 1_795_255_200;

    fn mailgun() -> Mailgun {
        Mailgun {
            api_key: Secret::new("fake-api-key"),
            signing_key: Secret::new("fake-signing-key"),
            domain: "mg.example.com".into(),
            incoming_address: "support@mg.example.com".into(),
            from_address: "support@mg.example.com".into(),
            has_unsubscribe_link: true,
            base_url: "https://api.mailgun.net".into(),
        }
    }

    fn hook(method: Method, kind: &[u8], body: &[u8]) -> RawWebhook {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(kind) {
            headers.insert("Content-Type", value);
        }
        let url = "https://gateway.example.com/hooks/mailgun/1".to_owned();
        RawWebhook::new(method, url, headers, NOW * 1000, Bytes::copy_from_slice(body))
    }

    fn signed(timestamp: &str, token: &str) -> String {
        let key = mailgun().signing_key;
        hex::encode(hmac_sha256(key.expose().as_bytes(), format!("{timestamp}{token}").as_bytes()))
    }

    #[test]
    fn a_token_is_good_once() {
        let [timestamp, token] = [NOW.to_string(), "t".repeat(50)];
        let signature =
            json!({"timestamp": timestamp, "token": token, "signature": signed(&timestamp, &token)});
        let body = json!({"signature": signature, "event-data": {}}).to_string();
        let verified = verify(&mailgun(), hook(Method::POST, b"application/json", body.as_bytes()));
        assert_eq!(verified.expect("a proof").replay_key, Some(token));
    }

    #[test]
    fn the_vectors_of_other_clients_match() {
        // django-anymail's tests (BSD-3-Clause), with its key.
        let mac = hmac_sha256(
            b"TEST_WEBHOOK_SIGNING_KEY",
            b"146126133006c96bafc3f42a66b9edd546347a2fe18dc23461fe80dc52f0",
        );
        assert_eq!(hex::encode(mac), "3e24f71c7e802be94c5abca2fd6ca6957cca2e1e2396d26716b87e1ca8c56634");
    }

    #[test]
    fn only_our_address_is_ours() {
        for (recipient, ours) in [
            ("Support@MG.example.com", true),
            ("support+42+x@mg.example.com", true),
            ("support+@mg.example.com", true),
            ("+42@mg.example.com", false),
            ("support@mg.example.com.example.org", false),
            ("sup+port@mg.example.com", false),
            ("", false),
        ] {
            assert_eq!(is_ours(&mailgun(), recipient), ours, "{recipient}");
        }
    }

    fn field() -> impl Strategy<Value = (String, String)> {
        let names = vec![
            "recipient",
            "sender",
            "from",
            "subject",
            "body-plain",
            "stripped-text",
            "message-headers",
            "Message-Id",
            "References",
            "In-Reply-To",
            "Auto-Submitted",
            "Precedence",
            "timestamp",
            "token",
        ];
        let values = prop_oneof![
            Just("support@mg.example.com".to_owned()),
            Just("Jane <jane@example.org>".to_owned()),
            Just("[[\"References\", \"<a@b>\"]]".to_owned()),
            r"(\PC|[<>@\r\n]){0,30}",
        ];
        (prop::sample::select(names).prop_map(str::to_owned), values)
    }

    proptest! {
        #[test]
        fn nothing_a_stranger_sends_panics(
            get in any::<bool>(),
            kind in prop_oneof![
                r"\PC{0,40}", Just("multipart/form-data; boundary=b".to_owned()),
                Just("application/x-www-form-urlencoded".to_owned()), Just("application/json".to_owned()),
            ],
            body in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..300),
                r#"(--b|\r\n|Content-Disposition: form-data; name=|"token"|\PC){0,30}"#.prop_map(String::into_bytes),
                r#"\{"event-data":\{("(event|severity|message|delivery-status|recipient)":("\w{0,9}"|null|\{\}|1),?){0,5}\}\}"#
                    .prop_map(String::into_bytes),
            ],
        ) {
            let method = if get { Method::GET } else { Method::POST };
            let raw = hook(method, kind.as_bytes(), &body);
            let _ = verify(&mailgun(), raw.clone());
            let _ = parse(&mailgun(), &raw.trust_unsigned("a test of the parser alone"));
        }

        #[test]
        fn no_field_of_a_proven_mail_panics_or_is_lost(fields in prop::collection::vec(field(), 0..14)) {
            let (timestamp, token) = (NOW.to_string(), "t".repeat(50));
            let signature = signed(&timestamp, &token);
            let body = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(fields)
                .extend_pairs([("timestamp", &timestamp), ("token", &token), ("signature", &signature)])
                .finish();
            let raw = hook(Method::POST, b"application/x-www-form-urlencoded", body.as_bytes());
            let events = parse(&mailgun(), &verify(&mailgun(), raw).expect("signed")).expect("a form");
            prop_assert!(!events.is_empty());
        }

        #[test]
        fn files_arrive_as_they_were_sent(bytes in prop::collection::vec(any::<u8>(), 0..200), name in r"[\PC&&[^\x22\\]]{0,20}") {
            let mut body = b"--b\r\nContent-Disposition: form-data; name=\"recipient\"\r\n\r\nsupport@mg.example.com\r\n\
                --b\r\nContent-Disposition: form-data; name=\"from\"\r\n\r\njane@example.org\r\n".to_vec();
            body.extend(format!("--b\r\nContent-Disposition: form-data; name=\"attachment-1\"; filename=\"{name}\"\r\n\r\n").bytes());
            body.extend(&bytes);
            body.extend(b"\r\n--b--\r\n");
            prop_assume!(!bytes.windows(5).any(|window| window == b"\r\n--b"));
            let raw = hook(Method::POST, b"multipart/form-data; boundary=b", &body);
            let events = parse(&mailgun(), &raw.trust_unsigned("a test")).expect("a form");
            let InboundEvent::Message(message) = &events[0] else { panic!("{events:?}") };
            let Some(MediaSource::Enclosed(file)) = &message.media else { panic!("{message:?}") };
            prop_assert_eq!(&file.bytes, &bytes);
        }
    }
}
