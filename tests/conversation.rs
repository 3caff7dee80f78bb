//! A conversation beside its messages: who has read, who types, what is pressed, how it began.

use serde_json::{Value, json};

use crate::harness::line::called;
use crate::harness::signing::hmac_sha256;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, Rig, eventually, on_both_engines};

on_both_engines! {
    what_is_unread_is_counted_until_it_is_read,
    the_conversation_is_shown_with_its_messages,
    typing_and_reading_are_shown_on_messenger,
    typing_and_reading_are_shown_on_whatsapp,
    what_no_channel_shows_is_taken_all_the_same,
    a_read_mark_on_messenger_is_told,
    a_read_receipt_on_whatsapp_is_told,
    a_button_is_pressed_by_its_id,
    a_pressed_button_is_told_with_its_message,
    a_postback_is_kept_as_a_message_where_that_is_wanted,
    a_conversation_starts_once,
    a_referral_is_told_with_the_start_and_later_alone,
    a_button_starts_no_conversation_where_that_is_not_wanted,
}

const NUMBER: &str = "+15145550151";

fn at(user: &str, rest: &str) -> String {
    of_app(&format!("/appusers/{user}{rest}"))
}

async fn post(rig: &Rig, user: &str, mut message: Value) -> Value {
    message["role"] = json!("appMaker");
    rig.gateway.api().post(&at(user, "/messages"), &message).await.expect(201)
}

/// The conversation, without its messages.
async fn conversation(rig: &Rig, user: &str) -> Value {
    let mut shown =
        rig.gateway.api().get(&at(user, "/conversation")).await.expect(200)["conversation"].clone();
    shown.as_object_mut().expect("an object").remove("messages");
    shown
}

/// Somebody who wrote on this channel: the user's id, and the provider's id of the message.
async fn writer(rig: &Rig, kind: &str) -> (String, String) {
    let line = called(kind);
    let written = json!({"integrationId": line.integration, "from": line.person, "text": "Hello"});
    let told = rig.sim().control("/control/write", &written).await;
    assert_eq!(told["status"], 200, "{told}");
    let of_kind = |event: &Value| {
        event["trigger"] == "message:appUser" && event["messages"][0]["source"]["type"] == kind
    };
    let event = rig.receiver.event("what was written", of_kind).await;
    let text = |value: &Value| value.as_str().expect("an id").to_owned();
    (text(&event["appUser"]["_id"]), text(&told["providerId"]))
}

async fn with(engine: Engine, kind: &'static str) -> Rig {
    Rig::with(engine, |config| called(kind).join(config)).await
}

async fn what_is_unread_is_counted_until_it_is_read(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    for count in 1..=3 {
        let posted = post(&rig, &user, json!({"text": format!("message {count}")})).await;
        assert_eq!(posted["conversation"]["unreadCount"], count);
    }
    let before = conversation(&rig, &user).await;
    assert_eq!((&before["unreadCount"], before.get("appUserLastRead")), (&json!(3), None));
    // The vendor's client sends no body, and says that it is JSON.
    let answer = rig.gateway.api().request("POST", &at(&user, "/conversation/read"), &[], None).await;
    assert_eq!(answer.expect(200), json!({}));
    let after = conversation(&rig, &user).await;
    assert_eq!((&after["unreadCount"], &after["appMakerLastRead"]), (&json!(0), &before["appMakerLastRead"]));
    assert!(after["appUserLastRead"].as_f64() >= before["appMakerLastRead"].as_f64(), "{after}");
    let nobody = at("nobody", "/conversation/read");
    rig.gateway.api().post(&nobody, &json!({})).await.refused(404, "user_not_found");
}

async fn the_conversation_is_shown_with_its_messages(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut golden = Golden::of("v1/conversation");
    let user = rig.user("steveb@example.com").await;
    let show = async || rig.gateway.api().get(&at(&user, "/conversation")).await.expect(200);
    golden.compare("new.json", &show().await);
    post(&rig, &user, json!({"text": "Hello, Steve"})).await;
    golden.compare("conversation.json", &show().await);
    rig.gateway.api().get(&at("nobody", "/conversation")).await.refused(404, "user_not_found");
}

