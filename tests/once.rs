//! `Idempotency-Key`: a POST made again, at once or after a crash, is done once and answered the same.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::harness::api::{Answer, Api};
use crate::harness::config::{ACCOUNT_KEY, ACCOUNT_SECRET, APP, KEY, SECRET, TWILIO, WEBHOOK};
use crate::harness::rig::notification;
use crate::harness::signing::token;
use crate::harness::simulator::of_app;
use crate::harness::wait::within;
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    a_post_made_again_is_answered_the_same_and_done_once,
    every_post_of_the_api_takes_a_key,
    every_post_of_the_operator_takes_a_key,
    a_key_means_one_body_one_path_and_one_caller,
    a_refused_post_may_be_made_again_under_its_key,
    the_same_post_three_times_at_once_has_one_effect,
    a_killed_gateway_neither_blocks_a_key_nor_does_twice,
    a_key_is_printable_ascii,
}

const NUMBER: &str = "+15145550181";

/// For many messages to one number on a busy machine.
const LONG: std::time::Duration = std::time::Duration::from_secs(120);

async fn post(api: &Api, path: &str, key: &str, body: &Value) -> Answer {
    api.request("POST", path, &[("idempotency-key", key)], Some(body.to_string())).await
}

async fn a_post_made_again_is_answered_the_same_and_done_once(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let path = of_app("/notifications");
    let body = notification(NUMBER, "once");
    let first = post(&rig.gateway.api(), &path, "order 1", &body).await;
    let second = post(&rig.gateway.api(), &path, "order 1", &body).await;
    assert_eq!((first.status, &first.text), (201, &second.text));
    assert_eq!((second.status, &second.headers["content-type"]), (201, &first.headers["content-type"]));
    rig.receiver
        .about("notification:delivery:user", first.json["notification"]["_id"].as_str().expect("an id"))
        .await;
    rig.gateway.kill();
    rig.gateway.start().await;
    let third = post(&rig.gateway.api(), &path, "order 1", &body).await;
    assert_eq!((third.status, third.text), (201, first.text));
    rig.settled(NUMBER).await;
    assert_eq!(rig.receiver.final_events().len(), 2, "one notification and the fence");
}

async fn every_post_of_the_api_takes_a_key(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let twice = async |path: &str, body: Value| {
        let first = post(&api, &of_app(path), "k", &body).await;
        let again = post(&api, &of_app(path), "k", &body).await;
        assert_eq!((first.status / 100, again.status), (2, first.status), "{}", first.text);
        assert_eq!(first.text, again.text, "{path}");
    };
    twice("/appusers", json!({"userId": "ann@example.com"})).await;
    let link = json!({"type": "twilio", "phoneNumber": NUMBER, "confirmation": {"type": "immediate"}});
    twice("/appusers/ann@example.com/channels", link).await;
    let said = json!({"role": "appMaker", "type": "text", "text": "said once"});
    twice("/appusers/ann@example.com/messages", said).await;
    twice("/webhooks", json!({"target": "https://example.com/once"})).await;
    assert_eq!(rig.messages("ann@example.com").await.len(), 1);
    let webhooks = api.get(&of_app("/webhooks")).await.expect(200);
    assert_eq!(webhooks["webhooks"].as_array().map(Vec::len), Some(2), "the declared one and one more");
    rig.settled(NUMBER).await;
    let texts: Vec<Value> =
        rig.sim().sent_to(NUMBER).await.into_iter().map(|one| one["text"].clone()).collect();
    assert_eq!(texts, [json!("said once")]);
}

