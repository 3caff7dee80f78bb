//! The ledger: what was accepted is accounted for at every moment, and what has no end gets one.

use serde_json::{Value, json};

use crate::harness::config::{APP, OTHER_APP, OTHER_KEY, OTHER_SECRET, TWILIO};
use crate::harness::line::{Line, called};
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    the_ledger_balances_in_the_middle_and_at_the_end,
    a_key_audits_its_own_app_and_no_other,
    silence_past_the_deadline_is_unconfirmed_until_a_receipt_comes,
    an_overdue_receipt_is_asked_for,
    a_resend_after_an_unknown_outcome_is_counted,
    what_may_be_double_is_told_from_what_was_sent_again,
    a_send_of_unknown_outcome_is_held_and_sent_again_on_request,
    a_send_of_unknown_outcome_is_held_and_given_up_on_request,
    a_receipt_settles_a_held_send_before_anybody_decides,
    a_lost_answer_is_found_at_the_provider,
    a_receipt_waits_for_the_message_it_is_about,
}

const NUMBER: &str = "+15145550176";

/// The row of the demo app's integration.
async fn account(rig: &Rig) -> Value {
    account_of(rig, TWILIO).await
}

/// The row of an integration, which must add up, as must the whole.
async fn account_of(rig: &Rig, integration: &str) -> Value {
    let audit = rig.gateway.admin().get(&format!("/heliograph/v1/audit?app={APP}")).await.expect(200);
    assert_eq!(audit["apps"][0]["id"], APP, "{audit}");
    let rows = audit["apps"][0]["integrations"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["id"] == integration).expect("the integration").clone();
    let number = |value: &Value| value.as_i64().expect("a number");
    let pending: i64 = row["pending"].as_object().expect("states").values().map(number).sum();
    let ended: i64 = ["delivered", "failed", "unconfirmed"].iter().map(|column| number(&row[column])).sum();
    assert_eq!(number(&row["accepted"]), ended + pending, "{audit}");
    assert_eq!(audit["balanced"], true, "{audit}");
    row
}

/// Waits until a column of the row stands at a value.
async fn counted(rig: &Rig, column: &str, value: i64) -> Value {
    eventually(&format!("{column} {value}"), async || {
        let row = account(rig).await;
        (row.pointer(column) == Some(&json!(value))).then_some(row)
    })
    .await
}

async fn trace(rig: &Rig, id: &str) -> Value {
    let path = format!("/heliograph/v1/notifications/{id}?app={APP}");
    rig.gateway.admin().get(&path).await.expect(200)["notification"].clone()
}

async fn in_state(rig: &Rig, id: &str, state: &str) -> Value {
    eventually(state, async || Some(trace(rig, id).await).filter(|trace| trace["state"] == state)).await
}

async fn the_ledger_balances_in_the_middle_and_at_the_end(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (refused, failing, silent) = ("+15145550177", "+15145550178", "+15145550179");
    rig.sim().rule(json!({"destination": refused, "behaviour": "refuse"})).await;
    rig.sim().rule(json!({"destination": failing, "behaviour": "fail"})).await;
    rig.sim().rule(json!({"destination": silent, "behaviour": "silent"})).await;
    for round in 0..8 {
        for number in [NUMBER, refused, failing, silent] {
            rig.notify(number, &format!("round {round}")).await;
            account(&rig).await;
        }
    }
    let user = rig.user("counted@example.com").await;
    rig.link(&user, "+15145550180", json!({"type": "prompt"})).await;
    counted(&rig, "/pending/sent", 8).await;
    counted(&rig, "/failed", 16).await;
    let row = counted(&rig, "/delivered", 9).await;
    assert_eq!(row["accepted"], 33, "the question of a link counts too: {row}");
    assert_eq!(row["pending"], json!({"queued": 0, "sending": 0, "sent": 8, "unknown": 0}));
    assert_eq!((&row["unconfirmed"], &row["resentAfterUnknown"]), (&json!(0), &json!(0)));
}

async fn a_key_audits_its_own_app_and_no_other(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.notify_and_deliver(NUMBER, "counted").await;
    let all = rig.gateway.admin().get("/heliograph/v1/audit").await.expect(200);
    let mut apps: Vec<&str> =
        all["apps"].as_array().expect("apps").iter().filter_map(|app| app["id"].as_str()).collect();
    apps.sort_unstable();
    assert_eq!(apps, [APP, OTHER_APP]);
    let other = rig.gateway.admin_as(OTHER_KEY, OTHER_SECRET);
    let own = other.get("/heliograph/v1/audit").await.expect(200);
    assert_eq!(own, json!({"balanced": true, "apps": [{"id": OTHER_APP, "integrations": []}]}));
    let path = format!("/heliograph/v1/audit?app={APP}");
    assert!(matches!(other.get(&path).await.status, 403 | 404));
    assert_eq!(rig.gateway.open_admin().get("/heliograph/v1/audit").await.status, 401);
}