async fn act(rig: &Rig, user: &str, kind: &str) -> Value {
    let body = json!({"role": "appMaker", "type": kind, "name": "Ada"});
    rig.gateway.api().post(&at(user, "/conversation/activity"), &body).await.expect(200)
}

/// Waits until so many acts were shown, and answers each with what it was about.
async fn acts(rig: &Rig, count: usize) -> Vec<(Value, Value)> {
    let acts = eventually(&format!("{count} acts"), async || {
        let shown = rig.sim().acts().await;
        (shown.len() >= count).then_some(shown)
    })
    .await;
    acts.into_iter().map(|act| (act["act"].clone(), act["about"].clone())).collect()
}

async fn typing_and_reading_are_shown_on_messenger(engine: Engine) {
    let rig = with(engine, "messenger").await;
    let mut golden = Golden::of("v1/activity");
    let (user, _) = writer(&rig, "messenger").await;
    golden.holes.bind("user", user.as_str());
    act(&rig, &user, "typing:start").await;
    acts(&rig, 1).await;
    act(&rig, &user, "typing:stop").await;
    acts(&rig, 2).await;
    golden.compare("read.json", &act(&rig, &user, "conversation:read").await);
    let words: Vec<Value> = acts(&rig, 3)
        .await
        .into_iter()
        .map(|(act, about)| {
            assert_eq!(about, called("messenger").person);
            act
        })
        .collect();
    assert_eq!(words, ["typing_on", "typing_off", "mark_seen"]);
}

async fn typing_and_reading_are_shown_on_whatsapp(engine: Engine) {
    let rig = with(engine, "whatsapp").await;
    let (user, written) = writer(&rig, "whatsapp").await;
    act(&rig, &user, "typing:start").await;
    acts(&rig, 1).await;
    act(&rig, &user, "typing:stop").await;
    let answer = act(&rig, &user, "conversation:read").await;
    assert!(answer["conversation"]["appMakerLastRead"].is_f64(), "{answer}");
    let shown = acts(&rig, 2).await;
    assert_eq!(shown, [(json!("typing_indicator"), json!(written)), (json!("read"), json!(written))]);
}

async fn what_no_channel_shows_is_taken_all_the_same(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    act(&rig, &user, "typing:start").await;
    rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    rig.receiver.trigger("link:success").await;
    act(&rig, &user, "conversation:read").await;
    assert!(rig.sim().acts().await.is_empty());
    for (body, field) in [
        (json!({"role": "appUser", "type": "typing:start"}), "role"),
        (json!({"role": "appMaker", "type": "typing"}), "type"),
    ] {
        let answer = rig.gateway.api().post(&at(&user, "/conversation/activity"), &body).await;
        assert!(answer.refused(400, "bad_request").contains(field));
    }
}

async fn a_read_mark_on_messenger_is_told(engine: Engine) {
    let rig = with(engine, "messenger").await;
    let mut golden = Golden::of("v1/read_on_messenger");
    let (user, _) = writer(&rig, "messenger").await;
    golden.holes.bind("user", user.as_str());
    for text in ["one", "two"] {
        post(&rig, &user, json!({"text": text})).await;
    }
    let sent = eventually("two messages", async || {
        let sent = rig.sim().sent_to(called("messenger").person).await;
        (sent.len() == 2).then_some(sent)
    })
    .await;
    let channel = |event: &Value| event["trigger"] == "message:delivery:channel";
    eventually("both accepted", async || {
        (rig.receiver.events().iter().filter(|one| channel(one)).count() == 2).then_some(())
    })
    .await;
    assert_eq!(conversation(&rig, &user).await["unreadCount"], 2);
    let last = sent[1]["providerId"].as_str().expect("an id");
    assert_eq!(rig.sim().receipt(last, "read", "valid").await, 200);
    golden.compare("webhook.json", &rig.receiver.trigger("conversation:read").await);
    let read = conversation(&rig, &user).await;
    assert_eq!(read["unreadCount"], 0, "{read}");
    // The same mark again is nothing new.
    assert_eq!(rig.sim().receipt(last, "read", "valid").await, 200);
    assert_eq!(conversation(&rig, &user).await, read);
    rig.settled(NUMBER).await;
    let told = rig.receiver.triggers();
    assert_eq!(told.iter().filter(|trigger| *trigger == "conversation:read").count(), 1);
}

