//! Integrations made through the API: checked with the provider, live at once, kept, and their secrets never shown.

use serde_json::{Value, json};

use crate::harness::config::{OTHER_APP, TWILIO};
use crate::harness::line::{LINES, Line, called};
use crate::harness::simulator::{Simulator, of_app};
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    what_the_api_makes_works_at_once_and_after_a_restart,
    what_the_provider_refuses_is_not_made,
    what_is_wrong_with_the_settings_is_named,
    integrations_are_listed_by_type_and_in_pages,
    an_integration_is_changed_where_that_is_named,
    another_credential_is_checked_before_it_counts,
    an_integration_is_removed_with_its_channel,
    people_of_a_removed_integration_are_reached_elsewhere,
    a_number_is_known_by_its_sid,
    a_declared_integration_belongs_to_the_file,
    another_app_sees_nothing_of_it,
    made_twice_under_one_key_it_is_made_once,
}

/// The settings that no answer may show.
const SECRETS: [&str; 8] = [
    "authToken",
    "accessKey",
    "signingKey",
    "apiKey",
    "pageAccessToken",
    "appSecret",
    "accessToken",
    "verifyToken",
];

/// Makes the simulator know the credentials, makes the integration, and tells the simulator what it is called.
async fn make(rig: &Rig, line: &Line) -> Value {
    be_known(&rig.sim(), line).await;
    let answer = rig.gateway.api().post(&of_app("/integrations"), &asked(line)).await;
    let made = answer.expect(201)["integration"].clone();
    admit(&rig.sim(), line, &made).await;
    made
}

/// Makes the credentials good before there is an integration.
async fn be_known(sim: &Simulator, line: &Line) {
    let placeholder = format!("before {}", line.kind);
    sim.admit(&placeholder, line.kind, "http://127.0.0.1:1/", &line.settings()).await;
}

fn asked(line: &Line) -> Value {
    let mut body = line.settings();
    body["type"] = json!(line.kind);
    body["displayName"] = json!(format!("Our {}", line.kind));
    body["colour"] = json!("unknown to everybody");
    body
}

async fn admit(sim: &Simulator, line: &Line, made: &Value) {
    sim.admit(id_of(made), line.kind, hooks_of(made), &line.settings()).await;
}

fn id_of(made: &Value) -> &str {
    made["_id"].as_str().expect("an id")
}

fn hooks_of(made: &Value) -> &str {
    made["hookUrl"].as_str().expect("an address")
}

fn path_of(made: &Value) -> String {
    of_app(&format!("/integrations/{}", id_of(made)))
}

/// Sends through an integration and answers over it.
async fn talk(rig: &Rig, line: &Line, made: &Value, text: &str) {
    let body = json!({
        "destination": {"integrationId": id_of(made), "destinationId": line.person},
        "author": {"role": "appMaker"}, "message": {"type": "text", "text": text},
    });
    let answer = rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
    let id = answer["notification"]["_id"].as_str().expect("an id").to_owned();
    let last = if line.reports { "notification:delivery:user" } else { "notification:delivery:channel" };
    rig.receiver.about(last, &id).await;
    let reply = format!("re: {text}");
    let said = json!({"integrationId": id_of(made), "from": line.person, "text": reply});
    let told = rig.sim().control("/control/write", &said).await;
    assert_eq!(told["status"].as_u64().map(|status| status / 100), Some(2), "{told}");
    let heard = |event: &Value| event["messages"][0]["text"] == reply.as_str();
    let event = rig.receiver.event(&reply, heard).await;
    assert_eq!(event["messages"][0]["source"]["integrationId"], made["_id"], "{event}");
}