async fn every_post_of_the_operator_takes_a_key(engine: Engine) {
    let rig = Rig::with(engine, |config| {
        let config = config.set("send.reconcileWindow", "100ms").list("webhooks.schedule", &[]);
        config.set("apps.0.integrations.0.onUnknown", "hold")
    })
    .await;
    let (admin, account) = (rig.gateway.admin(), rig.gateway.admin_as(ACCOUNT_KEY, ACCOUNT_SECRET));
    let twice = async |api: &Api, path: &str, body: Value| {
        let first = post(api, &format!("/heliograph/v1/{path}"), "k", &body).await;
        let again = post(api, &format!("/heliograph/v1/{path}"), "k", &body).await;
        assert_eq!((first.status, again.status), (200, 200), "{path}: {} {}", first.text, again.text);
        assert_eq!(first.text, again.text, "{path}");
        first.json
    };
    let integration = format!("integrations/{TWILIO}");
    // A pause that is asked for again, late, does not undo what was decided since.
    twice(&account, &format!("{integration}/pause"), json!({})).await;
    let resumed = twice(&account, &format!("{integration}/resume"), json!({})).await;
    assert_eq!(resumed["integration"]["paused"], false);
    let late = post(&account, &format!("/heliograph/v1/{integration}/pause"), "k", &json!({})).await;
    assert_eq!(late.expect(200)["integration"]["paused"], true, "the first answer");
    let other = json!({"other": "body"});
    let path = format!("/heliograph/v1/{integration}/pause");
    post(&account, &path, "k", &other).await.refused(422, "unprocessable_entity");

    rig.sim().rule(json!({"destination": NUMBER, "behaviour": "error", "times": 1})).await;
    let id = rig.notify(NUMBER, "held").await;
    eventually("it is held", async || rig.timeline(&id).await.to_string().contains("held").then_some(()))
        .await;
    let path = format!("unknown/{id}?app={APP}");
    let decided = twice(&account, &path, json!({"decision": "resend"})).await;
    assert_eq!(decided["notification"]["id"], json!(id));
    rig.receiver.about("notification:delivery:user", &id).await;
    rig.settled(NUMBER).await;
    assert_eq!(rig.sim().sent_to(NUMBER).await.len(), 1);

    rig.receiver.always_answer(500);
    rig.notify(NUMBER, "told to nobody").await;
    let letters = async || {
        let page = admin.get(&format!("/heliograph/v1/deadletters?app={APP}")).await.expect(200);
        page["deadLetters"].as_array().expect("letters").clone()
    };
    eventually("two letters", async || (letters().await.len() == 2).then_some(())).await;
    let before = letters().await;
    let all = json!({"webhook": WEBHOOK});
    let replay = format!("/heliograph/v1/deadletters/replay?app={APP}");
    assert_eq!(post(&admin, &replay, "k", &all).await.expect(200), json!({"replayed": 2}));
    let given_up = async || Some(letters().await).filter(|now| now.len() == 2 && *now != before);
    let again = eventually("both are given up again", given_up).await;
    assert_eq!(post(&admin, &replay, "k", &all).await.expect(200), json!({"replayed": 2}));
    rig.receiver.quiet().await;
    assert_eq!(letters().await, again, "they were not sent a third time");
}

async fn a_key_means_one_body_one_path_and_one_caller(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let path = of_app("/notifications");
    let id = |answer: Answer| answer.expect(201)["notification"]["_id"].as_str().expect("an id").to_owned();
    let first = id(post(&api, &path, "k", &notification(NUMBER, "one")).await);
    let other = post(&api, &path, "k", &notification(NUMBER, "two")).await;
    other.refused(422, "unprocessable_entity");
    post(&api, &of_app("/appusers"), "k", &json!({"userId": "bob@example.com"})).await.expect(201);
    let second = id(post(&rig.gateway.account(), &path, "k", &notification(NUMBER, "one")).await);
    assert_ne!(first, second, "another credential's key is another key");
    let bearer = Api::bearer(rig.gateway.api_address(), &token(KEY, SECRET, &json!({"scope": "app"})));
    assert_eq!(id(post(&bearer, &path, "k", &notification(NUMBER, "one")).await), first, "the same app's");
}

async fn a_refused_post_may_be_made_again_under_its_key(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (api, path) = (rig.gateway.api(), of_app("/notifications"));
    post(&api, &path, "k", &json!({"message": {}})).await.refused(400, "bad_request");
    post(&api, &path, "k", &notification(NUMBER, "now right")).await.expect(201);
    let stranger = Api::basic(rig.gateway.api_address(), KEY, "fake-wrong-secret");
    post(&stranger, &path, "k", &notification(NUMBER, "now right")).await.refused(401, "unauthorized");
}

