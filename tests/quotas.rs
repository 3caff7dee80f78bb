//! What may leave and when: limits of an integration, a day, a person and an app, set live; priorities; times.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::config::{
    APP, LIMITS, OTHER_APP, OTHER_KEY, OTHER_SECRET, OTHER_TWILIO, TWILIO, other_twilio,
};
use crate::harness::line::called;
use crate::harness::rig::notification;
use crate::harness::simulator::of_app;
use crate::harness::wait::within;
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    a_paused_integration_holds_what_is_queued,
    limits_are_changed_live_and_kept,
    wrong_limits_and_strangers_are_refused,
    a_days_limit_holds_over_a_restart,
    the_urgent_go_first_and_nobody_starves,
    what_leaves_later_holds_back_nothing,
    what_expires_is_not_sent,
    one_persons_limit_is_nobody_elses,
    an_app_shares_its_limit,
    an_app_that_hangs_leaves_room_for_another,
    a_throttled_integration_slows_down_and_recovers,
    a_provider_that_was_down_gets_everything,
}

fn number(place: usize) -> String {
    format!("+1514555{:04}", 1000 + place)
}

fn path(rest: &str) -> String {
    format!("/heliograph/v1/integrations/{TWILIO}/{rest}")
}

async fn standing(rig: &Rig) -> Value {
    rig.gateway.admin().get(&path("limits")).await.expect(200)
}

async fn set(rig: &Rig, limits: Value) -> Value {
    rig.gateway.admin().put(&path("limits"), &limits).await.expect(200)
}

async fn notify(rig: &Rig, number: &str, fields: Value) -> String {
    let mut body = notification(number, "Hi");
    for (key, value) in fields.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    let answer = rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
    answer["notification"]["_id"].as_str().expect("an id").to_owned()
}

async fn trace(rig: &Rig, id: &str) -> Value {
    let path = format!("/heliograph/v1/notifications/{id}?app={APP}");
    rig.gateway.admin().get(&path).await.expect(200)["notification"].clone()
}

async fn sent(rig: &Rig, count: usize) -> Vec<Value> {
    eventually(&format!("{count} sent"), async || {
        let sent = rig.sim().sent().await;
        (sent.len() >= count).then_some(sent)
    })
    .await
}

async fn a_paused_integration_holds_what_is_queued(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let paused = rig.gateway.admin().post(&path("pause"), &json!({})).await.expect(200);
    assert_eq!(paused, json!({"integration": {"id": TWILIO, "paused": true}}));
    let ids = [rig.notify(&number(1), "one").await, rig.notify(&number(2), "two").await];
    assert_eq!(standing(&rig).await["now"]["queued"], 2);
    // A pause outlives the process.
    rig.gateway.terminate().await;
    rig.gateway.start().await;
    for id in &ids {
        assert_eq!(trace(&rig, id).await["state"], "queued");
    }
    let resumed = rig.gateway.admin().post(&path("resume"), &json!({})).await.expect(200);
    assert_eq!(resumed["integration"]["paused"], false);
    for id in &ids {
        rig.receiver.about("notification:delivery:user", id).await;
    }
    eventually("nothing queued", async || (standing(&rig).await["now"]["queued"] == 0).then_some(())).await;
}

async fn limits_are_changed_live_and_kept(engine: Engine) {
    let slow = format!("{LIMITS}.perSecond");
    let mut rig =
        Rig::with(engine, |config| config.set(&slow, 0.01).set(&format!("{LIMITS}.burst"), 1)).await;
    rig.notify_and_deliver(&number(1), "the burst").await;
    let id = rig.notify(&number(2), "would wait for minutes").await;
    let shown = standing(&rig).await;
    assert_eq!(shown["limits"], json!({"perSecond": 0.01, "perDay": null, "burst": 1}));
    assert_eq!(shown["now"], json!({"rate": 0.01, "parkedUntil": null, "queued": 1}));
    let shown = set(&rig, json!({"perSecond": 500, "burst": 7})).await;
    assert_eq!(shown["limits"], json!({"perSecond": 500.0, "perDay": null, "burst": 7}));
    rig.receiver.about("notification:delivery:user", &id).await;
    rig.gateway.terminate().await;
    rig.gateway.start().await;
    assert_eq!(standing(&rig).await["limits"]["perSecond"], 500.0, "it overrides the file");
    let shown = set(&rig, json!({})).await;
    assert_eq!(shown["limits"]["perSecond"], 0.01, "what is not set is the file's again");
}

