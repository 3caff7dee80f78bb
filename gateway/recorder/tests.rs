//! What is recorded: that it means the same, and that nothing real is in it. The tapes under `fixtures/` play the real
//! traffic, of every channel that has some.

use std::path::{Path, PathBuf};

use heliograph_connectors::Registry;
use heliograph_connectors::channel::testing::{Tape, cases, play, read_request};
use heliograph_connectors::channel::{Body, Destination, Occasion, OutboundMessage};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::scrub::{Known, Scrubber};
use super::*;
use crate::model::Id;

fn scrubber() -> Scrubber {
    let known = Known {
        values: [("sesame-street".to_owned(), "fake-token".to_owned())].into(),
        numbers: [("14165550123".to_owned(), "15145550100".to_owned())].into(),
        base: Some(("http://127.0.0.1:1/twilio".into(), "https://api.twilio.com".into())),
        host: "gw.acme.test".into(),
    };
    Scrubber::new([7; 32], known)
}

#[test]
fn what_a_value_says_goes_and_its_shape_stays() {
    let scrubber = scrubber();
    for (name, given, expected) in [
        ("Body", "Hello, Łucja! Code 123456 🎉", "Lorem, éorem! Lore 000000 🐦"),
        ("Body", "stop", "stop"),
        ("MessageStatus", "delivered", "delivered"),
        ("MessageStatus", "call +1 416 555 0142", "lore +0 000 000 0000"),
        ("MediaContentType0", "image/png", "image/png"),
        ("To", "+14165550123", "+15145550100"),
        ("timestamp", "1795255200", "1795255200"),
        ("Date", "Sat, 21 Nov 2026 10:00:00 +0000", "Sat, 21 Nov 2026 10:00:00 +0000"),
        ("Date", "when Alice came", "lore Lorem lore"),
        ("hub.verify_token", "sesame-street", "fake-token"),
        ("Latitude", "52.370216", "45.5"),
        ("filename", "alice.pdf", "lorem.pdf"),
        ("url", "https://gw.acme.test/hooks/twilio", "https://gateway.example.com/hooks/twilio"),
        (
            "url",
            "http://127.0.0.1:1/twilio/2010-04-01/Accounts",
            "https://api.twilio.com/2010-04-01/Accounts",
        ),
    ] {
        assert_eq!(scrubber.value(name, given), expected, "{name}: {given}");
    }
}

#[test]
fn ids_and_addresses_become_others_and_always_the_same() {
    let scrubber = scrubber();
    let id = "0192f0a1-7c3e-7d44-8a55-1234567890ab";
    let other = scrubber.value("id", id);
    assert_eq!(other.len(), id.len());
    assert!(!other.contains("7c3e") && !other.contains("7d44"), "{other}");
    assert!(scrubber.value("message-id", &format!("<{id}@mg.acme.test>")).contains(&other));
    assert_eq!(scrubber.value("reference", &format!("{id}.2")), format!("{other}.2"));
    let mail = scrubber.value("from", "Alice <alice7@acme.test>");
    assert!(mail.starts_with("Lorem <") && mail.ends_with(".example.com>"), "{mail}");
    assert!(!mail.contains("alice") && !mail.contains("acme"), "{mail}");
    let sid = scrubber.value("MessageSid", "SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1");
    assert!(sid.starts_with("SM") && sid.len() == 34 && !sid.contains("aaaa"), "{sid}");
    let number = scrubber.value("From", "+4915112345678");
    assert!(number.starts_with("+1514555") && number.len() == 14, "{number}");
    assert_eq!(scrubber.value("wa_id", "4915112345678"), number[1..]);
    assert_eq!(scrubber.value("from", "+49 151 1234 5678").replace(' ', ""), number);
}

