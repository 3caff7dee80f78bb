//! Linking a user to a channel, by each way of confirming it, and unlinking.

use serde_json::{Value, json};

use crate::harness::config::TWILIO;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, Rig, eventually, on_both_engines};

on_both_engines! {
    an_immediate_link_without_a_message_is_made_at_once,
    an_immediate_link_with_a_message_is_made_when_it_arrives,
    a_link_whose_message_is_refused_fails,
    a_link_by_user_activity_waits_for_the_person,
    a_prompted_person_who_agrees_is_linked,
    a_prompted_person_who_declines_is_not,
    unlinking_removes_the_client,
    a_link_request_must_make_sense,
    linking_an_address_of_another_moves_it,
}

const NUMBER: &str = "+15145550149";

fn hello() -> Value {
    json!({"role": "appMaker", "type": "text", "text": "Hello from us"})
}

fn link_events(rig: &Rig) -> Vec<String> {
    rig.receiver.triggers().into_iter().filter(|trigger| trigger.starts_with("link:")).collect()
}

/// Waits until the user has this many clients and pending clients.
async fn clients(rig: &Rig, user: &str, linked: usize, pending: usize) -> Value {
    eventually(&format!("{linked} clients and {pending} pending"), async || {
        let user = rig.get_user(user).await;
        let count = |list: &str| user[list].as_array().map(Vec::len);
        (count("clients") == Some(linked) && count("pendingClients") == Some(pending)).then_some(user)
    })
    .await
}

async fn an_immediate_link_without_a_message_is_made_at_once(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut golden = Golden::of("v1/link_immediate");
    let user = rig.user("steveb@example.com").await;
    golden.holes.bind("user", user.as_str());
    golden.compare("response.json", &rig.link(&user, NUMBER, json!({"type": "immediate"})).await);
    let success = rig.receiver.trigger("link:success").await;
    golden.compare("webhooks/1.match.json", &rig.receiver.trigger("link:match").await);
    golden.compare("webhooks/2.success.json", &success);
    golden.compare("user.json", &clients(&rig, &user, 1, 0).await);
    golden.compare("webhooks/3.add.json", &rig.receiver.trigger("client:add").await);
    assert!(rig.sim().sent().await.is_empty(), "nothing to say, nothing said");
}

async fn an_immediate_link_with_a_message_is_made_when_it_arrives(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    let body = rig.link(&user, NUMBER, json!({"type": "immediate", "message": hello()})).await;
    assert_eq!(body["appUser"]["pendingClients"][0]["displayName"], NUMBER);
    assert_eq!(rig.sim().first_to(NUMBER).await["text"], "Hello from us");
    rig.receiver.trigger("link:success").await;
    clients(&rig, &user, 1, 0).await;
    assert_eq!(link_events(&rig), ["link:match", "link:success"]);
}

async fn a_link_whose_message_is_refused_fails(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.sim().rule(json!({"behaviour": "refuse", "destination": NUMBER})).await;
    let mut golden = Golden::of("v1/link_refused");
    let user = rig.user("steveb@example.com").await;
    golden.holes.bind("user", user.as_str());
    rig.link(&user, NUMBER, json!({"type": "immediate", "message": hello()})).await;
    let removed = rig.receiver.trigger("client:remove").await;
    golden.compare("webhooks/1.failure.json", &rig.receiver.trigger("link:failure").await);
    golden.compare("webhooks/2.remove.json", &removed);
    clients(&rig, &user, 0, 0).await;
    assert_eq!(link_events(&rig), ["link:failure"]);
}

async fn a_link_by_user_activity_waits_for_the_person(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    rig.link(&user, NUMBER, json!({"type": "userActivity", "message": hello()})).await;
    assert_eq!(rig.sim().first_to(NUMBER).await["text"], "Hello from us");
    rig.receiver.trigger("link:match").await;
    clients(&rig, &user, 0, 1).await;
    rig.sim().write(NUMBER, "Who is this?").await;
    rig.receiver.trigger("link:success").await;
    clients(&rig, &user, 1, 0).await;
    let message = rig.receiver.trigger("message:appUser").await;
    assert_eq!(message["appUser"]["_id"], user);
    assert_eq!(link_events(&rig), ["link:match", "link:success"]);
}