async fn wrong_limits_and_strangers_are_refused(engine: Engine) {
    let rig = Rig::start(engine).await;
    let admin = rig.gateway.admin();
    for wrong in [
        json!({"perSecond": 0}),
        json!({"perSecond": "fast"}),
        json!({"perDay": 0}),
        json!({"perDay": -1}),
        json!({"burst": 0}),
        json!({"perHour": 1}),
    ] {
        admin.put(&path("limits"), &wrong).await.refused(400, "bad_request");
    }
    let other = rig.gateway.admin_as(OTHER_KEY, OTHER_SECRET);
    other.get(&path("limits")).await.refused(404, "integration_not_found");
    other.post(&path("pause"), &json!({})).await.refused(404, "integration_not_found");
    admin
        .post("/heliograph/v1/integrations/5e1f438bf99fb467810cffff/pause", &json!({}))
        .await
        .refused(404, "integration_not_found");
    rig.gateway.open_admin().post(&path("pause"), &json!({})).await.refused(401, "unauthorized");
    for (fields, named) in [
        (json!({"priority": "urgent"}), "priority"),
        (json!({"notBefore": "soon"}), "notBefore"),
        (json!({"expiresAt": "2020-01-01T00:00:00Z"}), "expiresAt"),
    ] {
        let mut body = notification(&number(1), "Hi");
        body[named] = fields[named].clone();
        let answer = rig.gateway.api().post(&of_app("/notifications"), &body).await;
        let told = answer.refused(400, "bad_request");
        assert!(told.starts_with(named), "{told}");
    }
}

async fn a_days_limit_holds_over_a_restart(engine: Engine) {
    let mut rig = Rig::with(engine, |config| config.set(&format!("{LIMITS}.perDay"), 3)).await;
    for place in 0..5 {
        rig.notify(&number(place), "today or tomorrow").await;
    }
    let until = eventually("the day to be used up", async || {
        standing(&rig).await["now"]["parkedUntil"].as_str().map(str::to_owned)
    })
    .await;
    let until: jiff::Timestamp = until.parse().expect("a time");
    let wait = until.duration_since(jiff::Timestamp::now());
    assert!((23.9..24.3).contains(&(wait.as_secs_f64() / 3600.0)), "{wait}");
    assert_eq!(sent(&rig, 3).await.len(), 3);
    eventually("two queued", async || (standing(&rig).await["now"]["queued"] == 2).then_some(())).await;
    rig.gateway.terminate().await;
    rig.gateway.start().await;
    // The simulator inside has forgotten; what it is sent now is new.
    eventually("the day to be known again", async || {
        standing(&rig).await["now"]["parkedUntil"].as_str().map(str::to_owned)
    })
    .await;
    assert_eq!(rig.sim().sent().await.len(), 0);
    set(&rig, json!({"perDay": 4})).await;
    assert_eq!(sent(&rig, 1).await.len(), 1);
    set(&rig, json!({"perDay": 100})).await;
    sent(&rig, 2).await;
}

