//! Every channel alike: a notification and its way, the reply, failures, files in and out, links.
//!
//! One set of stories runs for each [`Line`]; what differs between channels is data.

use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::line::{LINES, Line};
use crate::harness::simulator::{FENCE, of_app};
use crate::harness::{Engine, Rig, eventually};

/// One module per channel, in it one per engine, in it every story.
macro_rules! on_every_channel {
    ($($channel:ident),+ => $stories:tt) => { $(mod $channel { on_every_channel!(@engines $channel $stories); })+ };
    (@engines $channel:ident $stories:tt) => {
        mod embedded { on_every_channel!(@stories $channel Embedded $stories); }
        mod redis { on_every_channel!(@stories $channel Redis $stories); }
    };
    (@stories $channel:ident $engine:ident { $($story:ident),+ $(,)? }) => {
        $(#[tokio::test]
        async fn $story() {
            let line = crate::harness::line::called(stringify!($channel));
            crate::channels::$story(line, crate::harness::Engine::$engine).await;
        })+
    };
}

on_every_channel! { mailgun, messagebird, messenger, twilio, whatsapp => {
    a_notification_is_reported_and_answered,
    a_reply_to_the_reply_reaches_the_person,
    a_refusal_names_the_providers_code,
    a_failure_after_acceptance_is_told,
    a_throttled_message_is_delivered_later,
    a_file_from_the_business_reaches_the_person,
    a_file_from_the_person_is_kept_under_our_address,
    a_hook_told_twice_counts_once,
    a_forged_hook_changes_nothing,
    links_are_confirmed_as_the_channel_allows,
} }

/// A gateway with nothing but this channel's integration beside the sample's.
async fn rig(line: &Line, engine: Engine) -> Rig {
    Rig::with(engine, |config| line.join(config)).await
}

async fn notify(rig: &Rig, line: &Line, message: Value) -> String {
    let body = json!({
        "destination": {"integrationId": line.integration, "destinationId": line.person},
        "author": {"role": "appMaker", "name": "Ms. \"Demo\" <x>"},
        "message": message,
    });
    let answer = rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
    answer["notification"]["_id"].as_str().expect("an id").to_owned()
}

async fn notify_text(rig: &Rig, line: &Line, text: &str) -> String {
    notify(rig, line, json!({"type": "text", "text": text})).await
}

/// Waits for the notification's last event, which must say that it arrived, and answers it.
async fn arrived(rig: &Rig, line: &Line, id: &str) -> Value {
    let channel = rig.receiver.about("notification:delivery:channel", id).await;
    assert_eq!(channel["isFinalEvent"], !line.reports, "{channel}");
    if line.reports { rig.receiver.about("notification:delivery:user", id).await } else { channel }
}

/// The person writes; the gateway must take the hook. Answers the provider's id.
async fn write(rig: &Rig, line: &Line, mut fields: Value) -> String {
    fields["integrationId"] = json!(line.integration);
    fields["from"] = json!(line.person);
    let told = rig.sim().control("/control/write", &fields).await;
    assert_eq!(told["status"].as_u64().map(|status| status / 100), Some(2), "{told}");
    told["providerId"].as_str().expect("a provider id").to_owned()
}

async fn said(rig: &Rig, text: &str) -> Value {
    rig.receiver.event(text, |event| event["messages"][0]["text"].as_str() == Some(text)).await
}

async fn a_notification_is_reported_and_answered(line: &Line, engine: Engine) {
    let rig = rig(line, engine).await;
    let id = notify_text(&rig, line, "Your parcel leaves today.").await;
    let last = arrived(&rig, line, &id).await;
    assert_eq!(last["isFinalEvent"], true, "{last}");
    assert_eq!(
        (&last["destination"]["type"], &last["destination"]["destinationId"]),
        (&json!(line.kind), &json!(line.person))
    );
    let sent = rig.sim().first_to(line.person).await;
    assert_eq!(last["externalMessages"][0]["id"], sent["providerId"], "{last}");
    assert!(sent["text"].as_str().is_some_and(|text| text.contains("Your parcel leaves today.")), "{sent}");
    assert_eq!(sent["reference"].as_str(), Some(id.as_str()), "{sent}");

    write(&rig, line, json!({"text": "Thank you!"})).await;
    let reply = said(&rig, "Thank you!").await;
    assert_eq!(reply["trigger"], "message:appUser");
    assert_eq!(reply["messages"][0]["source"]["type"], line.kind);
    assert_eq!(reply["appUser"]["_id"], last["matchResult"]["appUser"]["_id"]);
    assert_eq!(reply["recentNotifications"][0]["text"], "Your parcel leaves today.", "{reply}");
}