async fn a_read_receipt_on_whatsapp_is_told(engine: Engine) {
    let rig = with(engine, "whatsapp").await;
    let (user, _) = writer(&rig, "whatsapp").await;
    let mut delivered = Vec::new();
    for text in ["one", "two"] {
        let id = post(&rig, &user, json!({"text": text})).await["message"]["_id"].clone();
        let is_there =
            |event: &Value| event["trigger"] == "message:delivery:user" && event["message"]["_id"] == id;
        delivered.push(rig.receiver.event("a delivery", is_there).await);
    }
    let external = |event: &Value| event["externalMessages"][0]["id"].as_str().expect("an id").to_owned();
    for (event, unread) in delivered.iter().zip([1, 0]) {
        assert_eq!(rig.sim().receipt(&external(event), "read", "valid").await, 200);
        assert_eq!(conversation(&rig, &user).await["unreadCount"], unread);
    }
    // Late news of the first moves nothing back.
    assert_eq!(rig.sim().receipt(&external(&delivered[0]), "read", "valid").await, 200);
    rig.settled(NUMBER).await;
    let marks: Vec<Value> =
        rig.receiver.events().into_iter().filter(|event| event["trigger"] == "conversation:read").collect();
    assert_eq!(marks.len(), 2);
    assert_eq!(
        marks[0]["source"],
        json!({"type": "whatsapp", "integrationId": called("whatsapp").integration})
    );
    assert_eq!(marks[0]["appUser"]["_id"], user);
}

fn buttons() -> Value {
    json!({"text": "Which one?", "actions": [
        {"type": "postback", "text": "The red one", "payload": "RED", "metadata": {"colour": "red"}},
        {"type": "link", "text": "See both", "uri": "https://example.com/both"},
    ]})
}

async fn press(rig: &Rig, user: &str, action: &Value) -> crate::harness::api::Answer {
    rig.gateway.api().post(&at(user, "/conversation/postback"), &json!({"actionId": action})).await
}

async fn a_button_is_pressed_by_its_id(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut golden = Golden::of("v1/postback_by_api");
    let user = rig.user("steveb@example.com").await;
    golden.holes.bind("user", user.as_str());
    let message = post(&rig, &user, buttons()).await["message"].clone();
    for text in 0..3 {
        post(&rig, &user, json!({"text": format!("and {text}")})).await;
    }
    let actions = &message["actions"];
    assert_eq!(press(&rig, &user, &actions[0]["_id"]).await.expect(200), json!({}));
    golden.compare("webhook.json", &rig.receiver.trigger("postback").await);
    press(&rig, &user, &actions[1]["_id"]).await.refused(400, "bad_request");
    press(&rig, &user, &json!("5e1f438bf99fb467810c0fff")).await.refused(404, "not_found");
    assert_eq!(rig.messages(&user).await.len(), 4, "no message comes of it");
}

/// Has the writer of Messenger press a button, of a menu or of a message.
async fn press_on_messenger(rig: &Rig, payload: &str) {
    let line = called("messenger");
    let pressed = json!({"integrationId": line.integration, "from": line.person, "payload": payload});
    assert_eq!(rig.sim().control("/control/write", &pressed).await["status"], 200);
}

async fn a_pressed_button_is_told_with_its_message(engine: Engine) {
    let rig = with(engine, "messenger").await;
    let mut golden = Golden::of("v1/postback_pressed");
    let (user, _) = writer(&rig, "messenger").await;
    golden.holes.bind("user", user.as_str());
    post(&rig, &user, buttons()).await;
    press_on_messenger(&rig, "RED").await;
    golden.compare("webhook.json", &rig.receiver.trigger("postback").await);
    press_on_messenger(&rig, "MENU").await;
    let of_menu = |event: &Value| event["postbacks"][0]["action"]["payload"] == "MENU";
    golden.compare("menu.json", &rig.receiver.event("a menu's postback", of_menu).await);
}