async fn the_urgent_go_first_and_nobody_starves(engine: Engine) {
    let pace = |config: crate::harness::Config| {
        config.set(&format!("{LIMITS}.perSecond"), 40).set(&format!("{LIMITS}.burst"), 1)
    };
    let rig = Rig::with(engine, pace).await;
    rig.gateway.admin().post(&path("pause"), &json!({})).await.expect(200);
    for (block, priority) in ["bulk", "normal", "high"].iter().enumerate() {
        for place in 0..20 {
            notify(&rig, &number(block * 100 + place), json!({"priority": priority})).await;
        }
    }
    rig.gateway.admin().post(&path("resume"), &json!({})).await.expect(200);
    let sent = sent(&rig, 60).await;
    let block = |one: &Value| one["to"].as_str().expect("a number")[9..10].to_owned();
    let count = |of: &[Value], wanted: &str| of.iter().filter(|one| block(one) == wanted).count();
    // Shares of 70, 25 and 5 in a hundred; calls open at the same time may arrive in another order.
    let first = &sent[..20];
    assert!((12..=16).contains(&count(first, "2")), "{} urgent of the first 20", count(first, "2"));
    assert!((3..=7).contains(&count(first, "1")), "{} normal of the first 20", count(first, "1"));
    assert!((1..=3).contains(&count(&sent[..30], "0")), "{} bulk of the first 30", count(&sent[..30], "0"));
}

async fn what_leaves_later_holds_back_nothing(engine: Engine) {
    let rig = Rig::start(engine).await;
    let not_before = jiff::Timestamp::now() + Duration::from_millis(1500);
    let later = notify(&rig, &number(1), json!({"notBefore": format!("{not_before:.3}")})).await;
    let (_, _) = rig.notify_and_deliver(&number(1), "at once").await;
    rig.receiver.about("notification:delivery:user", &later).await;
    let sent = rig.sim().sent_to(&number(1)).await;
    assert_eq!(sent[0]["text"], "at once");
    let at: jiff::Timestamp = sent[1]["at"].as_str().expect("a time").parse().expect("a time");
    assert!(at >= not_before, "{at} is before {not_before}");
}

async fn what_expires_is_not_sent(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.sim().rule(json!({"destination": number(1), "behaviour": "throttle", "retryAfter": 0.2})).await;
    let end = jiff::Timestamp::now() + Duration::from_secs(1);
    let id = notify(&rig, &number(1), json!({"expiresAt": format!("{end:.3}")})).await;
    let failure = rig.receiver.about("notification:delivery:failure", &id).await;
    assert_eq!(failure["isFinalEvent"], true);
    rig.settled(&number(2)).await;
    assert_eq!(rig.receiver.triggers_about(&id), ["notification:delivery:failure"]);
    assert!(rig.sim().sent_to(&number(1)).await.is_empty());
}

async fn one_persons_limit_is_nobody_elses(engine: Engine) {
    let line = called("whatsapp");
    let rig = Rig::with(engine, |config| line.join(config)).await;
    let notify = async |to: &str| {
        let mut body = notification(to, "again");
        body["destination"]["integrationId"] = json!(line.integration);
        let answer = rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
        answer["notification"]["_id"].as_str().expect("an id").to_owned()
    };
    // WhatsApp takes 45 at once for one person, then one in six seconds.
    let mut ids = Vec::new();
    for _ in 0..60 {
        ids.push(notify(line.person).await);
    }
    // They leave one after the other, which takes a slow machine a while.
    let limited = within(Duration::from_secs(60), "one to be limited", async || {
        for id in &ids[45..] {
            let trace = trace(&rig, id).await;
            let mut steps = trace["timeline"].as_array().expect("a timeline").iter();
            if let Some(step) = steps.find(|step| step["what"] == "limited") {
                return Some(step["detail"].as_str().expect("a reason").to_owned());
            }
        }
        None
    })
    .await;
    assert!(limited.contains("one person"), "{limited}");
    let other = notify("+15145550199").await;
    rig.receiver.about("notification:delivery:user", &other).await;
    let last = trace(&rig, &ids[59]).await;
    assert_eq!(last["state"], "queued", "the others did not wait for it");
    assert!(rig.sim().sent_to(line.person).await.len() >= 45);
}