async fn a_prompted_person_who_agrees_is_linked(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    rig.link(&user, NUMBER, json!({"type": "prompt"})).await;
    rig.sim().first_to(NUMBER).await;
    rig.receiver.trigger("link:match").await;
    clients(&rig, &user, 0, 1).await;
    rig.sim().write(NUMBER, "Yes").await;
    rig.receiver.trigger("link:success").await;
    clients(&rig, &user, 1, 0).await;
}

async fn a_prompted_person_who_declines_is_not(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    rig.link(&user, NUMBER, json!({"type": "prompt"})).await;
    rig.sim().first_to(NUMBER).await;
    rig.receiver.trigger("link:match").await;
    rig.sim().write(NUMBER, "no").await;
    let mut golden = Golden::of("v1/link_declined");
    golden.holes.bind("user", user.as_str());
    let removed = rig.receiver.trigger("client:remove").await;
    golden.compare("webhooks/1.failure.json", &rig.receiver.trigger("link:failure").await);
    golden.compare("webhooks/2.remove.json", &removed);
    clients(&rig, &user, 0, 0).await;
}

async fn unlinking_removes_the_client(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    rig.receiver.trigger("link:success").await;
    let path = of_app(&format!("/appusers/{user}/channels/twilio"));
    assert_eq!(rig.gateway.api().delete(&path).await.expect(200), json!({}));
    clients(&rig, &user, 0, 0).await;
    let mut golden = Golden::of("v1/unlinked");
    golden.holes.bind("user", user.as_str());
    golden.compare("webhook.json", &rig.receiver.trigger("client:remove").await);
    let channels = rig.gateway.api().get(&of_app(&format!("/appusers/{user}/channels"))).await.expect(200);
    assert_eq!(channels, json!({"channels": []}));
}

async fn a_link_request_must_make_sense(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    let path = of_app(&format!("/appusers/{user}/channels"));
    let immediate = json!({"type": "immediate"});
    for (body, field) in [
        (json!({"phoneNumber": NUMBER, "confirmation": immediate}), "type"),
        (json!({"type": "pigeon", "phoneNumber": NUMBER, "confirmation": immediate}), "type"),
        (json!({"type": "twilio", "confirmation": immediate}), "phoneNumber"),
        (json!({"type": "twilio", "phoneNumber": "514 555 0149", "confirmation": immediate}), "phoneNumber"),
        (json!({"type": "twilio", "phoneNumber": NUMBER}), "confirmation"),
        (
            json!({"type": "twilio", "phoneNumber": NUMBER, "confirmation": {"type": "userActivity"}}),
            "message",
        ),
        (json!({"type": "twilio", "phoneNumber": NUMBER, "confirmation": {"type": "wish"}}), "type"),
    ] {
        let description = rig.gateway.api().post(&path, &body).await.refused(400, "bad_request");
        assert!(description.contains(field), "{description:?} does not name {field}");
    }
    let spaced = json!({
        "type": "twilio", "integrationId": TWILIO, "phoneNumber": "+1 514-555-0149", "confirmation": immediate,
    });
    rig.gateway.api().post(&path, &spaced).await.expect(200);
    let linked = clients(&rig, &user, 1, 0).await;
    assert_eq!(linked["clients"][0]["externalId"], NUMBER);
}

async fn linking_an_address_of_another_moves_it(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (first, second) = (rig.user("one@example.com").await, rig.user("two@example.com").await);
    rig.link(&first, NUMBER, json!({"type": "immediate"})).await;
    clients(&rig, &first, 1, 0).await;
    rig.link(&second, NUMBER, json!({"type": "immediate"})).await;
    clients(&rig, &second, 1, 0).await;
    clients(&rig, &first, 0, 0).await;
    let mut golden = Golden::of("v1/link_theft");
    golden.holes.bind("first", first.as_str());
    golden.compare("webhook.json", &rig.receiver.trigger("client:remove").await);
}
