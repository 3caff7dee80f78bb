//! Erasing a person, an app, a profile: nothing of them is left anywhere, and nobody else loses anything.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::config::{APP, TWILIO, WEBHOOK};
use crate::harness::line::called;
use crate::harness::scene::Scene;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, Rig, eventually, on_both_engines};

on_both_engines! {
    an_erased_person_leaves_no_trace,
    an_erasure_goes_on_after_a_crash,
    what_was_under_way_brings_nobody_back,
    who_wants_no_messages_gets_none_after_they_are_erased,
    an_erased_app_leaves_no_trace,
    a_forgotten_profile_is_forgotten_wherever_it_was_copied,
}

const NUMBER: &str = "+15145550171";
const MERGED: &str = "+15145550172";
const PENDING: &str = "+15145550173";
const NEIGHBOUR: &str = "+15145550174";
const TEXT: &str = "the lighthouse keeper's secret";
const SHARED: &str = "what both of them said";

/// Posts under an idempotency key.
async fn once(rig: &Rig, path: &str, body: &Value) -> Value {
    let key = [("idempotency-key", "once")];
    let answer = rig.gateway.api().request("POST", &of_app(path), &key, Some(body.to_string())).await;
    assert!((200..300).contains(&answer.status), "{}", answer.text);
    answer.json
}

/// Makes a person of whom much is known, under an idempotency key, and answers their `_id`.
async fn ada(rig: &Rig) -> String {
    let body = json!({
        "userId": "customer-4711", "givenName": "Adalberta", "surname": "Lovelacious",
        "email": "adalberta@example.org", "properties": {"shoe": "quite-large"},
    });
    once(rig, "/appusers", &body).await["appUser"]["_id"].as_str().expect("an id").to_owned()
}

/// What the store knew of her.
const KNOWN: [&str; 4] = ["Adalberta", "Lovelacious", "adalberta@example.org", "quite-large"];

/// A person writes a text, with a file; waits until customers were told. Answers who it is.
async fn says(rig: &Rig, written: Value) -> String {
    let told = rig.sim().control("/control/write", &written).await;
    assert_eq!(told["status"], 200, "{told}");
    let text = written["text"].clone();
    let event = rig.receiver.event("their words", |event| event["messages"][0]["text"] == text).await;
    event["appUser"]["_id"].as_str().expect("an id").to_owned()
}

fn written(from: &str, text: &str) -> Value {
    json!({"integrationId": TWILIO, "from": from, "text": text})
}

async fn delete(rig: &Rig, user: &str) {
    let path = of_app(&format!("/appusers/{user}"));
    assert_eq!(rig.gateway.api().delete(&path).await.expect(200), json!({}));
    rig.gateway.api().get(&path).await.refused(404, "user_not_found");
    rig.gateway.api().delete(&path).await.refused(404, "user_not_found");
}

async fn pause(rig: &Rig) {
    let path = format!("/heliograph/v1/integrations/{TWILIO}/pause");
    rig.gateway.admin().post(&path, &json!({})).await.expect(200);
}

/// The person's number as it stands in ids of messages: in base64, wherever in it it begins.
fn encoded(number: &str) -> Vec<String> {
    let encode = |before: &str| {
        let whole = STANDARD.encode(format!("{before}{}", &number[1..]));
        // The first and last characters hold something of what is before and behind.
        whole[4..whole.len() - 4].to_owned()
    };
    ["", "x", "xx"].map(encode).into()
}

/// Everything there can be of a person, and one more who has much in common with them. Answers both.
async fn lives(scene: &Scene) -> (String, String) {
    let rig = &scene.rig;
    let whatsapp = called("whatsapp");
    let user = ada(rig).await;
    rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    assert_eq!(says(rig, written(NUMBER, TEXT)).await, user);
    assert_eq!(says(rig, written(NUMBER, SHARED)).await, user);
    let neighbour = says(rig, written(NEIGHBOUR, "a neighbour")).await;
    rig.sim().write(NEIGHBOUR, SHARED).await;
    rig.notify_and_deliver(NUMBER, TEXT).await;
    // A second person, on another channel, who is the same.
    let id = format!("wamid.HBgL{}FQIAERgS", STANDARD.encode(&whatsapp.person[1..]));
    let other = json!({
        "integrationId": whatsapp.integration, "from": whatsapp.person, "text": format!("{TEXT}, once more"),
        "providerId": id,
    });
    let other = says(rig, other).await;
    let merge = json!({"surviving": {"_id": user}, "discarded": {"_id": other}});
    rig.gateway.api().post(&of_app("/appusers/merge"), &merge).await.expect(200);
    let third = says(rig, written(MERGED, &format!("{TEXT}, a third time"))).await;
    let merge = json!({"surviving": {"_id": user}, "discarded": {"_id": third}});
    rig.gateway.api().post(&of_app("/appusers/merge"), &merge).await.expect(200);
    let codes = format!("/appusers/{user}/linkrequest?integrationIds={TWILIO}");
    rig.gateway.api().get(&of_app(&codes)).await.expect(200);
    rig.link(&user, PENDING, json!({"type": "prompt"})).await;
    rig.sim().first_to(PENDING).await;
    (user, neighbour)
}