async fn an_app_shares_its_limit(engine: Engine) {
    let lines = [called("twilio"), called("messagebird")];
    let rig = Rig::with(engine, |config| {
        let config = config.set("apps.0.limits.perSecond", 20).set("apps.0.limits.burst", 4);
        lines.iter().fold(config, |config, line| line.join(config))
    })
    .await;
    for place in 0..12 {
        for integration in [TWILIO, lines[0].integration, lines[1].integration] {
            let mut body = notification(&number(place), "shared");
            body["destination"]["integrationId"] = json!(integration);
            rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
        }
    }
    let sent = sent(&rig, 36).await;
    let at =
        |one: &Value| -> jiff::Timestamp { one["at"].as_str().expect("a time").parse().expect("a time") };
    let took = at(&sent[35]).duration_since(at(&sent[0])).as_secs_f64();
    // Four at once and 32 more at twenty a second; how much longer it took is the machine's affair.
    assert!(took >= 1.4, "{took} s");
}

async fn an_app_that_hangs_leaves_room_for_another(engine: Engine) {
    let rig =
        Rig::with(engine, |config| config.set("store.shards", 1).push("apps.1.integrations", other_twilio()))
            .await;
    rig.sim().rule(json!({"integrationId": TWILIO, "behaviour": "hang", "ms": 15_000})).await;
    for place in 0..260 {
        rig.notify(&number(place), "stuck").await;
    }
    let mut body = notification(&number(1), "free");
    body["destination"]["integrationId"] = json!(OTHER_TWILIO);
    let api = Api::basic(rig.gateway.api_address(), OTHER_KEY, OTHER_SECRET);
    api.post(&format!("/v1.1/apps/{OTHER_APP}/notifications"), &body).await.expect(201);
    let free = eventually("the other app's message", async || {
        rig.sim().sent().await.into_iter().find(|one| one["text"] == "free")
    })
    .await;
    assert_eq!(free["to"], number(1));
}

async fn a_throttled_integration_slows_down_and_recovers(engine: Engine) {
    let rig = Rig::with(engine, |config| {
        config.set(&format!("{LIMITS}.perSecond"), 100).set(&format!("{LIMITS}.burst"), 5)
    })
    .await;
    rig.sim().rule(json!({"behaviour": "throttle", "retryAfter": 0.5, "times": 2})).await;
    let mut ids = Vec::new();
    for place in 0..40 {
        ids.push(rig.notify(&number(place), "easy").await);
    }
    let slowed = eventually("the rate to be halved", async || {
        let rate = standing(&rig).await["now"]["rate"].as_f64().expect("a rate");
        (rate < 100.0).then_some(rate)
    })
    .await;
    assert!(slowed >= 25.0, "{slowed}: one excess halves the rate once");
    for id in &ids {
        rig.receiver.about("notification:delivery:user", id).await;
    }
    let failed = rig.receiver.triggers().iter().filter(|trigger| trigger.ends_with("failure")).count();
    assert_eq!(failed, 0);
    // It climbs back while sends are accepted.
    eventually("the rate to climb", async || {
        rig.notify(&number(1), "more").await;
        let rate = standing(&rig).await["now"]["rate"].as_f64().expect("a rate");
        (rate > slowed).then_some(())
    })
    .await;
}

async fn a_provider_that_was_down_gets_everything(engine: Engine) {
    let mut rig = Rig::apart(engine, |config| config).await;
    rig.gateway.start().await;
    let mut ids = Vec::new();
    for place in 0..30 {
        ids.push(rig.notify(&number(place), "patience").await);
    }
    eventually("the first tries to fail", async || {
        let timeline = trace(&rig, &ids[0]).await["timeline"].clone();
        timeline.as_array()?.iter().find(|step| step["what"] == "retrying").map(|_| ())
    })
    .await;
    rig.start_sim().await;
    for id in &ids {
        rig.receiver.about("notification:delivery:user", id).await;
        assert_eq!(rig.receiver.triggers_about(id).len(), 2);
    }
    assert_eq!(rig.sim().sent().await.len(), 30);
}
