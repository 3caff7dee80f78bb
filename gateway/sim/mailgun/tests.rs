//! Mailgun as the gateway meets it: what is taken, what is refused, and what is posted back.

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use heliograph_connectors::channel::signature::hmac_sha256;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use url::form_urlencoded;

use super::super::provider::ErrorCode;
use super::*;
use crate::sim::{provider::Media, router};

const MAIL: &str = "From: Demo <support@mg.example.com>\r\n\
    To: jane@example.org\r\n\
    Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n\
    Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n\
    Message-ID: <hg-note-1@mg.example.com>\r\n\
    MIME-Version: 1.0\r\n\
    Content-Type: multipart/alternative; boundary=\"a\"\r\n\r\n\
    --a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n\
    --a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hello</p>\r\n\
    --a--\r\n";

fn account() -> Arc<Account> {
    let settings = json!({"apiKey": "fake-api-key", "signingKey": "fake-signing-key", "domain": "mg.example.com",
                          "incomingAddress": "support@mg.example.com"});
    Arc::new(Account {
        kind: "mailgun".into(),
        integration_id: "mail".into(),
        hook_url: "http://127.0.0.1:1/hooks/mailgun/mail".into(),
        settings: settings.as_object().expect("an object").clone(),
    })
}

fn sim() -> Arc<Sim> {
    let account = Arc::into_inner(account()).expect("the only one");
    Arc::new(Sim::new(vec![account], CancellationToken::new()).expect("a simulator"))
}

/// A field of a form: its name, the name of its file if it is one, its value.
type Field<'a> = (&'a str, Option<&'a str>, &'a str);

fn good<'a>() -> Vec<Field<'a>> {
    vec![
        ("to", None, "jane@example.org"),
        ("o:tracking-opens", None, "no"),
        ("v:heliograph", None, "note-1"),
        ("message", Some("message.eml"), MAIL),
    ]
}