async fn silence_past_the_deadline_is_unconfirmed_until_a_receipt_comes(engine: Engine) {
    let rig = Rig::with(engine, |config| config.set("send.receiptDeadline.twilio", "200ms")).await;
    rig.sim().rule(json!({"destination": NUMBER, "behaviour": "silent", "times": 1})).await;
    let id = rig.notify(NUMBER, "is anybody there").await;
    let trace = in_state(&rig, &id, "unconfirmed").await;
    assert_eq!(trace["final"], true);
    assert_eq!(rig.receiver.triggers_about(&id), ["notification:delivery:channel"]);
    assert_eq!(account(&rig).await["unconfirmed"], 1);
    let sent = rig.sim().first_to(NUMBER).await;
    let provider_id = sent["providerId"].as_str().expect("an id");
    for _ in 0..2 {
        assert_eq!(rig.sim().receipt(provider_id, "delivered", "valid").await, 200);
    }
    rig.receiver.about("notification:delivery:user", &id).await;
    let row = account(&rig).await;
    assert_eq!((&row["delivered"], &row["unconfirmed"]), (&json!(1), &json!(0)), "{row}");
    rig.settled(NUMBER).await;
    let told = ["notification:delivery:channel", "notification:delivery:user"];
    assert_eq!(rig.receiver.triggers_about(&id), told);
}

async fn an_overdue_receipt_is_asked_for(engine: Engine) {
    for line in ["messagebird", "twilio"].map(called) {
        let rig = Rig::with(engine, |config| line.join(config).set("send.receiptCheck", "100ms")).await;
        let rule = json!({"integrationId": line.integration, "behaviour": "missing", "times": 1});
        rig.sim().rule(rule).await;
        let id = notify_on(&rig, line).await;
        rig.receiver.about("notification:delivery:user", &id).await;
        let row = account_of(&rig, line.integration).await;
        assert_eq!((&row["accepted"], &row["delivered"]), (&json!(1), &json!(1)), "{row}");
    }
}

async fn notify_on(rig: &Rig, line: &Line) -> String {
    let body = json!({
        "destination": {"integrationId": line.integration, "destinationId": line.person},
        "author": {"role": "appMaker"},
        "message": {"type": "text", "text": "found again"},
    });
    let answer = rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
    answer["notification"]["_id"].as_str().expect("an id").to_owned()
}

async fn a_resend_after_an_unknown_outcome_is_counted(engine: Engine) {
    let rig = Rig::with(engine, |config| config.set("send.reconcileWindow", "100ms")).await;
    rig.sim().rule(json!({"destination": NUMBER, "behaviour": "error", "times": 2})).await;
    let (id, _) = rig.notify_and_deliver(NUMBER, "at last").await;
    let row = counted(&rig, "/delivered", 1).await;
    assert_eq!(row["resentAfterUnknown"], 2, "{row}");
    let trace = trace(&rig, &id).await;
    let told: Vec<&str> = trace["timeline"]
        .as_array()
        .expect("a timeline")
        .iter()
        .filter_map(|step| step["what"].as_str())
        .collect();
    assert_eq!(told.iter().filter(|what| **what == "unknown").count(), 2, "{trace}");
    assert_eq!(told.iter().filter(|what| **what == "sending").count(), 3, "{trace}");
}

/// A notification whose outcome stays unknown. Answers its id once it is listed.
async fn held(rig: &Rig) -> String {
    rig.sim().rule(json!({"destination": NUMBER, "behaviour": "error", "times": 1})).await;
    let id = rig.notify(NUMBER, "sent or not").await;
    eventually("it is held", async || {
        let trace = trace(rig, &id).await;
        trace["timeline"].as_array().expect("a timeline").iter().find(|step| step["what"] == "held").cloned()
    })
    .await;
    id
}

async fn holding(engine: Engine) -> Rig {
    Rig::with(engine, |config| {
        config.set("send.reconcileWindow", "100ms").set("apps.0.integrations.0.onUnknown", "hold")
    })
    .await
}

