//! Files that the business uploads: taken, shown, kept private, removed; and images that are said at once.

use serde_json::{Value, json};

use crate::harness::api::Answer;
use crate::harness::config::{OTHER_APP, OTHER_KEY, OTHER_SECRET};
use crate::harness::form::{PNG, ROOM};
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Form, Rig, on_both_engines};

on_both_engines! {
    a_file_is_uploaded_and_seen,
    a_file_may_be_a_persons,
    what_is_not_taken_is_refused,
    content_beats_the_name,
    a_private_file_needs_a_token,
    whoever_is_sent_a_private_file_sees_it,
    a_file_is_removed,
    files_of_the_same_bytes_go_one_by_one,
    an_image_is_uploaded_and_said,
    a_large_file_passes_through,
    an_upload_has_no_idempotency_key,
}

const NUMBER: &str = "+15145550149";

fn upload(called: &str, bytes: &[u8]) -> Form {
    Form::default().file("source", called, bytes)
}

async fn uploaded(rig: &Rig, query: &str, form: Form) -> Value {
    rig.gateway.api().post_form(&of_app(&format!("/attachments?{query}")), form).await.expect(201)
}

/// The path of an address of the gateway's.
fn path<'a>(rig: &Rig, url: &'a Value) -> &'a str {
    let url = url.as_str().expect("an address");
    url.strip_prefix(rig.gateway.api_address()).expect("an address of the gateway")
}

async fn see(rig: &Rig, url: &Value) -> Answer {
    rig.gateway.anonymous().get(path(rig, url)).await
}

async fn remove(rig: &Rig, url: &Value) -> Answer {
    rig.gateway.api().post(&of_app("/attachments/remove"), &json!({ "mediaUrl": url })).await
}

async fn a_file_is_uploaded_and_seen(engine: Engine) {
    let rig = Rig::start(engine).await;
    let answer = uploaded(&rig, "access=public", upload("photo of me.png", PNG)).await;
    assert_eq!(answer["mediaType"], "image/png");
    assert_eq!(answer.as_object().map(|fields| fields.len()), Some(2), "{answer}");
    let words: Vec<&str> = path(&rig, &answer["mediaUrl"]).split('/').collect();
    assert_eq!((words[1], words[4]), ("media", "photo-of-me.png"));
    assert!(words[3].len() == 32 && words[3].bytes().all(|byte| byte.is_ascii_hexdigit()), "{words:?}");
    let seen = see(&rig, &answer["mediaUrl"]).await;
    assert_eq!((seen.status, seen.text), (200, String::from_utf8_lossy(PNG).into_owned()));
    assert_eq!(seen.headers["content-type"], "image/png");
    assert_eq!(seen.headers["content-length"], PNG.len().to_string().as_str());
    assert_eq!(seen.headers["x-content-type-options"], "nosniff");
    // The short shape, with what Go clients send beside the file.
    let form = Form::default().text("type", "text/plain").file("source", "note.txt", b"hello");
    let answer = rig.gateway.api().post_form("/v1.1/attachments?access=public&for=message", form).await;
    assert_eq!(answer.expect(201)["mediaType"], "text/plain");
}

async fn a_file_may_be_a_persons(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user(NUMBER).await;
    for query in [format!("appUserId={user}"), format!("userId={NUMBER}")] {
        let query = format!("access=public&for=message&{query}");
        let answer = uploaded(&rig, &query, upload("a.png", PNG)).await;
        assert_eq!(see(&rig, &answer["mediaUrl"]).await.status, 200);
    }
    let nobody = of_app("/attachments?access=public&for=message&userId=nobody");
    let answer = rig.gateway.api().post_form(&nobody, upload("a.png", PNG)).await;
    answer.refused(404, "user_not_found");
}

async fn what_is_not_taken_is_refused(engine: Engine) {
    let rig = Rig::with(engine, |config| config.set("server.limits.upload", "200KiB")).await;
    let api = rig.gateway.api();
    let send =
        async |query: &str, form: Form| api.post_form(&of_app(&format!("/attachments?{query}")), form).await;
    for (query, named) in [("", "access"), ("access=secret", "access"), ("access=public&for=profile", "for")]
    {
        let said = send(query, upload("a.png", PNG)).await.refused(400, "bad_request");
        assert!(said.starts_with(&format!("{named}: ")), "{said}");
    }
    let said = send("access=public", Form::default().text("type", "x")).await.refused(400, "bad_request");
    assert_eq!(said, "source: is required");
    api.post(&of_app("/attachments?access=public"), &json!({})).await.refused(400, "bad_request");
    for (called, bytes, said) in [
        ("virus.exe", PNG, "File rejected. File extension not allowed"),
        ("a.png", b"\0\x01\x02\x03", "File rejected. File type could not be retrieved"),
        ("a.pdf", b"<!DOCTYPE html><html></html>", "File rejected. File type not allowed"),
    ] {
        let refused = send("access=public", upload(called, bytes)).await;
        assert_eq!(refused.refused(415, "unsupported_media_type"), said);
    }
    for (size, is_fine) in [(200 << 10, true), ((200 << 10) + 1, false), (2 << 20, false)] {
        let answer = send("access=public", upload("long.txt", &vec![b'x'; size])).await;
        match is_fine {
            true => drop(answer.expect(201)),
            false => drop(answer.refused(413, "payload_too_large")),
        }
    }
}