fn assert_shows_no_secret(line: &Line, shown: &Value) {
    let (settings, text) = (line.settings(), shown.to_string());
    for name in SECRETS {
        assert!(!text.contains(&format!("\"{name}\"")), "{name} in {text}");
        if let Some(secret) = settings[name].as_str() {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

async fn what_the_api_makes_works_at_once_and_after_a_restart(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let mut all = Vec::new();
    for line in &LINES {
        let made = make(&rig, line).await;
        assert_eq!((&made["type"], &made["status"]), (&json!(line.kind), &json!("active")), "{made}");
        assert_eq!(made["displayName"], format!("Our {}", line.kind), "{made}");
        assert_shows_no_secret(line, &made);
        assert_eq!(made["colour"], Value::Null, "what nobody knows is left: {made}");
        assert_eq!(
            rig.gateway.api().get(&path_of(&made)).await.expect(200),
            json!({"integration": made.clone()})
        );
        talk(&rig, line, &made, &format!("by {}", line.kind)).await;
        all.push(made);
    }
    rig.gateway.kill();
    rig.gateway.start().await;
    for (line, made) in LINES.iter().zip(&all) {
        assert_eq!(rig.gateway.api().get(&path_of(made)).await.expect(200)["integration"], *made);
        admit(&rig.sim(), line, made).await;
        talk(&rig, line, made, &format!("again by {}", line.kind)).await;
    }
}

async fn what_the_provider_refuses_is_not_made(engine: Engine) {
    let rig = Rig::start(engine).await;
    for (line, secret) in
        LINES.iter().zip(["apiKey", "accessKey", "pageAccessToken", "authToken", "accessToken"])
    {
        be_known(&rig.sim(), line).await;
        let mut body = asked(line);
        body[secret] = json!("fake-and-wrong");
        let answer = rig.gateway.api().post(&of_app("/integrations"), &body).await;
        let said = answer.refused(400, "bad_request");
        assert!(said.contains("refused this: ") && !said.contains("fake-and-wrong"), "{}: {said}", line.kind);
    }
    let listed = rig.gateway.api().get(&of_app("/integrations")).await.expect(200);
    assert_eq!(listed["integrations"].as_array().map(Vec::len), Some(1), "the declared one: {listed}");
}

async fn what_is_wrong_with_the_settings_is_named(engine: Engine) {
    let rig = Rig::start(engine).await;
    for (body, word) in [
        (json!({}), "type: is required"),
        (json!({"type": "web"}), "Invalid integration type"),
        (json!({"type": "telegram", "token": "fake-token"}), "Invalid integration type"),
        (json!({"type": "twilio", "accountSid": "AC1"}), "authToken: is required"),
        (json!({"type": "twilio", "accountSid": 7}), "accountSid: must be a string"),
        (json!({"type": "twilio", "displayName": "x".repeat(101)}), "displayName"),
        (
            json!({"type": "mailgun", "apiKey": "fake", "domain": "mg.example.com",
                "incomingAddress": "a@example.org"}),
            "incomingAddress: must be an address of the domain",
        ),
    ] {
        let said = rig.gateway.api().post(&of_app("/integrations"), &body).await.refused(400, "bad_request");
        assert!(said.contains(word), "{said:?} does not say {word}");
    }
}

async fn integrations_are_listed_by_type_and_in_pages(engine: Engine) {
    let rig = Rig::start(engine).await;
    for line in &LINES {
        make(&rig, line).await;
    }
    let list = async |query: &str| rig.gateway.api().get(&of_app(&format!("/integrations{query}"))).await;
    let kinds = |listed: &Value| {
        let all = listed["integrations"].as_array().expect("a list").iter();
        all.map(|one| one["type"].as_str().expect("a type").to_owned()).collect::<Vec<_>>()
    };
    let all = list("").await.expect(200);
    assert_eq!(
        kinds(&all),
        ["twilio", "mailgun", "messagebird", "messenger", "twilio", "whatsapp"],
        "the declared one first, then as they were made"
    );
    assert_eq!((&all["hasMore"], &all["offset"]), (&json!(false), &json!(0)));
    LINES.iter().for_each(|line| assert_shows_no_secret(line, &all));
    let some = list("?types=twilio%2Cwhatsapp").await.expect(200);
    assert_eq!(kinds(&some), ["twilio", "twilio", "whatsapp"]);
    let page = list("?types=twilio,whatsapp&limit=1&offset=1").await.expect(200);
    assert_eq!(
        (kinds(&page), &page["hasMore"], &page["offset"]),
        (vec!["twilio".into()], &json!(true), &json!(1))
    );
    assert_eq!(kinds(&list("?types=line").await.expect(200)), Vec::<String>::new());
    list("?limit=0").await.refused(400, "bad_request");
}

async fn an_integration_is_changed_where_that_is_named(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let line = called("mailgun");
    let made = make(&rig, line).await;
    assert_eq!(made["fromAddress"], Value::Null);
    let change = json!({"fromAddress": "hello@example.org", "hideUnsubscribeLink": true, "type": "twilio"});
    let changed = rig.gateway.api().put(&path_of(&made), &change).await.expect(200)["integration"].clone();
    let mut expected = made.clone();
    expected["fromAddress"] = json!("hello@example.org");
    expected["hideUnsubscribeLink"] = json!(true);
    assert_eq!(changed, expected);
    // The simulator takes letters from the integration's own address alone.
    let mut settings = line.settings();
    settings["fromAddress"] = json!("hello@example.org");
    rig.sim().admit(id_of(&made), line.kind, hooks_of(&made), &settings).await;
    talk(&rig, line, &made, "from another address").await;
    let change = json!({"displayName": null, "fromAddress": null});
    let back = rig.gateway.api().put(&path_of(&made), &change).await.expect(200)["integration"].clone();
    assert_eq!((&back["displayName"], &back["fromAddress"]), (&Value::Null, &Value::Null), "{back}");
    let said = rig.gateway.api().put(&path_of(&made), &json!({"fromAddress": "nobody"})).await;
    assert!(said.refused(400, "bad_request").contains("fromAddress: must be an email address"));
    rig.gateway.kill();
    rig.gateway.start().await;
    assert_eq!(rig.gateway.api().get(&path_of(&made)).await.expect(200)["integration"], back);
}

async fn another_credential_is_checked_before_it_counts(engine: Engine) {
    let rig = Rig::start(engine).await;
    let line = called("twilio");
    let made = make(&rig, line).await;
    let wrong = json!({"authToken": "fake-and-wrong"});
    rig.gateway.api().put(&path_of(&made), &wrong).await.refused(400, "bad_request");
    talk(&rig, line, &made, "with the token of before").await;
    let mut settings = line.settings();
    settings["authToken"] = json!("fake-new-token");
    rig.sim().admit(id_of(&made), line.kind, hooks_of(&made), &settings).await;
    let changed = rig.gateway.api().put(&path_of(&made), &json!({"authToken": "fake-new-token"})).await;
    let changed = changed.expect(200)["integration"].clone();
    assert_eq!(changed, made);
    talk(&rig, line, &made, "with the new token").await;
}

async fn an_integration_is_removed_with_its_channel(engine: Engine) {
    let rig = Rig::start(engine).await;
    let line = called("twilio");
    let made = make(&rig, line).await;
    assert_eq!(rig.gateway.api().delete(&path_of(&made)).await.expect(200), json!({}));
    rig.gateway.api().get(&path_of(&made)).await.refused(404, "integration_not_found");
    rig.gateway.api().delete(&path_of(&made)).await.refused(404, "integration_not_found");
    rig.gateway.api().put(&path_of(&made), &json!({})).await.refused(404, "integration_not_found");
    let body = json!({
        "destination": {"integrationId": id_of(&made), "destinationId": line.person},
        "author": {"role": "appMaker"}, "message": {"type": "text", "text": "to nobody"},
    });
    rig.gateway.api().post(&of_app("/notifications"), &body).await.refused(404, "integration_not_found");
    let said = json!({"integrationId": id_of(&made), "from": line.person, "text": "is anybody there?"});
    assert_eq!(rig.sim().control("/control/write", &said).await["status"], 404);
}

async fn people_of_a_removed_integration_are_reached_elsewhere(engine: Engine) {
    let rig = Rig::start(engine).await;
    let line = called("whatsapp");
    let made = make(&rig, line).await;
    let user = rig.user("steveb@example.com").await;
    rig.link(&user, "+15145550149", json!({"type": "immediate"})).await;
    let path = of_app(&format!("/appusers/{user}/channels"));
    let body = json!({"type": "whatsapp", "phoneNumber": line.person, "confirmation": {"type": "immediate"}});
    rig.gateway.api().post(&path, &body).await.expect(200);
    let both = |event: &Value| event["trigger"] == "link:success" && event["channel"] == "whatsapp";
    rig.receiver.event("both links", both).await;
    rig.gateway.api().delete(&path_of(&made)).await.expect(200);
    let shown = rig.get_user(&user).await;
    let states: Vec<(&Value, &Value, &Value)> = shown["clients"]
        .as_array()
        .expect("clients")
        .iter()
        .map(|client| (&client["platform"], &client["status"], &client["primary"]))
        .collect();
    let (twilio, whatsapp) = (json!("twilio"), json!("whatsapp"));
    let (active, inactive) = (json!("active"), json!("inactive"));
    let expected = [(&twilio, &active, &json!(true)), (&whatsapp, &inactive, &json!(false))];
    assert_eq!(states, expected, "{shown}");
    let channels = rig.gateway.api().get(&path).await.expect(200);
    let only = json!([{"type": "twilio", "integrationId": TWILIO, "phoneNumber": "+15145550149"}]);
    assert_eq!(channels["channels"], only);
    let said = json!({"role": "appMaker", "type": "text", "text": "Still there?"});
    rig.gateway.api().post(&of_app(&format!("/appusers/{user}/messages")), &said).await.expect(201);
    assert_eq!(rig.sim().first_to("+15145550149").await["text"], "Still there?");
    assert_eq!(rig.gateway.api().delete(&format!("{path}/whatsapp")).await.expect(200), json!({}));
}

async fn a_number_is_known_by_its_sid(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut settings = called("twilio").settings();
    settings.as_object_mut().expect("an object").remove("phoneNumber");
    settings["phoneNumberSid"] = json!("PN00000000000000000000000000000004");
    rig.sim().admit("before", "twilio", "http://127.0.0.1:1/", &settings).await;
    let mut body = settings.clone();
    body["type"] = json!("twilio");
    let made =
        rig.gateway.api().post(&of_app("/integrations"), &body).await.expect(201)["integration"].clone();
    assert_eq!(made["phoneNumberSid"], settings["phoneNumberSid"]);
    assert!(made["phoneNumber"].as_str().is_some_and(|number| number.starts_with("+1500555")), "{made}");
    rig.sim().admit(id_of(&made), "twilio", hooks_of(&made), &settings).await;
    talk(&rig, called("twilio"), &made, "by sid").await;
    assert_eq!(rig.sim().first_to(called("twilio").person).await["from"], made["phoneNumber"]);
}

async fn a_declared_integration_belongs_to_the_file(engine: Engine) {
    let rig = Rig::start(engine).await;
    let path = of_app(&format!("/integrations/{TWILIO}"));
    let shown = rig.gateway.api().get(&path).await.expect(200)["integration"].clone();
    assert_eq!((&shown["phoneNumber"], &shown["authToken"]), (&json!("+15145550100"), &Value::Null));
    rig.gateway.api().put(&path, &json!({"displayName": "Ours"})).await.refused(403, "forbidden");
    rig.gateway.api().delete(&path).await.refused(403, "forbidden");
}

async fn another_app_sees_nothing_of_it(engine: Engine) {
    let rig = Rig::start(engine).await;
    let made = make(&rig, called("twilio")).await;
    let path = format!("/v1.1/apps/{OTHER_APP}/integrations/{}", id_of(&made));
    rig.gateway.account().get(&path).await.refused(404, "integration_not_found");
    rig.gateway
        .account()
        .put(&path, &json!({"displayName": "x"}))
        .await
        .refused(404, "integration_not_found");
    rig.gateway.account().delete(&path).await.refused(404, "integration_not_found");
    let listed = rig.gateway.account().get(&format!("/v1.1/apps/{OTHER_APP}/integrations")).await.expect(200);
    assert_eq!(listed["integrations"], json!([]));
    assert_eq!(rig.gateway.api().get(&path_of(&made)).await.expect(200)["integration"], made);
}

async fn made_twice_under_one_key_it_is_made_once(engine: Engine) {
    let rig = Rig::start(engine).await;
    let line = called("twilio");
    be_known(&rig.sim(), line).await;
    let (body, key) = (asked(line).to_string(), [("idempotency-key", "once")]);
    let post = async || {
        let api = rig.gateway.api();
        api.request("POST", &of_app("/integrations"), &key, Some(body.clone())).await.expect(201)
    };
    assert_eq!(post().await, post().await);
    let listed = rig.gateway.api().get(&of_app("/integrations")).await.expect(200);
    assert_eq!(listed["integrations"].as_array().map(Vec::len), Some(2), "with the declared one: {listed}");
}