async fn listed(rig: &Rig) -> Vec<Value> {
    let path = format!("/heliograph/v1/unknown?app={APP}");
    rig.gateway.admin().get(&path).await.expect(200)["unknown"].as_array().expect("a list").clone()
}

async fn decide(rig: &Rig, id: &str, decision: &str) -> crate::harness::api::Answer {
    let path = format!("/heliograph/v1/unknown/{id}?app={APP}");
    rig.gateway.admin().post(&path, &json!({"decision": decision})).await
}

async fn what_may_be_double_is_told_from_what_was_sent_again(engine: Engine) {
    let rig = Rig::with(engine, |config| config.set("send.reconcileWindow", "100ms")).await;
    let columns = |row: &Value| {
        ["resentAfterUnknown", "possibleDuplicates", "knownDuplicates"].map(|column| row[column].clone())
    };
    // Sent again and then refused: whatever became of the first call, there is no second copy.
    let refused = "+15145550191";
    rig.sim().rule(json!({"destination": refused, "behaviour": "refuse"})).await;
    rig.sim().rule(json!({"destination": refused, "behaviour": "error", "times": 1})).await;
    rig.notify(refused, "refused at last").await;
    assert_eq!(columns(&counted(&rig, "/failed", 1).await), [1, 0, 0]);
    // Sent again and taken: the first call may have made a copy too.
    let behaviour = json!({
        "destination": NUMBER, "behaviour": "accept-then-error", "reports": false, "times": 1,
    });
    // What went to this number shortly before keeps it from being found when the provider is asked.
    rig.notify_and_deliver(NUMBER, "a neighbour").await;
    rig.sim().rule(behaviour).await;
    rig.notify_and_deliver(NUMBER, "twice").await;
    let sent = rig.sim().sent_to(NUMBER).await;
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert_eq!(columns(&counted(&rig, "/delivered", 2).await), [2, 1, 0]);
    // Now the provider says that it did.
    let first = sent[1]["providerId"].as_str().expect("an id");
    assert_eq!(rig.sim().receipt(first, "delivered", "valid").await, 200);
    assert_eq!(columns(&counted(&rig, "/knownDuplicates", 1).await), [2, 1, 1]);
    assert_eq!(rig.sim().receipt(first, "delivered", "valid").await, 200);
    assert_eq!(columns(&account(&rig).await), [2, 1, 1]);
}

async fn a_send_of_unknown_outcome_is_held_and_sent_again_on_request(engine: Engine) {
    let rig = holding(engine).await;
    let id = held(&rig).await;
    let unknown = listed(&rig).await;
    assert_eq!(unknown.len(), 1, "{unknown:?}");
    let (one, number) = (&unknown[0], json!(NUMBER));
    assert_eq!((&one["id"], &one["app"]), (&json!(id), &json!(APP)));
    assert_eq!((&one["integration"], &one["destination"]), (&json!(TWILIO), &number));
    assert!(one["since"].is_string() && one["attempts"] == 1, "{one}");
    assert_eq!(account(&rig).await["pending"]["unknown"], 1);
    assert_eq!(decide(&rig, &id, "forget").await.status, 400);
    assert_eq!(decide(&rig, "e361392f-7dd3-4bdb-8844-d0d002ac7f72", "fail").await.status, 404);
    let decided = decide(&rig, &id, "resend").await.expect(200);
    assert_eq!(decided["notification"]["id"], json!(id));
    rig.receiver.about("notification:delivery:user", &id).await;
    assert_eq!(listed(&rig).await, [Value::Null; 0]);
    let row = account(&rig).await;
    assert_eq!((&row["delivered"], &row["resentAfterUnknown"]), (&json!(1), &json!(1)), "{row}");
    assert_eq!(decide(&rig, &id, "resend").await.status, 409);
}

async fn a_send_of_unknown_outcome_is_held_and_given_up_on_request(engine: Engine) {
    let rig = holding(engine).await;
    let ids = [held(&rig).await, held(&rig).await];
    let page = format!("/heliograph/v1/unknown?app={APP}&limit=1");
    let first = rig.gateway.admin().get(&page).await.expect(200);
    assert_eq!(first["unknown"][0]["id"], json!(ids[0]));
    let after = first["next"].as_str().expect("there is more");
    let second = rig.gateway.admin().get(&format!("{page}&after={after}")).await.expect(200);
    assert_eq!(second["unknown"][0]["id"], json!(ids[1]));
    for id in &ids {
        let decided = decide(&rig, id, "fail").await.expect(200);
        assert_eq!(decided["notification"]["state"], "failed");
        rig.receiver.about("notification:delivery:failure", id).await;
        assert_eq!(decide(&rig, id, "fail").await.status, 409);
    }
    assert_eq!(account(&rig).await["failed"], 2);
    assert_eq!(rig.sim().sent_to(NUMBER).await.len(), 0);
}

