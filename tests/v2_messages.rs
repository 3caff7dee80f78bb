//! Messages through v2: every kind of content, who says it, where it goes, and how both versions show the same.

use serde_json::{Value, json};

use crate::harness::config::{APP, TWILIO};
use crate::harness::line::called;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, Rig, on_both_engines};

on_both_engines! {
    what_v2_says_v1_shows,
    what_v1_says_v2_shows,
    a_text_with_markup_goes_out_plain,
    what_is_wrong_is_named,
    a_person_speaks_for_themselves,
    a_channels_own_words_reach_it,
    a_message_goes_where_it_is_told,
    the_same_post_is_said_once,
    messages_are_deleted,
    what_people_read_is_told,
}

const NUMBER: &str = "+15145550158";

fn of(rest: &str) -> String {
    format!("/v2/apps/{APP}/conversations{rest}")
}

/// A person's first conversation.
async fn begun(rig: &Rig, user: &str) -> String {
    let asked = json!({"type": "personal", "participants": [{"userId": user}]});
    let made = rig.gateway.api().post(&of(""), &asked).await.expect(201)["conversation"].clone();
    of(&format!("/{}", made["id"].as_str().expect("an id")))
}

/// Says something on behalf of the business, and answers the one message that it became.
async fn say(rig: &Rig, path: &str, mut body: Value) -> Value {
    body["author"] = json!({"type": "business"});
    let answer = rig.gateway.api().post(&format!("{path}/messages"), &body).await.expect(201);
    assert_eq!(answer["messages"].as_array().map(Vec::len), Some(1), "{answer}");
    answer["messages"][0].clone()
}

async fn newest(rig: &Rig, path: &str) -> Value {
    let page = rig.gateway.api().get(&format!("{path}/messages")).await.expect(200);
    page["messages"].as_array().and_then(|all| all.last()).expect("a message").clone()
}

/// Each kind of content with all that it can carry, under the name of its file.
fn kinds() -> Vec<(&'static str, Value)> {
    let picture = "https://example.com/red.png";
    let link = json!({"type": "link", "text": "See it", "uri": "https://example.com/see"});
    let items = json!([
        {"title": "Red", "description": "The red one", "mediaUrl": picture, "mediaType": "image/png",
         "altText": "A red parcel", "size": "large", "actions": [link], "metadata": {"sku": "r"}},
        {"title": "Blue", "actions": [{"type": "postback", "text": "Take it", "payload": "BLUE"}]},
    ]);
    vec![
        ("text", json!({"type": "text", "text": "Hello", "payload": "p", "blockChatInput": true})),
        ("html", json!({"type": "text", "htmlText": "<p>Hello <b>you</b></p><script>alert(1)</script>"})),
        (
            "markdown",
            json!({"type": "text", "markdownText": "Hello *you*, see [this](https://example.com/)"}),
        ),
        (
            "actions",
            json!({"type": "text", "text": "What now?", "actions": [
                {"type": "link", "text": "See it", "uri": "https://example.com/see", "default": true,
                 "metadata": {"place": 1}, "extraChannelOptions": {"messenger": {"webview_share_button": "hide"}}},
                {"type": "webview", "text": "Choose", "uri": "https://example.com/choose", "openOnReceive": true,
                 "fallback": "https://example.com/plain", "size": "compact", "default": true},
                {"type": "buy", "text": "Pay", "amount": 500, "currency": "EUR"},
                {"type": "postback", "text": "Stop it", "payload": "STOP_IT"},
            ]}),
        ),
        (
            "replies",
            json!({"type": "text", "text": "When?", "actions": [
                {"type": "reply", "text": "Today", "payload": "TODAY", "iconUrl": picture, "metadata": {"day": 1}},
                {"type": "locationRequest", "text": "Where I am"},
            ]}),
        ),
        (
            "image",
            json!({"type": "image", "mediaUrl": picture, "text": "The red one", "altText": "A red parcel",
                         "actions": [link]}),
        ),
        ("file", json!({"type": "file", "mediaUrl": "https://example.com/bill.pdf", "text": "Your bill"})),
        (
            "location",
            json!({"type": "location", "coordinates": {"lat": 45.5, "long": -73.25},
                            "location": {"name": "Office", "address": "1 Example Street"}}),
        ),
        (
            "carousel",
            json!({"type": "carousel", "items": items, "displaySettings": {"imageAspectRatio": "square"}}),
        ),
        ("list", json!({"type": "list", "items": items, "actions": [link]})),
        (
            "form",
            json!({"type": "form", "blockChatInput": true, "text": "Tell us", "fields": [
                {"type": "text", "name": "count", "label": "How many?", "placeholder": "2", "minSize": 1, "maxSize": 3,
                 "format": "integer"},
                {"type": "email", "name": "mail", "label": "Your mail?"},
                {"type": "select", "name": "size", "label": "Your size?",
                 "options": [{"name": "s", "label": "Small"}, {"name": "m", "label": "Middle"}]},
            ]}),
        ),
    ]
}