#[test]
fn keys_may_name_people_too() {
    let scrubber = scrubber();
    let given =
        r#"{"alice@acme.test": 1, "4915112345678": 2, "event-data": {"code": 131056, "n": 4915112345678}}"#;
    let text = json::rewrite(given, &mut { &scrubber }).expect("JSON");
    for real in ["alice", "acme", "4915112345678"] {
        assert!(!text.contains(real), "{text}");
    }
    assert!(text.contains(r#""event-data": {"code": 131056"#), "{text}");
}

/// An integration, and the moment of its case, as a fixture's `settings.toml` has them.
fn integration(case: &Path) -> (Integration, String, i64) {
    let places = case.ancestors().take(3).map(|folder| folder.join("settings.toml"));
    let file = places.into_iter().find(|path| path.is_file()).expect("settings");
    let text = std::fs::read_to_string(file).expect("a text");
    let table: toml::Table = text.parse().expect("TOML");
    let settings = serde_json::to_value(&table["settings"]).expect("JSON");
    let hook_url = table["hookUrl"].as_str().expect("an address").to_owned();
    let id = Id::new(hook_url.rsplit('/').next().unwrap_or_default());
    let kind = table["type"].as_str().expect("a type");
    let settings = settings.as_object().expect("a table").clone();
    let integration = Integration::new(id, Id::new("5963c0d619a30a2e00de36b8"), kind, settings);
    let received_at = table.get("receivedAt").and_then(toml::Value::as_integer).unwrap_or(0);
    (integration, hook_url, received_at)
}

fn channel_of(integration: &Integration) -> Arc<dyn Channel> {
    let build = Registry::builtin().get(&integration.kind).expect("a known kind");
    let settings = heliograph_connectors::channel::Settings::new;
    build(settings(&integration.settings, &serde_json::Map::new())).expect("good settings")
}

fn fixtures(kind: &str, way: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(kind).join(way);
    cases(&root).expect("fixtures")
}

/// Records with `note` and answers what was kept, and the folder it is kept in.
fn recorded(note: impl FnOnce(&Recorder)) -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().expect("a folder");
    let opened = open(folder.path().join("tapes"), Registry::builtin(), Default::default());
    let (recorder, writer) = opened.expect("a folder to write to");
    note(&recorder);
    drop(recorder);
    writer.run();
    let kept = cases(&folder.path().join("tapes")).expect("a folder to read");
    (folder, kept)
}

fn kinds() -> impl Iterator<Item = &'static str> {
    Registry::builtin()
        .kinds()
        .collect::<Vec<_>>()
        .into_iter()
        .filter(|kind| disguise::KINDS.iter().any(|(known, _)| known == kind))
}

#[test]
fn every_proven_hook_is_kept_and_verifies() {
    for kind in kinds() {
        let mut heard = 0;
        for case in fixtures(kind, "inbound") {
            let expected = play(&case, &Registry::builtin()).expect("a case").to_string();
            if !case.join("hook.http").is_file()
                || expected.contains("forged: ")
                || expected.contains("\n403")
            {
                continue;
            }
            let (integration, hook_url, received_at) = integration(&case);
            let (parts, body) = read_request(&case.join("hook.http")).expect("a hook").into_parts();
            let origin = &hook_url[..hook_url.find("/hooks/").expect("a path")];
            let url = format!("{origin}{}", parts.uri);
            let raw = RawWebhook::new(parts.method, url, parts.headers, received_at, body);
            let channel = channel_of(&integration);
            let (_folder, kept) = recorded(|recorder| recorder.hook(&integration, &channel, &raw));
            // What its own connector cannot read may be in no form that can be taken apart.
            if kept.is_empty() && expected.contains("malformed: ") {
                continue;
            }
            let [kept] = kept.as_slice() else { panic!("{} was not kept", case.display()) };
            let played = play(kept, &Registry::builtin()).expect("a tape");
            played.check().unwrap_or_else(|problem| panic!("{}: {problem}", case.display()));
            let text = read_all(kept);
            for said in ["Hello", "MONTREAL", "H2X", "+15145550199", "%2B15145550199"] {
                assert!(!text.contains(said), "{}: {said} in\n{text}", case.display());
            }
            heard += 1;
        }
        assert!(heard > 5, "{kind}: few hooks were proven");
    }
}

fn read_all(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).expect("a folder");
    let read = files.map(|file| std::fs::read(file.expect("a file").path()).expect("readable"));
    read.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
}