async fn content_beats_the_name(engine: Engine) {
    let rig = Rig::start(engine).await;
    for (called, bytes, kind) in [
        ("a.txt", PNG, "image/png"),
        ("a.png", b"only words", "text/plain"),
        ("people.csv", b"name,age\nAda,36\n", "text/csv"),
        ("blob", b"%PDF-1.7\n", "application/pdf"),
    ] {
        let answer = uploaded(&rig, "access=public", upload(called, bytes)).await;
        assert_eq!(answer["mediaType"], kind, "{called}");
        assert_eq!(see(&rig, &answer["mediaUrl"]).await.headers["content-type"], kind, "{called}");
    }
}

async fn a_private_file_needs_a_token(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let private = uploaded(&rig, "access=private", upload("a.png", PNG)).await;
    let url = &private["mediaUrl"];
    see(&rig, url).await.refused(403, "forbidden");
    let asked = json!({ "mediaUrl": url });
    let given = api.post(&of_app("/attachments/token"), &asked).await.expect(200);
    let token = given["token"].as_str().expect("a token");
    assert_eq!(given["mediaUrl"], json!(format!("{}?token={token}", url.as_str().expect("an address"))));
    assert_eq!(see(&rig, &given["mediaUrl"]).await.text, String::from_utf8_lossy(PNG));
    let query = format!("/attachments/token?mediaUrl={}", url.as_str().expect("an address"));
    let again = api.get(&of_app(&query)).await.expect(200);
    assert_eq!(see(&rig, &again["mediaUrl"]).await.status, 200);
    let other = uploaded(&rig, "access=private", upload("b.png", PNG)).await["mediaUrl"].clone();
    for (url, token) in [(url, "1.abcd"), (url, ""), (&other, token)] {
        let url = json!(format!("{}?token={token}", url.as_str().expect("an address")));
        see(&rig, &url).await.refused(403, "forbidden");
    }
    let public = uploaded(&rig, "access=public", upload("a.png", PNG)).await["mediaUrl"].clone();
    let given = api.post(&of_app("/attachments/token"), &json!({ "mediaUrl": public })).await.expect(200);
    assert_eq!(given, json!({ "mediaUrl": public }));
    for odd in ["https://example.org/a.png", "nonsense"] {
        api.post(&of_app("/attachments/token"), &json!({ "mediaUrl": odd })).await.refused(404, "not_found");
    }
    api.get(&of_app("/attachments/token")).await.refused(400, "bad_request");
    api.get(&of_app("/attachments/cookie")).await.refused(404, "not_found");
}

async fn whoever_is_sent_a_private_file_sees_it(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("ada").await;
    rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    let query = "access=private&for=message&userId=ada";
    let url = uploaded(&rig, query, upload("a.png", PNG)).await["mediaUrl"].clone();
    let message = json!({"role": "appMaker", "type": "image", "mediaUrl": url, "mediaType": "image/png"});
    let posted = rig.gateway.api().post(&of_app("/appusers/ada/messages"), &message).await.expect(201);
    assert_eq!(posted["message"]["mediaUrl"], url, "the history shows the address alone");
    let sent = rig.sim().first_to(NUMBER).await;
    let shown = sent["media"].to_string();
    let start = shown.find(url.as_str().expect("an address")).unwrap_or_else(|| panic!("{sent}"));
    let shown = &shown[start..];
    let shown = json!(shown[..shown.find('"').expect("its end")]);
    assert!(shown.as_str().is_some_and(|shown| shown.contains("?token=")), "{shown}");
    assert_eq!(see(&rig, &shown).await.status, 200);
}

async fn a_file_is_removed(engine: Engine) {
    let rig = Rig::start(engine).await;
    let url = uploaded(&rig, "access=public", upload("a.png", PNG)).await["mediaUrl"].clone();
    let key = [("idempotency-key", "once")];
    for _ in 0..2 {
        let body = Some(json!({ "mediaUrl": url }).to_string());
        let answer = rig.gateway.api().request("POST", &of_app("/attachments/remove"), &key, body).await;
        assert_eq!(answer.expect(200), json!({}));
        see(&rig, &url).await.refused(404, "not_found");
    }
    assert_eq!(remove(&rig, &url).await.refused(404, "not_found"), "Attachment not found");
    let foreign = json!("https://example.org/a.png");
    let said = remove(&rig, &foreign).await.refused(400, "bad_request");
    assert_eq!(said, "Unsupported media URL for attachment deletion: https://example.org/a.png");
    let other = rig.gateway.api_address();
    let other = crate::harness::api::Api::basic(other, OTHER_KEY, OTHER_SECRET);
    let theirs = format!("/v1.1/apps/{OTHER_APP}/attachments?access=public");
    let theirs = other.post_form(&theirs, upload("a.png", PNG)).await.expect(201)["mediaUrl"].clone();
    remove(&rig, &theirs).await.refused(400, "bad_request");
    assert_eq!(see(&rig, &theirs).await.status, 200);
}