async fn what_v2_says_v1_shows(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    let path = begun(&rig, &user).await;
    let mut golden = Golden::of("v2/across");
    for (kind, content) in kinds() {
        let references =
            json!([{"uri": "https://example.com/help", "title": "Help", "description": "All of it"}]);
        let said =
            say(&rig, &path, json!({"content": content, "metadata": {"a": 1}, "references": references}))
                .await;
        assert_eq!(newest(&rig, &path).await, said, "kept as it was answered");
        let v1 = rig.messages(&user).await.pop().expect("a message");
        assert_eq!(v1["_id"], said["id"]);
        golden.compare(&format!("made_by_v2/{kind}.json"), &json!({"v1.1": v1, "v2": said}));
    }
    let v2 = rig.gateway.api().get(&path).await.expect(200)["conversation"].clone();
    let v1 = rig.gateway.api().get(&of_app(&format!("/appusers/{user}/messages"))).await.expect(200);
    let both = json!({"v1.1": v1["conversation"], "v2": v2});
    golden.compare("made_by_v2/conversation.json", &both);
}

async fn what_v1_says_v2_shows(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    let path = of_app(&format!("/appusers/{user}/messages"));
    let mut golden = Golden::of("v2/across");
    golden.holes.bind("user", user.as_str());
    let mut conversation = String::new();
    let answers = json!({"type": "formResponse", "role": "appUser", "fields": [
        {"type": "text", "name": "who", "label": "Your name?", "text": "Ann"},
        {"type": "select", "name": "size", "label": "Your size?", "select": [{"name": "s", "label": "Small"}]},
    ]});
    let shared = json!({"type": "carousel", "items": [{"title": "Red", "mediaUrl": "https://example.com/red.png",
                        "actions": [{"type": "share"}]}]});
    let picture =
        json!({"type": "text", "text": "Hi", "name": "Ada", "avatarUrl": "https://example.com/ada.png"});
    let more = [("share", shared), ("face", picture), ("answers", answers)];
    let plain = kinds().into_iter().filter(|(kind, _)| !["html", "markdown"].contains(kind));
    for (kind, mut message) in plain.chain(more) {
        if message.get("role").is_none() {
            message["role"] = json!("appMaker");
        }
        let answer = rig.gateway.api().post(&path, &message).await.expect(201);
        if conversation.is_empty() {
            conversation = of(&format!("/{}", answer["conversation"]["_id"].as_str().expect("an id")));
        }
        let v2 = newest(&rig, &conversation).await;
        assert_eq!(v2["id"], answer["message"]["_id"]);
        golden.compare(&format!("made_by_v1/{kind}.json"), &json!({"v1.1": answer["message"], "v2": v2}));
    }
}

async fn a_text_with_markup_goes_out_plain(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    rig.receiver.trigger("link:success").await;
    let path = begun(&rig, &user).await;
    say(
        &rig,
        &path,
        json!({"content": {"type": "text", "htmlText": "<b>One</b> &amp; <script>no</script>two"}}),
    )
    .await;
    assert_eq!(rig.sim().first_to(NUMBER).await["text"], "One & two");
}

async fn what_is_wrong_is_named(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    let path = begun(&rig, &user).await;
    let business = json!({"type": "business"});
    let text = json!({"type": "text", "text": "Hello"});
    for (body, title) in [
        (json!({"content": text}), "should have required property 'author'"),
        (json!({"author": business}), "should have required property 'content'"),
        (
            json!({"author": business, "content": {"text": "a"}}),
            ".content should have required property 'type'",
        ),
        (
            json!({"author": business, "content": {"type": "text"}}),
            ".content should have required property 'text'",
        ),
        (
            json!({"author": business, "content": {"type": "carousel", "items": []}}),
            ".content.items: should not have fewer than 1 items",
        ),
        (
            json!({"author": {"type": "user"}, "content": text}),
            ".author should have required property 'userId'",
        ),
        (
            json!({"author": business, "content": {"type": "text", "htmlText": "a", "markdownText": "b"}}),
            ".content.markdownText: must not stand beside htmlText",
        ),
    ] {
        let refused = rig.gateway.api().post(&format!("{path}/messages"), &body).await;
        assert_eq!(refused.refused_v2(400, "bad_request"), title);
    }
    let nowhere = of("/5963c0d619a30a2e00de36b8/messages");
    let body = json!({"author": business, "content": text});
    rig.gateway.api().post(&nowhere, &body).await.refused_v2(404, "conversation_not_found");
    let page = rig.gateway.api().get(&format!("{path}/messages")).await.expect(200);
    assert_eq!(page["messages"], json!([]));
}