async fn a_receipt_settles_a_held_send_before_anybody_decides(engine: Engine) {
    let rig = holding(engine).await;
    let rule = json!({"destination": NUMBER, "behaviour": "accept-then-error", "reports": false, "times": 2});
    rig.sim().rule(rule).await;
    let (first, second) = (rig.notify(NUMBER, "twins").await, rig.notify(NUMBER, "twins").await);
    in_state(&rig, &first, "sent").await;
    // The first was found at the provider. The second looks like it there, so nobody can tell.
    eventually("the second is held", async || {
        let timeline = trace(&rig, &second).await["timeline"].clone();
        timeline.as_array().expect("a timeline").iter().find(|step| step["what"] == "held").cloned()
    })
    .await;
    let sent = rig.sim().sent_to(NUMBER).await;
    assert_eq!(sent.len(), 2);
    let late = sent[1]["providerId"].as_str().expect("an id");
    assert_eq!(rig.sim().receipt(late, "delivered", "valid").await, 200);
    rig.receiver.about("notification:delivery:user", &second).await;
    assert_eq!(decide(&rig, &second, "resend").await.status, 409);
    assert_eq!(listed(&rig).await, [Value::Null; 0]);
    let row = account(&rig).await;
    assert_eq!((&row["delivered"], &row["pending"]["sent"]), (&json!(1), &json!(1)), "{row}");
    assert_eq!(row["resentAfterUnknown"], 0);
}

async fn a_lost_answer_is_found_at_the_provider(engine: Engine) {
    for line in ["mailgun", "messagebird", "twilio"].map(called) {
        let rig = Rig::with(engine, |config| line.join(config).set("send.reconcileWindow", "100ms")).await;
        let rule = json!({
            "integrationId": line.integration, "behaviour": "accept-then-reset", "reports": false, "times": 1,
        });
        rig.sim().rule(rule).await;
        let id = notify_on(&rig, line).await;
        let event = rig.receiver.about("notification:delivery:channel", &id).await;
        let sent = rig.sim().sent_to(line.person).await;
        assert_eq!(sent.len(), 1, "it was not sent twice");
        assert_eq!(event["externalMessages"], json!([{"id": sent[0]["providerId"]}]));
        let timeline = in_state(&rig, &id, "sent").await["timeline"].clone();
        let told =
            |what: &str| timeline.as_array().expect("a timeline").iter().any(|step| step["what"] == what);
        assert!(told("unknown") && told("reconciled") && told("accepted"), "{timeline}");
        assert_eq!(account_of(&rig, line.integration).await["resentAfterUnknown"], 0);
    }
}

/// Messenger names a message in its receipts by an id that only the answer, or the echo, makes known.
async fn a_receipt_waits_for_the_message_it_is_about(engine: Engine) {
    let line = called("messenger");
    let rig = Rig::with(engine, |config| {
        line.join(config).set("send.reconcileWindow", "60s").set("apps.0.integrations.1.userReceipts", true)
    })
    .await;
    let rule = json!({
        "integrationId": line.integration, "behaviour": "accept-then-reset", "reports": false, "times": 1,
    });
    rig.sim().rule(rule).await;
    let id = notify_on(&rig, line).await;
    in_state(&rig, &id, "unknown").await;
    let sent = rig.sim().first_to(line.person).await;
    let provider_id = sent["providerId"].as_str().expect("an id");
    for status in ["delivered", "delivered", "echo", "delivered"] {
        assert_eq!(rig.sim().receipt(provider_id, status, "valid").await, 200);
        if status == "delivered" {
            account_of(&rig, line.integration).await;
        }
    }
    rig.receiver.about("notification:delivery:user", &id).await;
    rig.receiver.quiet().await;
    let told = ["notification:delivery:channel", "notification:delivery:user"];
    assert_eq!(rig.receiver.triggers_about(&id), told);
    let row = account_of(&rig, line.integration).await;
    assert_eq!((&row["delivered"], &row["resentAfterUnknown"]), (&json!(1), &json!(0)), "{row}");
}