async fn a_postback_is_kept_as_a_message_where_that_is_wanted(engine: Engine) {
    let rig = Rig::with(engine, |config| {
        called("messenger").join(config).set("apps.0.settings.echoPostback", true)
    })
    .await;
    let (user, _) = writer(&rig, "messenger").await;
    post(&rig, &user, buttons()).await;
    press_on_messenger(&rig, "RED").await;
    let echoed = |event: &Value| event["messages"][0]["payload"] == "RED";
    let event = rig.receiver.event("the echo", echoed).await;
    assert_eq!(
        (&event["trigger"], &event["messages"][0]["text"]),
        (&json!("message:appUser"), &json!("The red one"))
    );
    let last = rig.messages(&user).await.pop().expect("a message");
    assert_eq!(
        (&last["role"], &last["text"], &last["payload"]),
        (&json!("appUser"), &json!("The red one"), &json!("RED"))
    );
    rig.receiver.trigger("postback").await;
}

async fn a_conversation_starts_once(engine: Engine) {
    let rig = with(engine, "whatsapp").await;
    let mut golden = Golden::of("v1/conversation_start");
    let person = called("whatsapp").person;
    let (user, _) = writer(&rig, "whatsapp").await;
    golden.holes.bind("user", user.as_str());
    golden.compare("by_the_person.json", &rig.receiver.trigger("conversation:start").await);
    let again =
        json!({"integrationId": called("whatsapp").integration, "from": person, "text": "Hello again"});
    rig.sim().control("/control/write", &again).await;
    let other = rig.user("steveb@example.com").await;
    golden.holes.bind("other", other.as_str());
    for text in ["one", "two"] {
        post(&rig, &other, json!({"text": text})).await;
    }
    let of_other =
        |event: &Value| event["trigger"] == "conversation:start" && event["appUser"]["_id"] == other;
    golden.compare("by_the_business.json", &rig.receiver.event("the other's start", of_other).await);
    rig.settled(NUMBER).await;
    let starts = rig.receiver.triggers().iter().filter(|trigger| *trigger == "conversation:start").count();
    assert_eq!(starts, 2);
}

/// Has Meta tell of something on the page.
async fn tell(rig: &Rig, mut event: Value) {
    let line = called("messenger");
    event["sender"] = json!({"id": line.person});
    event["recipient"] = json!({"id": "180005062406476"});
    event["timestamp"] = json!(1_795_255_200_123_i64);
    let entry = json!({"id": "180005062406476", "time": 1_795_255_200_123_i64, "messaging": [event]});
    let body = json!({"object": "page", "entry": [entry]}).to_string();
    let signature = format!("sha256={}", hex::encode(hmac_sha256(b"fake-app-secret", body.as_bytes())));
    let path = format!("/hooks/messenger/{}", line.integration);
    let headers = [("x-hub-signature-256", signature.as_str())];
    assert_eq!(rig.gateway.anonymous().request("POST", &path, &headers, Some(body)).await.status, 200);
}

async fn a_referral_is_told_with_the_start_and_later_alone(engine: Engine) {
    let rig = with(engine, "messenger").await;
    let mut golden = Golden::of("v1/referral");
    let referral = |code: &str| json!({"ref": code, "source": "SHORTLINK", "type": "OPEN_THREAD"});
    let started = json!({"mid": "m_started", "payload": "GET_STARTED", "referral": referral("first")});
    tell(&rig, json!({"postback": started})).await;
    golden.compare("start.json", &rig.receiver.trigger("conversation:start").await);
    rig.receiver.trigger("postback").await;
    let ad = json!({"ref": "second", "source": "ADS", "type": "OPEN_THREAD", "ad_id": "6045246247433"});
    tell(&rig, json!({ "referral": ad })).await;
    golden.compare("referral.json", &rig.receiver.trigger("conversation:referral").await);
    let told = rig.receiver.triggers();
    assert_eq!(told.iter().filter(|trigger| trigger.starts_with("conversation:")).count(), 2, "{told:?}");
}

async fn a_button_starts_no_conversation_where_that_is_not_wanted(engine: Engine) {
    let rig = Rig::with(engine, |config| {
        called("messenger").join(config).set("apps.0.settings.ignoreAutoConversationStart", true)
    })
    .await;
    tell(&rig, json!({"postback": {"mid": "m_started", "payload": "GET_STARTED"}})).await;
    let event = rig.receiver.trigger("postback").await;
    assert_eq!(event["appUser"]["conversationStarted"], false, "{event}");
    let (user, _) = writer(&rig, "messenger").await;
    assert_eq!(event["appUser"]["_id"], user);
    let start = rig.receiver.trigger("conversation:start").await;
    assert_eq!(start["appUser"]["conversationStarted"], true);
}
