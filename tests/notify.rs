//! A notification, from the 201 to its final event.

use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::config::{APP, KEY, SECRET, TWILIO};
use crate::harness::rig::notification;
use crate::harness::signing::token;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, Rig, on_both_engines};

on_both_engines! {
    a_notification_is_accepted_sent_and_reported,
    a_second_notification_finds_the_same_user,
    a_notification_matches_the_user_who_is_linked,
    every_path_shape_accepts,
    fields_of_older_clients_are_ignored,
    what_is_wrong_with_a_notification_is_named,
}

const NUMBER: &str = "+15145550142";

async fn a_notification_is_accepted_sent_and_reported(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut golden = Golden::of("v1/notification_sms");

    let body = notification(NUMBER, "Check this out!");
    let answer = rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
    golden.compare("response.json", &answer);
    let id = golden.holes.text("notification").to_owned();

    let sent = rig.sim().first_to(NUMBER).await;
    assert_eq!((&sent["text"], &sent["from"]), (&json!("Check this out!"), &json!("+15145550100")));
    golden.holes.bind("external", sent["providerId"].clone());

    let reached = rig.receiver.about("notification:delivery:user", &id).await;
    let accepted = rig.receiver.about("notification:delivery:channel", &id).await;
    golden.compare("webhooks/1.channel.json", &accepted);
    golden.compare("webhooks/2.user.json", &reached);
    rig.settled(NUMBER).await;
    assert_eq!(
        rig.receiver.triggers_about(&id),
        ["notification:delivery:channel", "notification:delivery:user"]
    );
    assert_eq!(rig.sim().sent_to(NUMBER).await.len(), 1);
    assert!(
        !rig.receiver.triggers().contains(&"message:appMaker".to_owned()),
        "a notification is no message"
    );
}

async fn a_second_notification_finds_the_same_user(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (_, first) = rig.notify_and_deliver(NUMBER, "one").await;
    let (_, second) = rig.notify_and_deliver(NUMBER, "two").await;
    let user = &first["matchResult"]["appUser"]["_id"];
    assert!(user.is_string(), "{first}");
    assert_eq!(&second["matchResult"]["appUser"]["_id"], user);
}

async fn a_notification_matches_the_user_who_is_linked(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("bob@example.com").await;
    rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    rig.receiver.trigger("link:success").await;
    let (_, event) = rig.notify_and_deliver(NUMBER, "hello").await;
    let matched = &event["matchResult"]["appUser"];
    assert_eq!((&matched["_id"], &matched["userId"]), (&json!(user), &json!("bob@example.com")));
}

async fn every_path_shape_accepts(engine: Engine) {
    let rig = Rig::start(engine).await;
    let short = Api::bearer(rig.gateway.api_address(), &token(KEY, SECRET, &json!({"scope": "app"})));
    let full = rig.gateway.api();
    let paths = [
        (&short, "/v1.1/notifications".to_owned()),
        (&short, format!("/v1.1/apps/{APP}/notifications")),
        (&full, format!("/v1.1/apps/{APP}/notifications")),
        (&full, format!("/v1/apps/{APP}/notifications")),
        (&full, format!("/v1.1/apps/{APP}/Notifications")),
    ];
    for (api, path) in paths {
        let answer = api.post(&path, &notification(NUMBER, &path)).await;
        let id = answer.expect(201)["notification"]["_id"].as_str().expect("an id").to_owned();
        rig.receiver.about("notification:delivery:user", &id).await;
    }
}

async fn fields_of_older_clients_are_ignored(engine: Engine) {
    let rig = Rig::start(engine).await;
    let body = json!({
        "destination": {"integrationId": TWILIO, "destinationId": NUMBER},
        "message": {"role": "appMaker", "type": "text", "text": "no author, a role inside"},
        "storage": "full",
    });
    rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
    assert_eq!(rig.sim().first_to(NUMBER).await["text"], "no author, a role inside");
}

async fn what_is_wrong_with_a_notification_is_named(engine: Engine) {
    let rig = Rig::start(engine).await;
    let without = |path: &[&str]| {
        let mut body = notification(NUMBER, "x");
        let (last, parents) = path.split_last().expect("a path");
        let parent = parents.iter().fold(&mut body, |place, key| &mut place[*key]);
        parent.as_object_mut().expect("an object").remove(*last);
        body
    };
    let with = |pointer: &str, value: Value| {
        let mut body = notification(NUMBER, "x");
        *body.pointer_mut(pointer).expect("a place") = value;
        body
    };
    let cases = [
        (without(&["destination"]), "destination"),
        (without(&["destination", "integrationId"]), "integrationId"),
        (without(&["destination", "destinationId"]), "destinationId"),
        (without(&["message"]), "message"),
        (with("/author/role", json!("appUser")), "role"),
        (with("/message/text", json!(42)), "text"),
        (with("/message/type", json!("smoke")), "type"),
    ];
    for (body, field) in cases {
        let answer = rig.gateway.api().post(&of_app("/notifications"), &body).await;
        let description = answer.refused(400, "bad_request");
        assert!(description.contains(field), "{description:?} does not name {field}");
    }
    let unknown = with("/destination/integrationId", json!("5e1f438bf99fb467810c0fff"));
    rig.gateway.api().post(&of_app("/notifications"), &unknown).await.refused(404, "integration_not_found");
    assert!(rig.sim().sent().await.is_empty());
}
