//! Files uploaded and removed through v2.

use serde_json::{Value, json};

use crate::harness::config::{APP, OTHER_APP};
use crate::harness::custom::v2_of_app;
use crate::harness::form::PNG;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Form, Rig, eventually, on_both_engines};

on_both_engines! {
    a_file_is_uploaded_seen_and_removed,
    a_file_may_come_without_a_name,
    a_file_of_a_conversation_goes_with_its_person,
    what_is_not_taken_is_refused,
}

fn upload() -> Form {
    Form::default().file("source", "a picture.png", PNG)
}

/// The path of an address of the gateway's.
fn path<'a>(rig: &Rig, url: &'a Value) -> &'a str {
    let url = url.as_str().expect("an address");
    url.strip_prefix(rig.gateway.api_address()).expect("an address of the gateway")
}

async fn a_file_is_uploaded_seen_and_removed(engine: Engine) {
    let rig = Rig::start(engine).await;
    let custom = rig.custom(&["*"]).await;
    for api in [rig.gateway.api(), rig.gateway.account(), custom.api] {
        let taken = api.post_form(&v2_of_app("/attachments?access=public&for=message"), upload()).await;
        let attachment = taken.expect(201)["attachment"].clone();
        let url = &attachment["mediaUrl"];
        assert_eq!(attachment, json!({"mediaUrl": url, "mediaType": "image/png"}));
        assert_eq!(rig.gateway.anonymous().get(path(&rig, url)).await.status, 200);
        let remove = v2_of_app("/attachments/remove");
        assert_eq!(api.post(&remove, &json!({ "mediaUrl": url })).await.expect(200), json!({}));
        assert_eq!(rig.gateway.anonymous().get(path(&rig, url)).await.status, 404);
        let again = api.post(&remove, &json!({ "mediaUrl": url })).await;
        assert_eq!(again.refused_v2(404, "not_found"), "Attachment not found");
    }
}

async fn a_file_may_come_without_a_name(engine: Engine) {
    let rig = Rig::start(engine).await;
    let form = Form::default().nameless("source", PNG);
    let taken = rig.gateway.api().post_form(&v2_of_app("/attachments?access=public"), form).await;
    let attachment = taken.expect(201)["attachment"].clone();
    assert_eq!(attachment["mediaType"], "image/png");
    assert_eq!(rig.gateway.anonymous().get(path(&rig, &attachment["mediaUrl"])).await.status, 200);
}

async fn a_file_of_a_conversation_goes_with_its_person(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (api, user) = (rig.gateway.api(), rig.user("ada").await);
    let of_user = of_app(&format!("/appusers/{user}"));
    let said = json!({"role": "appMaker", "type": "text", "text": "hello"});
    api.post(&format!("{of_user}/messages"), &said).await.expect(201);
    let conversation = api.get(&format!("{of_user}/conversation")).await.expect(200);
    let conversation = conversation["conversation"]["_id"].as_str().expect("an id").to_owned();
    let upload_into = async |id: &str| {
        let query = format!("/attachments?access=public&conversationId={id}");
        api.post_form(&v2_of_app(&query), upload()).await
    };
    let nowhere = upload_into(&user).await.refused_v2(404, "conversation_not_found");
    assert_eq!(nowhere, "Conversation not found");
    let url = upload_into(&conversation).await.expect(201)["attachment"]["mediaUrl"].clone();
    assert_eq!(rig.gateway.anonymous().get(path(&rig, &url)).await.status, 200);
    api.delete(&of_user).await.expect(200);
    eventually("the file is gone", async || {
        (rig.gateway.anonymous().get(path(&rig, &url)).await.status == 404).then_some(())
    })
    .await;
}

async fn what_is_not_taken_is_refused(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    for (query, title) in [
        ("", "should have required property 'access'"),
        ("?access=private", ".access: must be public"),
        ("?access=public&for=fun", ".for: must be message"),
    ] {
        let answer = api.post_form(&v2_of_app(&format!("/attachments{query}")), upload()).await;
        assert_eq!(answer.refused_v2(400, "bad_request"), title);
    }
    let empty = api.post_form(&v2_of_app("/attachments?access=public"), Form::default().text("a", "b")).await;
    assert_eq!(empty.refused_v2(400, "bad_request"), "should have required property 'source'");
    let remove = v2_of_app("/attachments/remove");
    let unknown = api.post(&remove, &json!({})).await.refused_v2(400, "bad_request");
    assert_eq!(unknown, "should have required property 'mediaUrl'");
    for url in
        ["https://example.com/a.png", &format!("{}/media/{OTHER_APP}/0/a.png", rig.gateway.api_address())]
    {
        let foreign = api.post(&remove, &json!({ "mediaUrl": url })).await.refused_v2(400, "bad_request");
        assert_eq!(foreign, format!("Unsupported media URL for attachment deletion: {url}"));
    }
    let theirs = v2_of_app("/attachments?access=public").replace(APP, OTHER_APP);
    api.post_form(&theirs, upload()).await.refused_v2(403, "forbidden");
    api.get(&v2_of_app("/attachments/token")).await.refused_v2(404, "not_found");
}
