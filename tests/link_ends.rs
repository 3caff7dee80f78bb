//! How links end that nobody confirms, and how a person's channels are shown.

use serde_json::{Value, json};

use crate::harness::config::TWILIO;
use crate::harness::line::LINES;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, Rig, eventually, on_both_engines};

on_both_engines! {
    a_link_that_is_not_confirmed_in_time_fails,
    a_link_that_is_confirmed_in_time_does_not_expire,
    unlinking_takes_a_pending_link_back,
    channels_are_listed_by_the_channels_own_key,
    messenger_links_nobody_by_number,
}

const NUMBER: &str = "+15145550149";

fn hello() -> Value {
    json!({"role": "appMaker", "type": "text", "text": "Hello from us"})
}

fn waiting() -> Value {
    json!({"type": "userActivity", "message": hello()})
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

/// The triggers of links and clients, in order of arrival, and no other.
fn moves(rig: &Rig) -> Vec<String> {
    let mine = |trigger: &String| trigger.starts_with("link:") || trigger.starts_with("client:");
    rig.receiver.triggers().into_iter().filter(mine).collect()
}

async fn a_link_that_is_not_confirmed_in_time_fails(engine: Engine) {
    let rig = Rig::with(engine, |config| config.set("links.expireAfter", "400ms")).await;
    let mut golden = Golden::of("v1/link_expired");
    let user = rig.user("steveb@example.com").await;
    golden.holes.bind("user", user.as_str());
    rig.link(&user, NUMBER, waiting()).await;
    let removed = rig.receiver.trigger("client:remove").await;
    golden.compare("webhooks/1.failure.json", &rig.receiver.trigger("link:failure").await);
    golden.compare("webhooks/2.remove.json", &removed);
    clients(&rig, &user, 0, 0).await;
    assert_eq!(moves(&rig), ["link:match", "link:failure", "client:remove"]);
    // Whoever writes later is a stranger.
    rig.sim().write(NUMBER, "Too late").await;
    let message = rig.receiver.trigger("message:appUser").await;
    assert_ne!(message["appUser"]["_id"], user);
}

async fn a_link_that_is_confirmed_in_time_does_not_expire(engine: Engine) {
    let rig = Rig::with(engine, |config| config.set("links.expireAfter", "4s")).await;
    let user = rig.user("steveb@example.com").await;
    let other = rig.user("other@example.com").await;
    rig.link(&user, NUMBER, waiting()).await;
    rig.link(&other, "+15145550148", waiting()).await;
    rig.receiver.event("the match", |event| event["appUser"]["_id"] == user.as_str()).await;
    rig.sim().write(NUMBER, "Who is this?").await;
    clients(&rig, &user, 1, 0).await;
    // The other link's time ends later, so this one's is over as well.
    rig.receiver.trigger("link:failure").await;
    clients(&rig, &user, 1, 0).await;
    let failures = rig.receiver.triggers().into_iter().filter(|trigger| trigger == "link:failure");
    assert_eq!(failures.count(), 1);
}

async fn unlinking_takes_a_pending_link_back(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut golden = Golden::of("v1/link_cancelled");
    let user = rig.user("steveb@example.com").await;
    golden.holes.bind("user", user.as_str());
    rig.link(&user, NUMBER, waiting()).await;
    rig.receiver.trigger("link:match").await;
    let path = of_app(&format!("/appusers/{user}/channels/Twilio"));
    assert_eq!(rig.gateway.api().delete(&path).await.expect(200), json!({}));
    let removed = rig.receiver.trigger("client:remove").await;
    golden.compare("webhooks/1.failure.json", &rig.receiver.trigger("link:failure").await);
    golden.compare("webhooks/2.remove.json", &removed);
    clients(&rig, &user, 0, 0).await;
    rig.gateway.api().delete(&path).await.refused(404, "client_not_found");
}

async fn channels_are_listed_by_the_channels_own_key(engine: Engine) {
    let rig = Rig::with(engine, |config| LINES.iter().fold(config, |config, line| line.join(config))).await;
    let user = rig.user("steveb@example.com").await;
    let path = of_app(&format!("/appusers/{user}/channels"));
    for line in LINES.iter().filter(|line| line.confirmations.contains(&"immediate")) {
        let mut body = json!({
            "type": line.kind, "integrationId": line.integration, "confirmation": {"type": "immediate"},
        });
        body[line.address_key] = json!(line.person);
        rig.gateway.api().post(&path, &body).await.expect(200);
    }
    let listed = rig.gateway.api().get(&path).await.expect(200);
    for (kind, key) in [
        ("mailgun", "address"),
        ("messagebird", "phoneNumber"),
        ("twilio", "phoneNumber"),
        ("whatsapp", "username"),
    ] {
        let line = crate::harness::line::called(kind);
        let expected = json!({"type": kind, "integrationId": line.integration, key: line.person});
        let channels = listed["channels"].as_array().expect("a list");
        assert!(channels.contains(&expected), "{expected} in {listed}");
    }
    let systems = of_app(&format!("/appusers/{user}/businesssystems"));
    assert_eq!(rig.gateway.api().get(&systems).await.expect(200), json!({"businessSystems": []}));
    let nobodys = of_app("/appusers/nobody/businessSystems");
    rig.gateway.api().get(&nobodys).await.refused(404, "user_not_found");
    let scoped =
        json!({"type": "whatsapp", "phoneNumber": "CA.1349205", "confirmation": {"type": "immediate"}});
    let why = rig.gateway.api().post(&path, &scoped).await.refused(400, "bad_request");
    assert!(why.contains("phoneNumber"), "{why}");
}

async fn messenger_links_nobody_by_number(engine: Engine) {
    let line = crate::harness::line::called("messenger");
    let rig = Rig::with(engine, |config| line.join(config)).await;
    let user = rig.user("steveb@example.com").await;
    let body = json!({
        "type": "messenger", "integrationId": line.integration, "phoneNumber": NUMBER,
        "confirmation": {"type": "immediate", "message": hello()},
    });
    let path = of_app(&format!("/appusers/{user}/channels"));
    let why = rig.gateway.api().post(&path, &body).await.refused(400, "bad_request");
    assert!(why.contains("customer matching") && why.contains("linkrequest"), "{why}");
    let elsewhere = json!({"type": "twilio", "integrationId": TWILIO, "phoneNumber": NUMBER,
                           "confirmation": {"type": "immediate"}});
    rig.gateway.api().post(&path, &elsewhere).await.expect(200);
}
