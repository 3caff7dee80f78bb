//! What a conversation keeps: until it is deleted, until it is too old, and without card numbers.

use serde_json::{Value, json};

use crate::harness::line::called;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, Rig, eventually, on_both_engines};

on_both_engines! {
    one_message_is_deleted,
    all_messages_are_deleted,
    pages_go_on_over_what_was_deleted,
    card_numbers_are_masked,
    card_numbers_stay_where_that_is_wanted,
    messages_are_kept_as_long_as_the_app_says,
    a_channels_own_payload_goes_there_alone,
    a_whole_message_may_be_whatsapps_own,
    a_filled_in_form_is_kept,
    an_answer_quotes_its_question,
    a_message_of_the_business_tells_where_it_goes,
    a_persons_name_is_that_of_their_channel,
}

const NUMBER: &str = "+15145550152";

fn at(user: &str, rest: &str) -> String {
    of_app(&format!("/appusers/{user}/messages{rest}"))
}

async fn post(rig: &Rig, user: &str, text: &str) -> Value {
    let body = json!({"role": "appMaker", "type": "text", "text": text});
    rig.gateway.api().post(&at(user, ""), &body).await.expect(201)
}

fn texts(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|one| one["text"].as_str().unwrap_or_default()).collect()
}

async fn one_message_is_deleted(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    let mut posted = Vec::new();
    for text in ["one", "two", "three"] {
        posted.push(post(&rig, &user, text).await["message"]["_id"].as_str().expect("an id").to_owned());
    }
    let path = at(&user, &format!("/{}", posted[1]));
    assert_eq!(rig.gateway.api().delete(&path).await.expect(200), json!({}));
    assert_eq!(texts(&rig.messages(&user).await), ["one", "three"]);
    rig.gateway.api().delete(&path).await.refused(404, "not_found");
    let other = rig.user("other@example.com").await;
    rig.gateway.api().delete(&at(&other, &format!("/{}", posted[0]))).await.refused(404, "not_found");
    rig.gateway.api().delete(&at("nobody", &format!("/{}", posted[0]))).await.refused(404, "user_not_found");
    let answer = post(&rig, &user, "four").await;
    assert_eq!(answer["conversation"]["unreadCount"], 4, "what is not read is not counted anew");
}

async fn all_messages_are_deleted(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    rig.receiver.trigger("link:success").await;
    rig.notify_and_deliver(NUMBER, "a notification").await;
    for text in ["one", "two", "three"] {
        post(&rig, &user, text).await;
    }
    let before = rig.messages(&user).await;
    assert_eq!(rig.gateway.api().delete(&at(&user, "")).await.expect(200), json!({}));
    assert!(rig.messages(&user).await.is_empty());
    rig.gateway.api().delete(&at(&user, "")).await.expect(200);
    let id = before[0]["_id"].as_str().expect("an id");
    rig.gateway.api().delete(&at(&user, &format!("/{id}"))).await.refused(404, "not_found");
    let answer = post(&rig, &user, "four").await;
    assert_eq!(answer["conversation"]["unreadCount"], 1);
    assert_eq!(texts(&rig.messages(&user).await), ["four"]);
    assert_eq!(rig.get_user(&user).await["clients"].as_array().map(Vec::len), Some(1));
    rig.sim().write(NUMBER, "What did you say?").await;
    let event = rig.receiver.trigger("message:appUser").await;
    assert_eq!(event.get("recentNotifications"), None, "{event}");
    rig.gateway.terminate().await;
    rig.gateway.start().await;
    assert_eq!(texts(&rig.messages(&user).await), ["four", "What did you say?"]);
}

async fn pages_go_on_over_what_was_deleted(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    for number in 0..104 {
        post(&rig, &user, &number.to_string()).await;
    }
    let page = async |query: &str| rig.gateway.api().get(&at(&user, query)).await.expect(200);
    let newest = page("").await;
    assert_eq!(newest["messages"].as_array().map(Vec::len), Some(100));
    assert!(newest["previous"].is_string() && newest.get("next").is_none(), "{}", newest["next"]);
    let first = newest["messages"][0]["received"].clone();
    let older = page(&format!("?before={first}")).await;
    assert_eq!(texts(older["messages"].as_array().expect("messages")), ["0", "1", "2", "3"]);
    assert!(older["next"].is_string() && older.get("previous").is_none());
    // The last is deleted: nothing comes after the last but one.
    let all = newest["messages"].as_array().expect("messages");
    let (last, but_one) = (all[99]["_id"].as_str().expect("an id"), &all[98]["received"]);
    rig.gateway.api().delete(&at(&user, &format!("/{last}"))).await.expect(200);
    let after = page(&format!("?after={but_one}")).await;
    assert_eq!((after["messages"].as_array().map(Vec::len), after.get("next")), (Some(0), None));
    let before = page(&format!("?before={}", all[99]["received"])).await;
    assert_eq!((before["messages"].as_array().map(Vec::len), before.get("next")), (Some(100), None));
    // The four first are deleted: nothing comes before the fifth.
    for old in older["messages"].as_array().expect("messages") {
        rig.gateway
            .api()
            .delete(&at(&user, &format!("/{}", old["_id"].as_str().expect("an id"))))
            .await
            .expect(200);
    }
    let after = page("?after=0").await;
    assert_eq!(after["messages"][0]["text"], "4");
    assert!(after.get("previous").is_none() && after.get("next").is_none());
}

