//! Stored templates: made, listed, changed and removed through the API.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::api::Api;
use crate::harness::config::{OTHER_KEY, OTHER_SECRET};
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    a_template_is_made_shown_changed_and_removed,
    a_template_is_one_under_its_name,
    templates_are_listed_in_pages,
    a_template_needs_a_name_and_a_message,
}

fn hours(name: &str) -> Value {
    let action = json!({"type": "link", "text": "Where", "uri": "https://example.com/where"});
    let message =
        json!({"role": "appMaker", "type": "text", "text": "From nine to five", "actions": [action]});
    json!({"name": name, "message": message})
}

async fn make(rig: &Rig, body: &Value) -> Value {
    rig.gateway.api().post(&of_app("/templates"), body).await.expect(201)["template"].clone()
}

fn path_of(template: &Value) -> String {
    of_app(&format!("/templates/{}", template["_id"].as_str().expect("an id")))
}

async fn a_template_is_made_shown_changed_and_removed(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let made = make(&rig, &hours("Hours")).await;
    assert_eq!(made["_id"].as_str().map(str::len), Some(24), "{made}");
    let action = made["message"]["actions"][0]["_id"].clone();
    let actions =
        json!([{"_id": action, "type": "link", "text": "Where", "uri": "https://example.com/where"}]);
    let message =
        json!({"role": "appMaker", "type": "text", "text": "From nine to five", "actions": actions});
    assert_eq!(made, json!({"_id": made["_id"], "name": "Hours", "message": message}));
    assert_eq!(api.get(&path_of(&made)).await.expect(200), json!({"template": made}));

    let change = json!({"message": {"role": "appMaker", "type": "text", "text": "Closed"}});
    let changed = api.put(&path_of(&made), &change).await.expect(200)["template"].clone();
    let message = json!({"role": "appMaker", "type": "text", "text": "Closed"});
    assert_eq!(changed, json!({"_id": made["_id"], "name": "Hours", "message": message}));
    let renamed = api.put(&path_of(&made), &json!({"name": "Times"})).await.expect(200);
    assert_eq!(renamed["template"], json!({"_id": made["_id"], "name": "Times", "message": message}));

    assert_eq!(api.delete(&path_of(&made)).await.expect(200), json!({}));
    for answer in [api.get(&path_of(&made)).await, api.delete(&path_of(&made)).await] {
        answer.refused(404, "not_found");
    }
    api.put(&path_of(&made), &json!({"name": "Times"})).await.refused(404, "not_found");
    assert_eq!(api.get(&of_app("/templates")).await.expect(200)["templates"], json!([]));
}

async fn a_template_is_one_under_its_name(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let api = api.clone();
        callers.spawn(async move { api.post(&of_app("/templates"), &hours("Hours")).await.status });
    }
    let mut answers = callers.join_all().await;
    answers.sort_unstable();
    assert_eq!(answers, [201, 409, 409, 409, 409, 409, 409, 409]);
    let other = make(&rig, &hours("Other")).await;
    api.put(&path_of(&other), &json!({"name": "Hours"})).await.refused(409, "conflict");
    // A name that was given up is free again; another app's names are its own.
    api.put(&path_of(&other), &json!({"name": "Third"})).await.expect(200);
    make(&rig, &hours("Other")).await;
    api.delete(&path_of(&other)).await.expect(200);
    make(&rig, &hours("Third")).await;
    let foreign = Api::basic(rig.gateway.api_address(), OTHER_KEY, OTHER_SECRET);
    foreign
        .get(&format!("/v1.1/templates/{}", other["_id"].as_str().expect("an id")))
        .await
        .refused(404, "not_found");
    foreign.post("/v1.1/templates", &hours("Hours")).await.expect(201);
}

async fn templates_are_listed_in_pages(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    for name in ["one", "two", "three"] {
        make(&rig, &hours(name)).await;
    }
    let page = async |query: &str| {
        let page = api.get(&of_app(&format!("/templates{query}"))).await.expect(200);
        let mut names: Vec<String> = Vec::new();
        for template in page["templates"].as_array().expect("templates") {
            names.push(template["name"].as_str().expect("a name").to_owned());
        }
        names.sort();
        (names.join(" "), page["hasMore"].clone(), page["offset"].clone())
    };
    assert_eq!(page("").await, ("one three two".into(), json!(false), json!(0)));
    let (first, has_more, _) = page("?limit=2").await;
    assert_eq!(has_more, json!(true));
    let (last, has_more, offset) = page("?limit=2&offset=2").await;
    assert_eq!((has_more, offset), (json!(false), json!(2)));
    let mut all: Vec<&str> = first.split(' ').chain([last.as_str()]).collect();
    all.sort_unstable();
    assert_eq!(all, ["one", "three", "two"]);
    api.get(&of_app("/templates?limit=101")).await.refused(400, "bad_request");
}

async fn a_template_needs_a_name_and_a_message(engine: Engine) {
    let rig = Rig::start(engine).await;
    for (body, field) in [
        (json!({"message": hours("x")["message"]}), "name"),
        (json!({"name": "x"}), "message"),
        (json!({"name": "", "message": hours("x")["message"]}), "name"),
        (json!({"name": "x", "message": {"role": "appUser", "type": "text", "text": "x"}}), "message.role"),
        (json!({"name": "x", "message": {"role": "appMaker", "type": "text"}}), "message.text"),
        (json!({"name": "x", "message": "hello"}), "message"),
    ] {
        let description =
            rig.gateway.api().post(&of_app("/templates"), &body).await.refused(400, "bad_request");
        assert!(description.contains(field), "{description:?} does not name {field}");
    }
    // Asked again under its key, it is answered again.
    let key = [("idempotency-key", "once")];
    let ask = async || {
        let body = Some(hours("kept").to_string());
        rig.gateway.api().request("POST", &of_app("/templates"), &key, body).await.expect(201)
    };
    assert_eq!(ask().await, ask().await);
}