async fn a_reply_to_the_reply_reaches_the_person(line: &Line, engine: Engine) {
    let rig = rig(line, engine).await;
    write(&rig, line, json!({"text": "Is anybody there?"})).await;
    let user = said(&rig, "Is anybody there?").await["appUser"]["_id"].as_str().expect("an id").to_owned();
    let body = json!({"role": "appMaker", "type": "text", "text": "We are."});
    let posted =
        rig.gateway.api().post(&of_app(&format!("/appusers/{user}/messages")), &body).await.expect(201);
    let sent = rig.sim().first_to(line.person).await;
    assert!(sent["text"].as_str().is_some_and(|text| text.contains("We are.")), "{sent}");
    let trigger = if line.reports { "message:delivery:user" } else { "message:delivery:channel" };
    let event = rig.receiver.trigger(trigger).await;
    assert_eq!(event["message"]["_id"], posted["message"]["_id"], "{event}");
}

async fn a_refusal_names_the_providers_code(line: &Line, engine: Engine) {
    let rig = rig(line, engine).await;
    rig.sim().rule(json!({"integrationId": line.integration, "behaviour": "refuse"})).await;
    let id = notify_text(&rig, line, "to nobody").await;
    let event = rig.receiver.about("notification:delivery:failure", &id).await;
    assert_eq!(event["isFinalEvent"], true);
    assert!(event["error"]["code"].is_string() && event["error"]["message"].is_string(), "{event}");
    let underlying = &event["error"]["underlyingError"];
    assert_eq!(underlying.pointer(line.refusal.0), Some(&line.refusal()), "{event}");
    assert_eq!(rig.receiver.triggers_about(&id), ["notification:delivery:failure"]);
}

/// A channel whose provider reports nothing later has no such failures.
async fn a_failure_after_acceptance_is_told(line: &Line, engine: Engine) {
    let rig = rig(line, engine).await;
    rig.sim().rule(json!({"integrationId": line.integration, "behaviour": "fail", "times": 1})).await;
    let id = notify_text(&rig, line, "lost on the way").await;
    if line.reports {
        let event = rig.receiver.about("notification:delivery:failure", &id).await;
        assert!(event["error"]["underlyingError"].is_object(), "{event}");
        assert_eq!(
            rig.receiver.triggers_about(&id),
            ["notification:delivery:channel", "notification:delivery:failure"]
        );
        return;
    }
    rig.receiver.about("notification:delivery:channel", &id).await;
    let after = notify_text(&rig, line, FENCE).await;
    rig.receiver.about("notification:delivery:channel", &after).await;
    assert_eq!(rig.receiver.triggers_about(&id), ["notification:delivery:channel"]);
}

async fn a_throttled_message_is_delivered_later(line: &Line, engine: Engine) {
    let rig = rig(line, engine).await;
    let rule = json!({
        "integrationId": line.integration, "behaviour": "throttle", "retryAfter": 1, "times": 1,
    });
    rig.sim().rule(rule).await;
    let id = notify_text(&rig, line, "in time").await;
    arrived(&rig, line, &id).await;
    assert!(!rig.receiver.triggers_about(&id).contains(&"notification:delivery:failure".to_owned()));
    assert_eq!(rig.sim().sent_to(line.person).await.len(), 1);
}

async fn a_file_from_the_business_reaches_the_person(line: &Line, engine: Engine) {
    let rig = rig(line, engine).await;
    let url = format!("{}/files/photo.png", rig.gateway.sim_address().expect("a simulator"));
    let id = notify(&rig, line, json!({"type": "image", "mediaUrl": url, "mediaType": "image/png"})).await;
    arrived(&rig, line, &id).await;
    let sent = rig.sim().sent_to(line.person).await;
    let carried = sent.iter().any(|one| {
        let is_enclosed = one["media"].as_array().is_some_and(|media| !media.is_empty());
        if line.carries_files {
            is_enclosed
        } else {
            one["text"].as_str().is_some_and(|text| text.contains(&url))
        }
    });
    assert!(carried, "{sent:?}");
}