fn form(fields: &[Field<'_>]) -> String {
    let mut form = String::new();
    for (name, file, value) in fields {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        form += &format!("--f\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n");
    }
    form + "--f--\r\n"
}

async fn call(sim: &Arc<Sim>, method: Method, path: &str, key: &str, body: String) -> (u16, Value) {
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("api:{key}")));
    let request = Request::builder()
        .method(method)
        .uri(format!("/mailgun{path}"))
        .header(header::AUTHORIZATION, basic)
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=f")
        .body(Body::from(body))
        .expect("a request");
    let answer = router(sim).oneshot(request).await.expect("an answer");
    let status = answer.status().as_u16();
    let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.expect("a body");
    let text = String::from_utf8_lossy(&body).into_owned();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn send(sim: &Arc<Sim>, fields: &[Field<'_>]) -> (u16, Value) {
    call(sim, Method::POST, "/v3/mg.example.com/messages.mime", "fake-api-key", form(fields)).await
}

#[tokio::test]
async fn a_good_send_is_taken_and_kept() {
    let sim = sim();
    let (status, answer) = send(&sim, &good()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer, json!({"id": "<hg-note-1@mg.example.com>", "message": "Queued. Thank you."}));
    let kept = &sim.outbox.view()[0];
    assert_eq!((&kept["to"], &kept["from"]), (&json!("jane@example.org"), &json!("support@mg.example.com")));
    assert_eq!((&kept["text"], &kept["reference"]), (&json!("Hello"), &json!("note-1")));
    assert_eq!(kept["providerId"], "hg-note-1@mg.example.com");
    assert_eq!(
        (&kept["request"]["subject"], &kept["request"]["html"]),
        (&json!("Grüße"), &json!("<p>Hello</p>"))
    );
    assert_eq!(kept["request"]["from"], "Demo <support@mg.example.com>");
    let path = "/v3/mg.example.com/events?message-id=hg-note-1%40mg.example.com";
    let (_, page) = call(&sim, Method::GET, path, "fake-api-key", String::new()).await;
    assert_eq!(page["items"][0]["user-variables"]["heliograph"], "note-1", "{page}");
}

#[tokio::test]
async fn whatever_is_wrong_is_refused() {
    let sim = sim();
    let without =
        |name: &str| -> Vec<Field<'_>> { good().into_iter().filter(|field| field.0 != name).collect() };
    let with = |field| [good(), vec![field]].concat();
    let mails = [
        MAIL.replace("Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n", ""),
        MAIL.replace("To: jane", "To: joe"),
        MAIL.replace("support@mg", "stranger@mg"),
        MAIL.replace("Subject:", "From: x@example.org\r\nSubject:"),
        MAIL.replace("--a\r\nContent-Type: text/html", "--a\r\nContent-Type: text/plain"),
        MAIL.replace("Hello\r\n--a", "Hello\n--a"),
        MAIL.replace("Hello", "Grüße"),
        MAIL.replace("Hello", &"x".repeat(999)),
        MAIL.replace("<hg-note-1@mg.example.com>", "none"),
    ];
    let mut wrong = vec![
        without("to"),
        without("message"),
        with(("to", None, "joe@example.org")),
        with(("message", Some("again.eml"), MAIL)),
        with(("o:tracking", None, "perhaps")),
        with(("o:colour", None, "no")),
        with(("subject", None, "x")),
        [without("to"), vec![("to", None, "Jane <jane@example.org>")]].concat(),
        [without("message"), vec![("message", None, MAIL)]].concat(),
        [without("v:heliograph"), vec![("v:heliograph", Some("a file"), "note-1")]].concat(),
    ];
    let long = "x".repeat(16_000);
    wrong.push(with(("v:more", None, &long)));
    wrong.extend(
        mails.iter().map(|mail| [without("message"), vec![("message", Some("m"), mail.as_str())]].concat()),
    );
    for fields in wrong {
        let (status, answer) = send(&sim, &fields).await;
        assert!(status == 400 && answer["message"].is_string(), "{status} {answer} for {fields:?}");
    }
    assert!(sim.outbox.view().is_empty());
}

#[tokio::test]
async fn strangers_are_turned_away() {
    let sim = sim();
    let get = async |path, key| call(&sim, Method::GET, path, key, String::new()).await;
    assert_eq!(get("/v3/domains/mg.example.com", "fake-api-key").await.1["domain"]["state"], "active");
    assert_eq!(get("/v3/domains/mg.example.com", "fake").await, (401, json!("Forbidden")));
    let unknown = json!({"message": "Domain not found: other.example.com"});
    assert_eq!(get("/v3/domains/other.example.com", "fake-api-key").await, (404, unknown));
    assert_eq!(get("/v3/nowhere", "fake-api-key").await, (200, json!("Mailgun Magnificent API")));
    let post = call(&sim, Method::POST, "/v3/mg.example.com/messages.mime", "fake", form(&good())).await;
    assert_eq!(post, (401, json!("Forbidden")));
}

#[tokio::test]
async fn rules_speak_mailguns_words() {
    let sim = sim();
    for (rule, status, message) in [
        (
            json!({"behaviour": "refuse"}),
            400,
            "to parameter is not a valid address. please check documentation",
        ),
        (json!({"behaviour": "refuse", "status": 413}), 413, "request size exceeds 52.4MiB limit"),
        (
            json!({"behaviour": "throttle"}),
            429,
            "Domain mg.example.com is not allowed to send: request limit exceeded",
        ),
        (json!({"behaviour": "error", "status": 503}), 503, "Service Unavailable"),
    ] {
        super::super::lock(&sim.rules).add(serde_json::from_value(rule).expect("a rule")).expect("added");
        assert_eq!(send(&sim, &good()).await, (status, json!({ "message": message })));
    }
    assert_eq!(Refusal::by_rule(Some(StatusCode::UNAUTHORIZED), None, "").message(), "Forbidden");
}

fn is_signed(fields: &[(String, String)]) -> bool {
    let value = |name| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
    let (Some(timestamp), Some(token), Some(signature)) =
        (value("timestamp"), value("token"), value("signature"))
    else {
        return false;
    };
    signature == hex::encode(hmac_sha256(b"fake-signing-key", format!("{timestamp}{token}").as_bytes()))
}

#[tokio::test]
async fn what_became_of_a_mail_is_told_and_signed() {
    let sim = sim();
    send(&sim, &good()).await;
    let sent = sim.outbox.get("hg-note-1@mg.example.com").expect("kept");
    let provider = &sim.providers["mailgun"];
    for (status, event, severity) in [
        ("delivered", "delivered", Value::Null),
        ("failed", "failed", json!("permanent")),
        ("temporary_fail", "failed", json!("temporary")),
        ("unsubscribed", "unsubscribed", Value::Null),
    ] {
        let report = Report { status: status.into(), error: None };
        let hook = provider.receipt(&sent, &report, Signature::Valid).expect("a hook");
        let body: Value = serde_json::from_slice(&hook.body).expect("JSON");
        let told = &body["event-data"];
        assert_eq!((&told["event"], &told["severity"]), (&json!(event), &severity));
        assert_eq!(told["message"]["headers"]["message-id"], "hg-note-1@mg.example.com");
        assert_eq!(told["user-variables"]["heliograph"], "note-1");
        let field =
            |name: &str| (name.to_owned(), body["signature"][name].as_str().expect("a text").to_owned());
        let fields = ["timestamp", "token", "signature"].map(field);
        assert!(is_signed(&fields));
    }
    let failed = Report { status: "failed".into(), error: Some(ErrorCode::from("606")) };
    let hook = provider.receipt(&sent, &failed, Signature::Missing).expect("a hook");
    let body: Value = serde_json::from_slice(&hook.body).expect("JSON");
    assert_eq!(body["signature"], Value::Null);
    assert_eq!(body["event-data"]["reason"], "suppress-unsubscribe");
    assert_eq!(provider.reports(&Fate::Failed(None))[1].error, Some(ErrorCode::from("550")));
}

fn person(text: &str, media: Vec<Media>) -> Written {
    Written {
        account: account(),
        provider_id: "1@mail.example.com".into(),
        from: "jane@example.org".into(),
        text: text.into(),
        media,
        name: Some("Jane \"J\" Doe".into()),
        subject: None,
        payload: None,
        answers: Some("hg-note-1@mg.example.com".into()),
    }
}

#[test]
fn a_person_answers_in_the_thread() {
    let mailgun = Mailgun::new(&[account()]);
    let hook = mailgun.written(&person("Yes", Vec::new()), Signature::Valid).expect("a hook");
    let fields: Vec<_> = form_urlencoded::parse(&hook.body).into_owned().collect();
    assert!(is_signed(&fields));
    let value = |name: &str| {
        let field = fields.iter().find(|(field, _)| field == name);
        field.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    assert_eq!((value("recipient"), value("sender")), ("support@mg.example.com", "jane@example.org"));
    assert_eq!(value("from"), "\"Jane \\\"J\\\" Doe\" <jane@example.org>");
    assert_eq!(
        (value("Message-Id"), value("In-Reply-To")),
        ("<1@mail.example.com>", "<hg-note-1@mg.example.com>")
    );
    assert_eq!((value("stripped-text"), value("subject")), ("Yes", "Re: your message"));
    assert!(value("body-plain").contains("wrote:\r\n> "));
    let forged = mailgun.written(&person("Yes", Vec::new()), Signature::Forged).expect("a hook");
    let fields: Vec<_> = form_urlencoded::parse(&forged.body).into_owned().collect();
    assert!(!is_signed(&fields) && fields.iter().any(|(name, _)| name == "signature"));
}

#[test]
fn files_come_along() {
    let mailgun = Mailgun::new(&[account()]);
    let file = |url: &str| vec![Media { url: url.into(), kind: "text/plain".into() }];
    let hook = mailgun.written(&person("", file("http://127.0.0.1/files/note.txt")), Signature::Valid);
    let hook = hook.expect("a hook");
    let kind = hook.headers[header::CONTENT_TYPE].to_str().expect("text").to_owned();
    assert!(kind.starts_with("multipart/form-data; boundary="));
    let body = String::from_utf8_lossy(&hook.body).into_owned();
    assert!(body.contains(
        "name=\"attachment-1\"; filename=\"note.txt\"\r\nContent-Type: text/plain\r\n\r\nnote.txt\n"
    ));
    assert!(!body.contains("body-plain"));
    assert!(mailgun.written(&person("", file("https://example.org/a.exe")), Signature::Valid).is_err());
    let nobody = Written { from: "jane".into(), ..person("hi", Vec::new()) };
    assert!(mailgun.written(&nobody, Signature::Valid).is_err());
}