/// A case's message, where it is sent as it stands.
fn message(case: &Path, hook_url: &str, channel: &dyn Channel) -> Option<OutboundMessage> {
    let given: Value = serde_json::from_slice(&std::fs::read(case.join("message.json")).ok()?).expect("JSON");
    let body = ["content", "native"].into_iter().find(|name| given.get(name).is_some())?;
    let body: Body = serde_json::from_value(json!({body: given[body]})).expect("a body");
    let text = |name: &str| given[name].as_str().map(str::to_owned);
    let mut parts = channel.parts(&body).ok().filter(|parts| parts.len() == 1)?;
    let destination = channel.destination(given["destination"].as_str()?).ok()?;
    Some(OutboundMessage {
        reference: text("reference")?,
        destination: Destination { ..destination },
        body: parts.remove(0),
        hook_url: hook_url.parse().expect("an address"),
        occasion: serde_json::from_value(given["occasion"].clone()).unwrap_or(Occasion::Notification),
        app: text("app").unwrap_or_else(|| "Demo".into()),
        author: text("author"),
        subject: text("subject"),
        accepted_at: given["acceptedAt"].as_i64().unwrap_or(0),
        earlier: serde_json::from_value(given["earlier"].clone()).ok(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_send_is_kept_and_ends_the_same() {
    for kind in kinds() {
        let mut heard = 0;
        for case in fixtures(kind, "outbound") {
            let (integration, hook_url, _) = integration(&case);
            let channel = channel_of(&integration);
            let Some(message) = message(&case, &hook_url, &*channel) else { continue };
            let tape = Tape::open(&case).expect("a tape");
            let door = Overheard::at(&tape);
            let result = channel.send(&message, &door).await;
            let note = |recorder: &Recorder| recorder.sent(&integration, &message, door, &result);
            let (_folder, kept) = tokio::task::block_in_place(|| recorded(note));
            let [kept] = kept.as_slice() else { panic!("{} was not kept", case.display()) };
            let text = read_all(kept);
            for said in [&message.reference, &message.destination.address] {
                assert!(!text.contains(said.as_str()), "{}: {said} in\n{text}", case.display());
            }
            heard += 1;
        }
        assert!(heard > 5, "{kind}: few messages were sent");
    }
}

fn signed(kind: &str, settings: Value, hook: Request, given: &[(&'static str, &str)]) -> Request {
    let headers: HeaderMap = given
        .iter()
        .map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_str(value).expect("a value")))
        .collect();
    sign::sign(kind, settings.as_object().expect("settings"), hook, &headers).expect("a signature")
}

fn hook(method: &str, url: &str, kind: &str, body: &str) -> Request {
    let hook = http::Request::builder().method(method).uri(url).header("content-type", kind);
    hook.body(Bytes::copy_from_slice(body.as_bytes())).expect("a request")
}

#[test]
fn meta_signs_the_body() {
    // A value that many libraries publish for this key and text.
    let hook = hook("POST", "https://gateway.example.com/hooks/whatsapp", "application/json", "hello world");
    let signed = signed("whatsapp", json!({"appSecret": "sesame"}), hook, &[]);
    let expected = "sha256=f39034b29165ec6a5104d9aef27266484ab26c8caa7b";
    assert!(signed.headers()["x-hub-signature-256"].to_str().expect("text").starts_with(expected));
}

#[test]
fn messagebird_signs_hashes_in_a_token() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
    let claims = BASE64
        .encode(r#"{"iss":"MessageBird","nbf":1,"exp":61,"jti":"real","url_hash":"x","payload_hash":"y"}"#);
    let url = "https://gateway.example.com/hooks/messagebird/1?id=2";
    let given = format!("e30.{claims}.AA");
    let signed = signed(
        "messagebird",
        json!({"signingKey": "fake"}),
        hook("GET", url, "", ""),
        &[("messagebird-signature-jwt", &given)],
    );
    let token = signed.headers()["messagebird-signature-jwt"].to_str().expect("text");
    let [head, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let read: Value = serde_json::from_slice(&BASE64.decode(claims).expect("base64")).expect("JSON");
    let hash = hex::encode(heliograph_connectors::channel::signature::sha256(url.as_bytes()));
    assert_eq!(
        read,
        json!({"iss": "MessageBird", "nbf": 1, "exp": 61, "jti": "00000000-0000-4000-8000-000000000000", "url_hash": hash})
    );
    let expected = heliograph_connectors::channel::signature::hmac_sha256(
        b"fake",
        format!("{head}.{claims}").as_bytes(),
    );
    assert_eq!(BASE64.decode(signature).expect("base64"), expected);
}

#[test]
fn mailgun_signs_a_time_and_a_token_inside_the_body() {
    let proof =
        hex::encode(heliograph_connectors::channel::signature::hmac_sha256(b"fake", b"1795255200abc"));
    let json = r#"{"signature": {"timestamp": "1795255200", "token": "abc", "signature": "old"}, "event-data": {"signature": "x"}}"#;
    for (kind, body, expected) in [
        ("application/json", json, json.replace("old", &proof)),
        (
            "application/x-www-form-urlencoded",
            "timestamp=1795255200&signature=old&token=abc",
            format!("timestamp=1795255200&signature={proof}&token=abc"),
        ),
    ] {
        let signed = signed(
            "mailgun",
            json!({"apiKey": "fake"}),
            hook("POST", "https://gateway.example.com/", kind, body),
            &[],
        );
        assert_eq!(String::from_utf8_lossy(signed.body()), expected);
    }
}