async fn files_of_the_same_bytes_go_one_by_one(engine: Engine) {
    let rig = Rig::start(engine).await;
    let send = async || uploaded(&rig, "access=public", upload("a.png", PNG)).await["mediaUrl"].clone();
    let (one, two) = tokio::join!(send(), send());
    assert_ne!(one, two);
    remove(&rig, &one).await.expect(200);
    see(&rig, &one).await.refused(404, "not_found");
    assert_eq!(see(&rig, &two).await.status, 200);
    remove(&rig, &two).await.expect(200);
    see(&rig, &two).await.refused(404, "not_found");
    let three = send().await;
    assert_eq!(see(&rig, &three).await.status, 200);
}

async fn an_image_is_uploaded_and_said(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("ada").await;
    rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    let send = async |form: Form| rig.gateway.api().post_form(&of_app("/appusers/ada/images"), form).await;
    let form = upload("a.png", PNG).text("role", "appUser").text("text", "Look");
    let body = send(form.text("metadata", r#"{"lang":"en"}"#)).await.expect(201);
    let message = &body["message"];
    assert_eq!((&message["type"], &message["role"]), (&json!("image"), &json!("appUser")));
    assert_eq!((&message["text"], &message["mediaType"]), (&json!("Look"), &json!("image/png")));
    assert_eq!(message["metadata"], json!({"lang": "en"}));
    assert_eq!(body["conversation"]["unreadCount"], 0);
    assert_eq!(see(&rig, &message["mediaUrl"]).await.status, 200);
    let event = rig.receiver.trigger("message:appUser").await;
    assert_eq!(event["messages"][0]["mediaUrl"], message["mediaUrl"]);

    let form = Form::default().text("role", "appMaker").file("source", "b.png", PNG);
    let url = send(form).await.expect(201)["message"]["mediaUrl"].clone();
    let sent = rig.sim().first_to(NUMBER).await;
    assert!(sent["media"].to_string().contains(url.as_str().expect("an address")), "{sent}");

    let said = send(upload("a.png", PNG)).await.refused(400, "bad_request");
    assert!(said.starts_with("role: "), "{said}");
    let form = upload("a.pdf", b"%PDF-1.7\n").text("role", "appUser");
    let said = send(form).await.refused(415, "unsupported_media_type");
    assert_eq!(said, "File rejected. File type not allowed");
    let form = upload("a.png", PNG).text("role", "appUser").text("metadata", "{");
    let said = send(form).await.refused(400, "bad_request");
    assert_eq!(said, "metadata: must be JSON");
    let nobody = of_app("/appusers/nobody/images");
    let answer = rig.gateway.api().post_form(&nobody, upload("a.png", PNG)).await;
    answer.refused(404, "user_not_found");
    assert_eq!(rig.messages(&user).await.len(), 2);
}

async fn a_large_file_passes_through(engine: Engine) {
    let rig = Rig::start(engine).await;
    // Once before, so that what is counted is the file and not the first use of anything.
    uploaded(&rig, "access=public", upload("small.txt", &[b'x'; 100_000])).await;
    let size = 50 << 20;
    let form = upload("long.txt", &vec![b'x'; size]);
    let before = rig.gateway.memory();
    let (answer, most) = rig.gateway.watched(uploaded(&rig, "access=public", form)).await;
    println!("{engine:?}: in: {before}, then at most {most}");
    assert!(most.own < before.own + ROOM, "{before} became {most}");
    let url = path(&rig, &answer["mediaUrl"]);
    let (count, most) = rig.gateway.watched(rig.gateway.anonymous().drain(url)).await;
    println!("{engine:?}: out: at most {most}");
    assert_eq!(count, size as u64);
    assert!(most.own < before.own + ROOM, "{before} became {most}");
}

async fn an_upload_has_no_idempotency_key(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (path, key) = (of_app("/attachments?access=public"), [("idempotency-key", "once")]);
    let send = async || {
        let form = upload("long.txt", &[b'x'; 300_000]);
        rig.gateway.api().send_form("POST", &path, &key, form).await.expect(201)["mediaUrl"].clone()
    };
    assert_ne!(send().await, send().await);
}