const CARD: &str = "4242 4242 4242 4242";

async fn card_numbers_are_masked(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    rig.receiver.trigger("link:success").await;
    rig.sim().write(NUMBER, &format!("My card is {CARD}, ok?")).await;
    let event = rig.receiver.trigger("message:appUser").await;
    assert_eq!(event["messages"][0]["text"], "My card is ************4242, ok?");
    let said = json!({"role": "appUser", "type": "text", "text": CARD});
    let answer = rig.gateway.api().post(&at(&user, ""), &said).await.expect(201);
    assert_eq!(answer["message"]["text"], "************4242");
    assert_eq!(texts(&rig.messages(&user).await), ["My card is ************4242, ok?", "************4242"]);
    assert!(!rig.receiver.arrivals().iter().any(|arrival| arrival.body.contains(CARD)));
}

async fn card_numbers_stay_where_that_is_wanted(engine: Engine) {
    let rig = Rig::with(engine, |config| config.set("apps.0.settings.maskCreditCardNumbers", false)).await;
    rig.sim().write(NUMBER, CARD).await;
    let event = rig.receiver.trigger("message:appUser").await;
    assert_eq!(event["messages"][0]["text"], CARD);
}

async fn messages_are_kept_as_long_as_the_app_says(engine: Engine) {
    let mut rig =
        Rig::with(engine, |config| config.set("apps.0.settings.conversationRetentionSeconds", 2)).await;
    let user = rig.user("steveb@example.com").await;
    post(&rig, &user, "soon forgotten").await;
    assert_eq!(texts(&rig.messages(&user).await), ["soon forgotten"]);
    eventually("an empty history", async || rig.messages(&user).await.is_empty().then_some(())).await;
    // It is gone, and not only hidden: without the setting it does not come back.
    post(&rig, &user, "kept").await;
    rig.gateway.terminate().await;
    rig.gateway.change(|config| config.set("apps.0.settings.conversationRetentionSeconds", 86_400));
    rig.gateway.start().await;
    assert!(!texts(&rig.messages(&user).await).contains(&"soon forgotten"));
}

/// Somebody who wrote on this channel.
async fn writer(rig: &Rig, kind: &str) -> String {
    let line = called(kind);
    let written = json!({"integrationId": line.integration, "from": line.person, "text": "Hello"});
    assert_eq!(rig.sim().control("/control/write", &written).await["status"], 200);
    let of_kind = |event: &Value| event["messages"][0]["source"]["type"] == kind;
    let event = rig.receiver.event("what was written", of_kind).await;
    event["appUser"]["_id"].as_str().expect("an id").to_owned()
}

async fn a_channels_own_payload_goes_there_alone(engine: Engine) {
    let rig = Rig::with(engine, |config| called("messenger").join(called("whatsapp").join(config))).await;
    let body = json!({
        "role": "appMaker", "type": "text", "text": "Hello, whoever you are",
        "override": {"whatsapp": {"payload": {"type": "text", "text": {"body": "Hello, WhatsApp"}}}},
    });
    for (kind, text) in [("whatsapp", "Hello, WhatsApp"), ("messenger", "Hello, whoever you are")] {
        let user = writer(&rig, kind).await;
        let answer = rig.gateway.api().post(&at(&user, ""), &body).await.expect(201);
        assert_eq!(answer["message"]["text"], "Hello, whoever you are");
        assert_eq!(rig.sim().first_to(called(kind).person).await["text"], text);
    }
}