async fn the_same_post_three_times_at_once_has_one_effect(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (api, path) = (rig.gateway.api(), of_app("/notifications"));
    for round in 0..20 {
        let (body, key) = (notification(NUMBER, &format!("raced {round}")), format!("race {round}"));
        let one = || post(&api, &path, &key, &body);
        let answers: [Answer; 3] = tokio::join!(one(), one(), one()).into();
        let done: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert!(!done.is_empty(), "{answers:?}");
        assert!(done.iter().all(|answer| answer.text == done[0].text), "{answers:?}");
        let refused = answers.iter().filter(|answer| answer.status != 201);
        refused.for_each(|answer| assert_eq!(answer.status, 409, "{answer:?}"));
    }
    rig.settled(NUMBER).await;
    assert_eq!(rig.sim().sent_to(NUMBER).await.len(), 20);
}

async fn a_killed_gateway_neither_blocks_a_key_nor_does_twice(engine: Engine) {
    // A send that a kill cut off holds up its number until it is settled.
    let mut rig = Rig::apart(engine, |config| config.set("send.reconcileWindow", "300ms")).await;
    rig.start_sim().await;
    rig.gateway.start().await;
    let path = of_app("/notifications");
    let count = AtomicUsize::new(0);
    let ask = async |api: &Api, number: usize| {
        let body = notification(NUMBER, &format!("killed {number}")).to_string();
        let key = format!("key {number}");
        let answer = api.attempt("POST", &path, &[("idempotency-key", key.as_str())], Some(body)).await.ok();
        count.fetch_add(answer.is_some().into(), Ordering::Relaxed);
        answer
    };
    let mut answered = Vec::new();
    for round in 0..3 {
        let api = rig.gateway.api();
        let asked = (0..40).map(|one| ask(&api, round * 40 + one));
        let all = futures(asked);
        let goal = count.load(Ordering::Relaxed) + 5;
        // In the middle of them: some are answered, some cut off.
        let some = async {
            while count.load(Ordering::Relaxed) < goal {
                tokio::task::yield_now().await;
            }
        };
        tokio::pin!(all);
        tokio::select! {
            done = &mut all => answered.extend(done),
            () = some => {
                rig.gateway.kill();
                answered.extend(all.await);
                rig.gateway.start().await;
            }
        }
    }
    let api = rig.gateway.api();
    for (number, before) in answered.iter().enumerate() {
        let again = ask(&api, number).await.expect("an answer");
        assert_eq!(again.status, 201, "{}", again.text);
        if let Some(before) = before {
            assert_eq!(before.text, again.text);
        }
    }
    let cut_off = answered.iter().filter(|answer| answer.is_none()).count();
    println!("{engine:?}: of {} requests {cut_off} were cut off by 3 kills", answered.len());
    within(LONG, "all of them to be sent", async || {
        let sent = rig.sim().sent_to(NUMBER).await;
        (0..answered.len())
            .all(|number| sent.iter().any(|one| one["text"] == format!("killed {number}")))
            .then_some(())
    })
    .await;
    rig.receiver.quiet().await;
    assert_eq!(rig.receiver.final_events().len(), answered.len(), "one notification each");
}

async fn a_key_is_printable_ascii(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (api, path) = (rig.gateway.api(), of_app("/notifications"));
    let body = notification(NUMBER, "keyed");
    for odd in ["", "caf\u{e9}", &"x".repeat(256)] {
        post(&api, &path, odd, &body).await.refused(400, "bad_request");
    }
    post(&api, &path, &"x".repeat(255), &body).await.expect(201);
}

/// All of them at once, answered in their order.
async fn futures<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut pending: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|context| {
        for (one, done) in pending.iter_mut().filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(value) = one.as_mut().poll(context) {
                *done = Some(value);
            }
        }
        if pending.iter().all(|(_, done)| done.is_some()) {
            return std::task::Poll::Ready(());
        }
        std::task::Poll::Pending
    })
    .await;
    pending.into_iter().filter_map(|(_, done)| done).collect()
}
