//! People and their identities made through one version and read through the other, each a golden file of what the
//! running binary answered.

use serde_json::{Value, json};

use crate::harness::config::{APP, TWILIO};
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, Rig, eventually, on_both_engines};

on_both_engines! {
    a_user_of_v1_is_shown_by_v2,
    a_user_of_v2_is_shown_by_v1,
    clients_of_v1_are_shown_by_v2,
    clients_of_v2_are_shown_by_v1,
}

const NUMBER: &str = "+15145550149";
const ASKED: &str = "+15145550148";

fn v2(rest: &str) -> String {
    format!("/v2/apps/{APP}/users{rest}")
}

async fn a_user_of_v1_is_shown_by_v2(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut golden = Golden::of("v2/across");
    let body = json!({
        "userId": "steveb@example.com", "givenName": "Steve", "surname": "Example", "email": "steveb@example.com",
        "signedUpAt": "2019-01-14T18:55:12.515Z", "properties": {"favoriteFood": "pizza", "age": 42, "vip": true},
    });
    let made = rig.gateway.api().post(&of_app("/appusers"), &body).await.expect(201);
    golden.holes.bind("user", made["appUser"]["_id"].clone());
    let shown = rig.gateway.api().get(&v2("/steveb@example.com")).await.expect(200);
    golden.compare("user_of_v1.json", &shown);
}

async fn a_user_of_v2_is_shown_by_v1(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut golden = Golden::of("v2/across");
    let body = json!({
        "externalId": "steveb@example.com", "signedUpAt": "2019-01-14T18:55:12.515Z", "toBeRetained": true,
        "profile": {
            "givenName": "Steve", "surname": "Example", "email": "steveb@example.com", "locale": "en-CA",
            "avatarUrl": "https://example.com/steve.png",
        },
        "metadata": {"favoriteFood": "pizza", "age": 42, "vip": true},
    });
    let made = rig.gateway.api().post(&v2(""), &body).await.expect(201);
    golden.holes.bind("user", made["user"]["id"].clone());
    golden.compare("user_of_v2_in_v2.json", &made);
    let shown = rig.gateway.api().get(&of_app("/appusers/steveb@example.com")).await.expect(200);
    golden.compare("user_of_v2.json", &shown);
}

/// The clients as v2 lists them, once one is linked and one waits; those linked first.
async fn listed(rig: &Rig, user: &str) -> Value {
    eventually("one is linked and one waits", async || {
        let mut list = rig.gateway.api().get(&v2(&format!("/{user}/clients"))).await.expect(200);
        let clients = list["clients"].as_array_mut().expect("a list");
        clients.sort_by_key(|client| client["status"].to_string());
        let statuses: Vec<&Value> = clients.iter().map(|client| &client["status"]).collect();
        (statuses == ["active", "pending"]).then_some(list)
    })
    .await
}

/// Binds the ids of two clients, the one that is linked and the one that waits.
fn bind(golden: &mut Golden, list: &Value) {
    golden.holes.bind("linked", list["clients"][0]["id"].clone());
    golden.holes.bind("pending", list["clients"][1]["id"].clone());
}

async fn clients_of_v1_are_shown_by_v2(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut golden = Golden::of("v2/across");
    let user = rig.user("steveb@example.com").await;
    rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    rig.link(&user, ASKED, json!({"type": "prompt"})).await;
    let list = listed(&rig, &user).await;
    bind(&mut golden, &list);
    golden.compare("clients_of_v1.json", &list);
}

async fn clients_of_v2_are_shown_by_v1(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut golden = Golden::of("v2/across");
    let user = rig.user("steveb@example.com").await;
    let said = json!({"role": "appMaker", "type": "text", "text": "hello"});
    rig.gateway.api().post(&of_app(&format!("/appusers/{user}/messages")), &said).await.expect(201);
    let conversation = rig.receiver.trigger("message:appMaker").await["conversation"]["_id"].clone();
    for (number, kind) in [(NUMBER, "immediate"), (ASKED, "prompt")] {
        let body = json!({
            "matchCriteria": {"type": "twilio", "integrationId": TWILIO, "phoneNumber": number},
            "confirmation": {"type": kind},
            "target": {"conversationId": conversation},
        });
        rig.gateway.api().post(&v2(&format!("/{user}/clients")), &body).await.expect(201);
    }
    let list = listed(&rig, &user).await;
    bind(&mut golden, &list);
    golden.holes.bind("user", user.as_str());
    golden.compare("clients_of_v2.json", &json!({ "appUser": rig.get_user(&user).await }));
}
