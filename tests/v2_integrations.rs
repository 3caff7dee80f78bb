//! Channels through v2: made, listed, changed and removed, and the same to both versions.

use serde_json::{Value, json};

use crate::harness::config::TWILIO;
use crate::harness::custom::v2_of_app;
use crate::harness::line::{LINES, Line, called};
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, Rig, on_both_engines};

on_both_engines! {
    what_either_version_makes_works_and_the_other_shows,
    they_are_listed_by_type_and_by_cursor,
    one_is_changed_and_removed,
    what_is_wrong_is_said_in_v2s_words,
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn path_of(made: &Value) -> String {
    v2_of_app(&format!("/integrations/{}", text(&made["id"])))
}

fn asked(line: &Line) -> Value {
    let mut body = line.settings();
    body["type"] = json!(line.kind);
    body["displayName"] = json!(format!("Our {}", line.kind));
    body
}

/// Makes the credentials good at the simulator, then the integration.
async fn make(rig: &Rig, line: &Line, path: &str) -> Value {
    let before = format!("before {}", line.kind);
    rig.sim().admit(&before, line.kind, "http://127.0.0.1:1/", &line.settings()).await;
    rig.gateway.api().post(path, &asked(line)).await.expect(201)["integration"].clone()
}

/// Sends through an integration and answers over it.
async fn talk(rig: &Rig, line: &Line, made: &Value) {
    let (id, said) = (text(&made["id"]), format!("by {}", line.kind));
    rig.sim().admit(id, line.kind, text(&made["hookUrl"]), &line.settings()).await;
    let body = json!({
        "destination": {"integrationId": id, "destinationId": line.person},
        "author": {"role": "appMaker"}, "message": {"type": "text", "text": said},
    });
    let sent = rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
    rig.receiver.about("notification:delivery:channel", text(&sent["notification"]["_id"])).await;
    let reply = format!("re: {said}");
    let written = json!({"integrationId": id, "from": line.person, "text": reply});
    rig.sim().control("/control/write", &written).await;
    rig.receiver.event(&reply, |event| event["messages"][0]["text"] == reply.as_str()).await;
}

async fn what_either_version_makes_works_and_the_other_shows(engine: Engine) {
    let rig = Rig::start(engine).await;
    for line in &LINES {
        let (own, of_v1) = (format!("{}.json", line.kind), format!("{}_in_v1.json", line.kind));
        let made = make(&rig, line, &v2_of_app("/integrations")).await;
        let mut golden = Golden::of("v2/integration");
        golden.compare(&own, &json!({ "integration": made }));
        golden.compare(&own, &rig.gateway.api().get(&path_of(&made)).await.expect(200));
        let through_v1 = of_app(&format!("/integrations/{}", text(&made["id"])));
        golden.compare(&of_v1, &rig.gateway.api().get(&through_v1).await.expect(200));
        talk(&rig, line, &made).await;
        let made = make(&rig, line, &of_app("/integrations")).await;
        let mut golden = Golden::of("v2/integration");
        golden.compare(&of_v1, &json!({ "integration": made }));
        let through_v2 = v2_of_app(&format!("/integrations/{}", text(&made["_id"])));
        golden.compare(&own, &rig.gateway.api().get(&through_v2).await.expect(200));
    }
}

async fn they_are_listed_by_type_and_by_cursor(engine: Engine) {
    let rig = Rig::start(engine).await;
    let custom = rig.custom(&["*"]).await;
    let made = make(&rig, called("mailgun"), &v2_of_app("/integrations")).await;
    let list = async |query: &str| {
        rig.gateway.api().get(&v2_of_app(&format!("/integrations{query}"))).await.expect(200)
    };
    let ids = |listed: &Value| {
        let all = listed["integrations"].as_array().expect("a list").iter();
        all.map(|one| text(&one["id"]).to_owned()).collect::<Vec<_>>()
    };
    let all = list("").await;
    assert_eq!(ids(&all).len(), 4, "the declared webhook is one of them: {all}");
    assert_eq!(all["meta"], json!({"hasMore": false}));
    assert_eq!(ids(&list("?filter[types]=twilio,mailgun").await), [TWILIO, text(&made["id"])]);
    assert_eq!(ids(&list("?filter=%7B%22types%22%3A%22mailgun%22%7D").await), [text(&made["id"])]);
    assert!(ids(&list("?filter[types]=custom").await).contains(&custom.id));
    assert_eq!(ids(&list("?filter[types]=line").await), Vec::<String>::new());
    let first = list("?page[size]=3").await;
    assert_eq!((ids(&first), &first["meta"]["hasMore"]), (ids(&all)[..3].to_vec(), &json!(true)));
    let after = format!("?page[size]=3&page[after]={}", text(&first["meta"]["afterCursor"]));
    assert_eq!(ids(&list(&after).await), ids(&all)[3..]);
}

async fn one_is_changed_and_removed(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let made = make(&rig, called("mailgun"), &v2_of_app("/integrations")).await;
    let path = path_of(&made);
    let change =
        json!({"displayName": null, "hideUnsubscribeLink": true, "fromAddress": "hello@example.org"});
    let changed = rig.gateway.api().patch(&path, &change).await.expect(200)["integration"].clone();
    let mut expected = made.clone();
    expected.as_object_mut().expect("an object").remove("displayName");
    expected["hideUnsubscribeLink"] = json!(true);
    expected["fromAddress"] = json!("hello@example.org");
    assert_eq!(changed, expected);
    rig.gateway.kill();
    rig.gateway.start().await;
    let api = rig.gateway.api();
    assert_eq!(api.get(&path).await.expect(200)["integration"], expected);
    let wrong = api.patch(&path, &json!({"fromAddress": "nobody"})).await.refused_v2(400, "bad_request");
    assert_eq!(wrong, ".fromAddress: must be an email address");
    assert_eq!(api.delete(&path).await.expect(200), json!({}));
    for answer in [api.get(&path).await, api.patch(&path, &json!({})).await, api.delete(&path).await] {
        assert_eq!(answer.refused_v2(404, "integration_not_found"), "Integration not found");
    }
    let declared = v2_of_app(&format!("/integrations/{TWILIO}"));
    api.patch(&declared, &json!({"displayName": "x"})).await.refused_v2(403, "forbidden");
    api.delete(&declared).await.refused_v2(403, "forbidden");
}

async fn what_is_wrong_is_said_in_v2s_words(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut lacking = asked(called("twilio"));
    lacking.as_object_mut().expect("an object").remove("accountSid");
    for (body, title) in [
        (json!({}), "should have required property 'type'"),
        (json!({"type": "instagram"}), "Invalid integration type"),
        (lacking, "should have required property 'accountSid'"),
    ] {
        let answer = rig.gateway.api().post(&v2_of_app("/integrations"), &body).await;
        assert_eq!(answer.refused_v2(400, "bad_request"), title);
    }
    let mut wrong = asked(called("twilio"));
    wrong["authToken"] = json!("fake-and-wrong");
    let answer = rig.gateway.api().post(&v2_of_app("/integrations"), &wrong).await;
    let title = answer.refused_v2(400, "bad_request");
    assert!(title.contains("refused this: ") && !title.contains("fake-and-wrong"), "{title}");
}