/// A person's file, and what it is.
async fn file(scene: &Scene) -> (String, Vec<u8>) {
    let rig = &scene.rig;
    let url = format!("{}/files/voice.ogg", rig.sim_address());
    let media =
        json!({"integrationId": TWILIO, "from": NUMBER, "media": [{"url": url, "type": "audio/ogg"}]});
    rig.sim().control("/control/write", &media).await;
    let event = rig.receiver.event("a file", |event| event["messages"][0]["mediaUrl"].is_string()).await;
    let kept = event["messages"][0]["mediaUrl"].as_str().expect("an address").to_owned();
    let path = kept[kept.find("/media/").expect("an address of ours")..].to_owned();
    let answer = eventually("the file", async || {
        let answer = rig.gateway.anonymous().get(&path).await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    (path, answer.text.into_bytes())
}

/// One announcement about the person becomes a dead letter, another waits for its next attempt.
async fn untold(scene: &Scene) {
    let rig = &scene.rig;
    rig.receiver.quiet().await;
    for (status, text) in [(404, "buried"), (500, "waits")] {
        rig.receiver.answer_next(&[status]);
        rig.sim().write(NUMBER, &format!("{TEXT} {text}")).await;
        eventually("the refused post", async || {
            rig.receiver.arrivals().into_iter().find(|arrival| arrival.status == status)
        })
        .await;
    }
    eventually("the dead letter", async || {
        let (_, letters) = scene.ask(&["deadletters", "--json"]);
        letters["deadLetters"].as_array().filter(|letters| letters.len() == 1).map(|_| ())
    })
    .await;
}

async fn an_erased_person_leaves_no_trace(engine: Engine) {
    let whatsapp = called("whatsapp");
    let scene = Scene::start(engine, |config| whatsapp.join(config).list("webhooks.schedule", &["1h"])).await;
    let rig = &scene.rig;
    let (user, neighbour) = lives(&scene).await;
    let (media, bytes) = file(&scene).await;
    assert!(scene.holds(&bytes), "the file is kept");
    untold(&scene).await;
    pause(rig).await;
    let queued = rig.notify(NUMBER, &format!("{TEXT} queued")).await;
    let message = json!({"role": "appMaker", "type": "text", "text": format!("{TEXT} in the queue"),
        "destination": {"integrationId": TWILIO}});
    once(rig, &format!("/appusers/{user}/messages"), &message).await;
    let mut traces = KNOWN.to_vec();
    traces.extend([TEXT, NUMBER, MERGED, PENDING, whatsapp.person, "customer-4711"]);
    for trace in &traces {
        assert!(scene.holds(trace), "{trace} is known");
    }
    assert!(scene.holds(&encoded(whatsapp.person)[0]), "a provider's id holds the number");
    rig.receiver.quiet().await;
    let before = rig.receiver.events().len();

    delete(rig, &user).await;
    let gone = rig.receiver.trigger("appUser:delete").await;
    let mut golden = Golden::of("v1/erased");
    golden.holes.bind("user", user.as_str());
    golden.compare("webhook.json", &gone);
    scene.compact().await;
    for trace in &traces {
        scene.lacks(trace, trace).await;
        scene.lacks("it without a plus", trace.trim_start_matches('+')).await;
    }
    for number in [NUMBER, MERGED, PENDING, whatsapp.person] {
        for form in encoded(number) {
            scene.lacks("a number in base64", form).await;
        }
    }
    scene.lacks("the file", &bytes).await;
    rig.gateway.anonymous().get(&media).await.refused(404, "not_found");
    scene.adds_up();
    let path = format!("/heliograph/v1/notifications/{queued}?app={}", APP);
    assert_eq!(rig.gateway.admin().get(&path).await.status, 404);
    let (_, letters) = scene.ask(&["deadletters", "--json"]);
    assert_eq!(letters["deadLetters"], json!([]));

    // What was queued is not sent, and nothing else is told.
    let resume = format!("/heliograph/v1/integrations/{TWILIO}/resume");
    rig.gateway.admin().post(&resume, &json!({})).await.expect(200);
    rig.notify_and_deliver(NEIGHBOUR, "hello").await;
    assert!(rig.sim().sent_to(NUMBER).await.iter().all(|sent| sent["text"] == TEXT), "what was sent before");
    let after = rig.receiver.events().split_off(before);
    let about_them = |event: &&Value| event["appUser"]["_id"] == user.as_str();
    assert_eq!(after.iter().filter(about_them).count(), 1, "{after:#?}");
    let kept = rig.messages(&neighbour).await;
    assert_eq!((kept[1]["text"].as_str(), kept.len()), (Some(SHARED), 3), "the other has all of theirs");
    assert!(scene.holds(SHARED) && scene.holds(NEIGHBOUR));

    // Whoever writes from there now is somebody new.
    let stranger = says(rig, written(NUMBER, "here again")).await;
    assert_ne!(stranger, user);
    assert_eq!(rig.messages(&stranger).await.len(), 1);
    rig.user("customer-4711").await;
}

async fn an_erasure_goes_on_after_a_crash(engine: Engine) {
    let mut scene = Scene::start(engine, |config| config).await;
    let user = ada(&scene.rig).await;
    scene.rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    let path = of_app(&format!("/appusers/{user}/messages"));
    for n in 0..150 {
        let body = json!({"role": "appUser", "type": "text", "text": format!("{TEXT} {n}")});
        scene.rig.gateway.api().post(&path, &body).await.expect(201);
    }
    scene.rig.notify_and_deliver(NUMBER, TEXT).await;
    delete(&scene.rig, &user).await;
    for _ in 0..3 {
        scene.rig.gateway.kill();
        scene.rig.gateway.start().await;
    }
    scene.compact().await;
    for trace in [TEXT, NUMBER].into_iter().chain(KNOWN) {
        scene.lacks(trace, trace).await;
    }
    scene.adds_up();
    scene.rig.receiver.trigger("appUser:delete").await;
}

/// How many calls providers accepted.
async fn accepted(rig: &Rig) -> u64 {
    let page = rig.gateway.open_admin().get("/metrics").await.text;
    let lines = page.lines().filter(|line| line.starts_with("heliograph_attempts_total{"));
    let lines = lines.filter(|line| line.contains(r#"outcome="accepted""#));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

async fn what_was_under_way_brings_nobody_back(engine: Engine) {
    let scene = Scene::start(engine, |config| config).await;
    let rig = &scene.rig;
    let user = ada(rig).await;
    rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    rig.receiver.trigger("link:success").await;
    rig.sim().rule(json!({"behaviour": "silent", "destination": NUMBER})).await;
    rig.notify(NUMBER, TEXT).await;
    rig.receiver.trigger("notification:delivery:channel").await;
    let silent = rig.sim().first_to(NUMBER).await;
    // The next is with the provider while the person is erased, and is answered afterwards.
    rig.sim().rule(json!({"behaviour": "hang", "ms": 1500, "destination": NUMBER})).await;
    rig.notify(NUMBER, &format!("{TEXT}, and on")).await;
    eventually("the call", async || (rig.sim().calls().await.len() == 2).then_some(())).await;
    delete(rig, &user).await;
    eventually("the answer", async || (accepted(rig).await == 2).then_some(())).await;
    let id = silent["providerId"].as_str().expect("an id");
    assert_eq!(rig.sim().receipt(id, "delivered", "valid").await, 200);
    rig.receiver.trigger("appUser:delete").await;
    scene.compact().await;
    for trace in [TEXT, NUMBER].into_iter().chain(KNOWN) {
        scene.lacks(trace, trace).await;
    }
    scene.adds_up();
    rig.receiver.quiet().await;
    let last = rig.receiver.triggers().pop();
    assert_eq!(last.as_deref(), Some("appUser:delete"), "nothing is told afterwards");
    let stranger = says(rig, written(NUMBER, "again")).await;
    assert_eq!(rig.messages(&stranger).await.len(), 1, "nothing of before is theirs");
}

async fn who_wants_no_messages_gets_none_after_they_are_erased(engine: Engine) {
    let scene = Scene::start(engine, |config| config).await;
    let rig = &scene.rig;
    let user = says(rig, written(NUMBER, TEXT)).await;
    rig.sim().write(NUMBER, "STOP").await;
    delete(rig, &user).await;
    scene.compact().await;
    scene.lacks("the number", NUMBER).await;
    let id = rig.notify(NUMBER, "hello?").await;
    let failed = rig.receiver.about("notification:delivery:failure", &id).await;
    assert_eq!(failed["error"]["code"], "forbidden", "{failed}");
    rig.sim().write(NUMBER, "START").await;
    rig.notify_and_deliver(NUMBER, "hello!").await;
}

async fn an_erased_app_leaves_no_trace(engine: Engine) {
    let scene = Scene::start(engine, |config| config).await;
    let rig = &scene.rig;
    let account = rig.gateway.account();
    let made = account.post("/v1.1/apps", &json!({"name": "Shop"})).await.expect(201);
    let app = format!("/v1.1/apps/{}", made["app"]["_id"].as_str().expect("an id"));
    let key = account.post(&format!("{app}/keys"), &json!({"name": "its own"})).await.expect(200);
    let text = |name: &str| key["key"][name].as_str().expect("a text").to_owned();
    let own = Api::basic(rig.gateway.api_address(), &text("_id"), &text("secret"));
    let webhook = json!({"target": rig.receiver.url, "triggers": ["*"]});
    own.post(&format!("{app}/webhooks"), &webhook).await.expect(201);
    rig.receiver.always_answer(500);
    for n in 0..30 {
        let body = json!({"userId": format!("shopper-{n}"), "givenName": "Adalberta"});
        own.post(&format!("{app}/appusers"), &body).await.expect(201);
        let body = json!({"role": "appUser", "type": "text", "text": format!("{TEXT} {n}")});
        own.post(&format!("{app}/appusers/shopper-{n}/messages"), &body).await.expect(201);
    }
    let neighbour = says_anyway(rig).await;
    assert!(scene.holds("shopper-29") && scene.holds(TEXT));
    account.delete(&app).await.expect(200);
    account.get(&app).await.refused(404, "app_not_found");
    scene.compact().await;
    for trace in ["shopper-", "Adalberta", TEXT] {
        scene.lacks(trace, trace).await;
    }
    assert_eq!(rig.messages(&neighbour).await.len(), 1);
    scene.adds_up();
}

/// A person of the other app writes, whose webhook is told later.
async fn says_anyway(rig: &Rig) -> String {
    rig.user("neighbour").await;
    let body = json!({"role": "appUser", "type": "text", "text": SHARED});
    rig.gateway.api().post(&of_app("/appusers/neighbour/messages"), &body).await.expect(201);
    "neighbour".to_owned()
}

async fn a_forgotten_profile_is_forgotten_wherever_it_was_copied(engine: Engine) {
    let scene = Scene::start(engine, |config| {
        config.list("webhooks.schedule", &["1h"]).set("apps.0.webhooks.0.includeFullAppUser", true)
    })
    .await;
    let rig = &scene.rig;
    let user = ada(rig).await;
    for (status, number) in [(404, NUMBER), (500, MERGED)] {
        rig.receiver.answer_next(&[status, status, status]);
        rig.link(&user, number, json!({"type": "immediate"})).await;
        eventually("three refused posts", async || {
            let refused = rig.receiver.arrivals().into_iter().filter(|arrival| arrival.status == status);
            (refused.count() == 3).then_some(())
        })
        .await;
    }
    eventually("dead letters", async || {
        let (_, letters) = scene.ask(&["deadletters", "--json"]);
        letters["deadLetters"].as_array().filter(|letters| letters.len() == 3).map(|_| ())
    })
    .await;
    for trace in KNOWN {
        assert!(scene.holds(trace), "{trace} is known");
    }
    rig.gateway.api().delete(&of_app(&format!("/appusers/{user}/profile"))).await.expect(200);
    scene.compact().await;
    for trace in KNOWN {
        scene.lacks(trace, trace).await;
    }
    let (is_well, _) = scene.ask(&["deadletters", "replay", "--webhook", WEBHOOK, "--json"]);
    assert!(is_well);
    let told = rig.receiver.trigger("client:add").await;
    assert_eq!((&told["appUser"]["_id"], told["appUser"].get("givenName")), (&json!(user), None), "{told}");
}