async fn a_person_speaks_for_themselves(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    let path = begun(&rig, &user).await;
    let post = async |author: Value| {
        let body = json!({"author": author, "content": {"type": "text", "text": "Hi", "payload": "p"}});
        rig.gateway.api().post(&format!("{path}/messages"), &body).await
    };
    let said =
        post(json!({"type": "user", "userExternalId": "steveb@example.com", "displayName": "Steve"})).await;
    let message = said.expect(201)["messages"][0].clone();
    let expected = json!({
        "id": message["id"], "received": message["received"],
        "author": {"type": "user", "userId": user, "displayName": "Steve"},
        "content": {"type": "text", "text": "Hi", "payload": "p"}, "source": {"type": "api:conversations"},
    });
    assert_eq!(message, expected);
    let told = rig.receiver.trigger("message:appUser").await;
    assert_eq!(told["messages"][0]["_id"], message["id"]);
    let nobody = post(json!({"type": "user", "userExternalId": "nobody"})).await;
    nobody.refused_v2(404, "user_not_found");
    rig.user("other").await;
    post(json!({"type": "user", "userExternalId": "other"})).await.refused_v2(400, "bad_request");
}

async fn a_channels_own_words_reach_it(engine: Engine) {
    let rig = Rig::with(engine, |config| called("whatsapp").join(config)).await;
    let line = called("whatsapp");
    let written = json!({"integrationId": line.integration, "from": line.person, "text": "Hello"});
    rig.sim().control("/control/write", &written).await;
    let told = rig.receiver.trigger("message:appUser").await;
    let path = of(&format!("/{}", told["conversation"]["_id"].as_str().expect("an id")));
    let template = json!({"name": "shipping_update", "language": {"policy": "deterministic", "code": "en"}});
    let said = say(
        &rig,
        &path,
        json!({"schema": "whatsapp", "content": {"type": "template", "template": template}}),
    )
    .await;
    assert_eq!(said["content"], json!({"type": "template", "template": template}));
    let sent = rig.sim().first_to(line.person).await;
    assert_eq!(sent["request"]["template"]["name"], "shipping_update", "{sent}");
    let v1 = rig.messages(told["appUser"]["_id"].as_str().expect("an id")).await.pop().expect("a message");
    assert_eq!((&v1["type"], &v1["text"]), (&json!("text"), &json!("shipping_update")));
    let exact = json!({"type": "text", "text": {"body": "Hello, WhatsApp"}});
    let asked = json!({"content": {"type": "text", "text": "Hello, whoever"}, "override": {"whatsapp": {"payload": exact}}});
    let said = say(&rig, &path, asked).await;
    assert_eq!(said["content"]["text"], "Hello, whoever");
    let is_it = |sent: &Value| sent["text"] == "Hello, WhatsApp";
    crate::harness::eventually("the exact words", async || {
        rig.sim().sent_to(line.person).await.into_iter().find(is_it)
    })
    .await;
}

