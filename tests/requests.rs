//! Requests that are not as they should be: each gets the error shape clients know, and none hurts the gateway.

use serde_json::json;

use crate::harness::config::APP;
use crate::harness::rig::notification;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    an_unknown_route_is_not_found_in_the_known_shape,
    a_wrong_method_is_refused_in_the_known_shape,
    broken_json_says_where,
    an_empty_body_is_no_crash,
    a_body_too_large_is_refused,
    unknown_fields_are_accepted,
}

const NUMBER: &str = "+15145550157";

async fn an_unknown_route_is_not_found_in_the_known_shape(engine: Engine) {
    let rig = Rig::start(engine).await;
    for path in [of_app("/pigeons"), "/v1.1/pigeons".to_owned(), of_app("/appusers/x/y/z")] {
        rig.gateway.api().get(&path).await.refused(404, "not_found");
    }
}

async fn a_wrong_method_is_refused_in_the_known_shape(engine: Engine) {
    let rig = Rig::start(engine).await;
    let answer = rig.gateway.api().request("PATCH", &of_app("/webhooks"), &[], Some("{}".to_owned())).await;
    answer.refused(405, "method_not_allowed");
    rig.gateway.api().get(&of_app("/notifications")).await.refused(405, "method_not_allowed");
}

async fn broken_json_says_where(engine: Engine) {
    let rig = Rig::start(engine).await;
    let post = async |body: &str| {
        rig.gateway.api().request("POST", &of_app("/notifications"), &[], Some(body.to_owned())).await
    };
    post("{\"destination\":").await.refused(400, "bad_request");
    post("[]").await.refused(400, "bad_request");
    post("\u{0}").await.refused(400, "bad_request");
    let mut body = notification(NUMBER, "x");
    body["destination"]["destinationId"] = json!({"no": "text"});
    let description = post(&body.to_string()).await.refused(400, "bad_request");
    assert!(description.contains("destination.destinationId"), "{description}");
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    post(&deep).await.refused(400, "bad_request");
    rig.notify_and_deliver(NUMBER, "still here").await;
}

async fn an_empty_body_is_no_crash(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.gateway.api().request("POST", &of_app("/notifications"), &[], None).await.refused(400, "bad_request");
    rig.gateway.api().request("POST", &of_app("/appusers"), &[], None).await.refused(400, "bad_request");
}

async fn a_body_too_large_is_refused(engine: Engine) {
    let rig = Rig::start(engine).await;
    let big = notification(NUMBER, &"x".repeat(150_000));
    rig.gateway.api().post(&of_app("/notifications"), &big).await.refused(413, "payload_too_large");
    assert!(rig.sim().sent().await.is_empty());
}

async fn unknown_fields_are_accepted(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut body = notification(NUMBER, "with more");
    body["novelty"] = json!({"any": ["thing"]});
    rig.gateway.api().post(&format!("/v1.1/apps/{APP}/notifications"), &body).await.expect(201);
    assert_eq!(rig.sim().first_to(NUMBER).await["text"], "with more");
}