async fn a_whole_message_may_be_whatsapps_own(engine: Engine) {
    let rig = Rig::with(engine, |config| called("whatsapp").join(config)).await;
    let template = json!({"name": "shipping_update", "language": {"policy": "deterministic", "code": "en"}});
    let body = json!({
        "role": "appMaker", "messageSchema": "whatsapp",
        "message": {"type": "template", "template": template},
    });
    let user = writer(&rig, "whatsapp").await;
    let answer = rig.gateway.api().post(&at(&user, ""), &body).await.expect(201);
    assert_eq!(
        (&answer["message"]["type"], &answer["message"]["text"]),
        (&json!("text"), &json!("shipping_update"))
    );
    let sent = rig.sim().first_to(called("whatsapp").person).await;
    assert_eq!(sent["request"]["template"]["name"], "shipping_update", "{sent}");
    let nobody = rig.user("steveb@example.com").await;
    rig.gateway.api().post(&at(&nobody, ""), &body).await.refused(400, "bad_request");
    assert!(rig.messages(&nobody).await.is_empty());
}

async fn a_filled_in_form_is_kept(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut golden = Golden::of("v1/form_response");
    let user = rig.user("steveb@example.com").await;
    golden.holes.bind("user", user.as_str());
    let body = json!({"role": "appUser", "type": "formResponse", "fields": [
        {"type": "text", "name": "who", "label": "Your name?", "text": "Ann"},
        {"type": "email", "name": "mail", "label": "Your mail?", "email": "ann@example.com"},
        {"type": "select", "name": "size", "label": "Your size?", "select": [{"name": "s", "label": "Small"}]},
    ]});
    golden.compare("response.json", &rig.gateway.api().post(&at(&user, ""), &body).await.expect(201));
    golden.compare("webhook.json", &rig.receiver.trigger("message:appUser").await);
}

async fn a_message_of_the_business_tells_where_it_goes(engine: Engine) {
    let rig = Rig::with(engine, |config| config.set("apps.0.webhooks.0.includeClient", true)).await;
    let user = rig.user("steveb@example.com").await;
    post(&rig, &user, "to nobody yet").await;
    rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    rig.receiver.trigger("link:success").await;
    post(&rig, &user, "to the number").await;
    let saying = |text: &'static str| move |event: &Value| event["messages"][0]["text"] == text;
    let event = rig.receiver.event("the first", saying("to nobody yet")).await;
    assert_eq!(event.get("client"), None);
    let event = rig.receiver.event("the second", saying("to the number")).await;
    assert_eq!(
        (&event["trigger"], &event["client"]["externalId"]),
        (&json!("message:appMaker"), &json!(NUMBER))
    );
}

async fn a_persons_name_is_that_of_their_channel(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    let said = json!({"role": "appUser", "type": "text", "text": "Hello"});
    let name = async |user: &str| {
        rig.gateway.api().post(&at(user, ""), &said).await.expect(201)["message"]["name"].clone()
    };
    assert_eq!(name(&user).await, format!("User {user}"));
    rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    rig.receiver.trigger("link:success").await;
    assert_eq!(name(&user).await, "Twilio SMS User steveb@example.com");
    rig.sim().write("+15145550153", "Hi").await;
    let is_theirs = |event: &Value| event["messages"][0]["text"] == "Hi";
    let event = rig.receiver.event("the stranger", is_theirs).await;
    let stranger = event["appUser"]["_id"].as_str().expect("an id");
    assert_eq!(name(stranger).await, "Twilio SMS User +15145550153");
}

async fn an_answer_quotes_its_question(engine: Engine) {
    let rig = Rig::with(engine, |config| called("messenger").join(called("whatsapp").join(config))).await;
    for kind in ["whatsapp", "messenger"] {
        let line = called(kind);
        let user = writer(&rig, kind).await;
        let question = post(&rig, &user, "Red or blue?").await["message"]["_id"].clone();
        let is_taken = |event: &Value| {
            event["trigger"] == "message:delivery:channel" && event["message"]["_id"] == question
        };
        rig.receiver.event("an accepted question", is_taken).await;
        let asked = rig.sim().first_to(line.person).await["providerId"].clone();
        for (answers, text) in [(asked, "Red"), (json!("unheard.of"), "Blue")] {
            let text = format!("{text} by {kind}");
            let written = json!({
                "integrationId": line.integration, "from": line.person, "text": text, "answers": answers,
            });
            assert_eq!(rig.sim().control("/control/write", &written).await["status"], 200);
            let event =
                rig.receiver.event(&text, |event| event["messages"][0]["text"] == text.as_str()).await;
            let quoted = &event["messages"][0]["quotedMessage"];
            if text.starts_with("Red") {
                assert_eq!((&quoted["type"], &quoted["content"]["_id"]), (&json!("message"), &question));
            } else {
                assert_eq!(quoted, &json!({"type": "externalMessageId", "externalMessageId": "unheard.of"}));
            }
        }
    }
}