async fn a_message_goes_where_it_is_told(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    rig.receiver.trigger("link:success").await;
    let path = begun(&rig, &user).await;
    let toward = |text: &str, destination: Value| json!({"author": {"type": "business"}, "content": {"type": "text", "text": text}, "destination": destination});
    let post = async |body: Value| rig.gateway.api().post(&format!("{path}/messages"), &body).await;
    post(toward("silent", json!({"integrationType": "none"}))).await.expect(201);
    post(toward("by type", json!({"integrationType": "twilio"}))).await.expect(201);
    post(toward("by id", json!({"integrationId": TWILIO}))).await.expect(201);
    for (destination, title) in [
        (json!({"integrationType": "whatsapp"}), "Destination: the user has no client there"),
        (json!({}), ".destination: must hold integrationId or integrationType"),
    ] {
        let title_of = post(toward("lost", destination)).await.refused_v2(400, "bad_request");
        assert_eq!(title_of, title);
    }
    rig.settled(NUMBER).await;
    let sent = rig.sim().sent_to(NUMBER).await;
    let texts: Vec<&Value> = sent.iter().map(|sent| &sent["text"]).collect();
    assert_eq!(texts[..2], ["by type", "by id"], "{texts:?}");
    let said: Vec<Value> = rig.messages(&user).await.iter().map(|message| message["text"].clone()).collect();
    assert_eq!(said[..3], ["silent", "by type", "by id"]);
    // The client sits in the default conversation, so the second one has nobody to send to.
    let second = begun(&rig, &user).await;
    let second = format!("{second}/messages");
    let body = toward("lost", json!({"integrationId": TWILIO}));
    rig.gateway.api().post(&second, &body).await.refused_v2(400, "bad_request");
}

async fn the_same_post_is_said_once(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    let path = format!("{}/messages", begun(&rig, &user).await);
    let body =
        json!({"author": {"type": "business"}, "content": {"type": "text", "text": "Once"}}).to_string();
    let key = [("idempotency-key", "one")];
    let first = rig.gateway.api().request("POST", &path, &key, Some(body.clone())).await.expect(201);
    assert_eq!(rig.gateway.api().request("POST", &path, &key, Some(body)).await.expect(201), first);
    let page = rig.gateway.api().get(&path).await.expect(200);
    assert_eq!(page["messages"], first["messages"]);
    let shorthand = json!({"author": {"type": "business"},
                           "content": {"type": "text", "text": "See ![](https://example.com/a.png) and ![](https://example.com/b.png)"}});
    let several = rig.gateway.api().post(&path, &shorthand).await.expect(201);
    assert_eq!(several["messages"].as_array().map(Vec::len), Some(2), "{several}");
}

async fn messages_are_deleted(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    let path = begun(&rig, &user).await;
    let mut said = Vec::new();
    for text in ["one", "two", "three"] {
        said.push(say(&rig, &path, json!({"content": {"type": "text", "text": text}})).await);
    }
    let api = rig.gateway.api();
    let two = format!("{path}/messages/{}", said[1]["id"].as_str().expect("an id"));
    assert_eq!(api.delete(&two).await.expect(200), json!({}));
    assert_eq!(api.delete(&two).await.refused_v2(404, "not_found"), "Resource not found");
    let left = api.get(&format!("{path}/messages")).await.expect(200)["messages"].clone();
    assert_eq!(left, json!([said[0], said[2]]));
    let nowhere = of("/5963c0d619a30a2e00de36b8/messages");
    api.delete(&nowhere).await.refused_v2(404, "conversation_not_found");
    api.delete(&format!("{nowhere}/{}", said[0]["id"].as_str().expect("an id")))
        .await
        .refused_v2(404, "conversation_not_found");
    assert_eq!(api.delete(&format!("{path}/messages")).await.expect(200), json!({}));
    assert_eq!(api.get(&format!("{path}/messages")).await.expect(200)["messages"], json!([]));
    api.get(&path).await.expect(200);
}

async fn what_people_read_is_told(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    let path = begun(&rig, &user).await;
    say(&rig, &path, json!({"content": {"type": "text", "text": "Hello"}})).await;
    let act = async |author: Value, kind: &str| {
        rig.gateway.api().post(&format!("{path}/activity"), &json!({"author": author, "type": kind})).await
    };
    let person = json!({"type": "user", "userId": user});
    assert_eq!(act(person.clone(), "conversation:read").await.expect(200), json!({}));
    let told = rig.receiver.trigger("conversation:read").await;
    assert_eq!(told["appUser"]["_id"], user.as_str());
    let participants = rig.gateway.api().get(&format!("{path}/participants")).await.expect(200);
    assert_eq!(participants["participants"][0]["unreadCount"], 0);
    let before = rig.gateway.api().get(&path).await.expect(200)["conversation"].clone();
    for kind in ["typing:start", "typing:stop", "conversation:read"] {
        assert_eq!(act(json!({"type": "business"}), kind).await.expect(200), json!({}));
    }
    let after = rig.gateway.api().get(&path).await.expect(200)["conversation"].clone();
    assert!(after["businessLastRead"].as_str() >= before["businessLastRead"].as_str(), "{after}");
    act(person, "typing:start").await.refused_v2(400, "bad_request");
    act(json!({"type": "business"}), "typing").await.refused_v2(400, "bad_request");
}