async fn a_file_from_the_person_is_kept_under_our_address(line: &Line, engine: Engine) {
    let rig = rig(line, engine).await;
    if !line.brings_files {
        return;
    }
    let sim = rig.gateway.sim_address().expect("a simulator").to_owned();
    let url = format!("{sim}/files/photo.png");
    write(&rig, line, json!({"media": [{"url": url, "type": "image/png"}]})).await;
    let event = rig.receiver.event("a picture", |event| event["messages"][0]["type"] == "image").await;
    let kept = event["messages"][0]["mediaUrl"].as_str().expect("an address").to_owned();
    let path = kept.strip_prefix(rig.gateway.api_address()).expect("an address of the gateway");
    let original = Api::anonymous(&sim).get("/files/photo.png").await;
    let copy = eventually("the file", async || {
        let answer = rig.gateway.anonymous().get(path).await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert_eq!(copy.text, original.text);
    assert_eq!(copy.headers["content-type"], "image/png");
    assert_eq!(rig.gateway.anonymous().get(&path.replace("/media/", "/media/x")).await.status, 404);
}

async fn a_hook_told_twice_counts_once(line: &Line, engine: Engine) {
    let rig = rig(line, engine).await;
    let id = write(&rig, line, json!({"text": "once"})).await;
    write(&rig, line, json!({"text": "once", "providerId": id})).await;
    write(&rig, line, json!({"text": "after"})).await;
    let user = said(&rig, "after").await["appUser"]["_id"].as_str().expect("an id").to_owned();
    let texts: Vec<Value> = rig.messages(&user).await.iter().map(|message| message["text"].clone()).collect();
    assert_eq!(texts, [json!("once"), json!("after")]);
}

async fn a_forged_hook_changes_nothing(line: &Line, engine: Engine) {
    let rig = rig(line, engine).await;
    for signature in ["forged", "missing"] {
        let told = rig
            .sim()
            .control("/control/write", &json!({
                "integrationId": line.integration, "from": line.person, "text": "a lie", "signature": signature,
            }))
            .await;
        assert_eq!(told["status"], 401, "{told}");
    }
    write(&rig, line, json!({"text": "the truth"})).await;
    let user = said(&rig, "the truth").await["appUser"]["_id"].as_str().expect("an id").to_owned();
    assert_eq!(rig.messages(&user).await.len(), 1);
}

async fn links_are_confirmed_as_the_channel_allows(line: &Line, engine: Engine) {
    let rig = rig(line, engine).await;
    let hello = json!({"role": "appMaker", "type": "text", "text": "Hello from us"});
    for (kind, wants, answer) in [
        ("immediate", true, None),
        ("userActivity", true, Some("Who is this?")),
        ("prompt", false, Some("Yes")),
    ] {
        let user = rig.user(&format!("{kind}@example.com")).await;
        let mut confirmation = json!({"type": kind});
        if wants {
            confirmation["message"] = hello.clone();
        }
        let mut body = json!({
            "type": line.kind, "integrationId": line.integration, "confirmation": confirmation,
        });
        body[line.address_key] = json!(line.person);
        let path = of_app(&format!("/appusers/{user}/channels"));
        let answered = rig.gateway.api().post(&path, &body).await;
        if !line.confirmations.contains(&kind) {
            answered.refused(400, "bad_request");
            continue;
        }
        answered.expect(200);
        let linked = async |trigger: &str| {
            rig.receiver
                .event(trigger, |event| {
                    event["trigger"] == trigger && event["appUser"]["_id"] == user.as_str()
                })
                .await
        };
        linked("link:match").await;
        if let Some(answer) = answer {
            write(&rig, line, json!({"text": answer})).await;
        }
        let event = linked("link:success").await;
        assert_eq!(
            (&event["channel"], &event["criteria"][line.address_key]),
            (&json!(line.kind), &json!(line.person))
        );
        assert_eq!(rig.get_user(&user).await["clients"][0]["externalId"], line.person);
    }
}

#[test]
fn every_builtin_channel_has_its_line() {
    let kinds: Vec<&str> = heliograph_connectors::Registry::builtin().kinds().collect();
    assert_eq!(LINES.map(|line| line.kind).to_vec(), kinds);
}
