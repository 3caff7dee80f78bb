//! Link requests, auth codes and pings: a person brings a code, and a channel shows that it is connected.

use serde_json::{Value, json};

use crate::harness::config::TWILIO;
use crate::harness::line::{LINES, Line, called};
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    link_requests_open_the_channels,
    whoever_writes_the_code_is_linked,
    a_code_is_good_for_one_person_on_one_integration,
    an_auth_code_is_a_fresh_one,
    a_ping_reaches_the_phone_and_enters_no_history,
}

const NUMBER: &str = "+15145550149";

async fn all_channels(engine: Engine) -> Rig {
    Rig::with(engine, |config| LINES.iter().fold(config, |config, line| line.join(config))).await
}

async fn requests(rig: &Rig, user: &str, integrations: &[&str]) -> Vec<Value> {
    let ids = integrations.join("%2C");
    let path = of_app(&format!("/appusers/{user}/linkrequest?integrationIds={ids}"));
    let answer = rig.gateway.api().get(&path).await.expect(200);
    answer["linkRequests"].as_array().expect("a list").clone()
}

fn code(request: &Value) -> &str {
    request["code"].as_str().expect("a code")
}

async fn write(rig: &Rig, line: &Line, text: &str) {
    let fields = json!({"integrationId": line.integration, "from": line.person, "text": text});
    let told = rig.sim().control("/control/write", &fields).await;
    assert_eq!(told["status"].as_u64().map(|status| status / 100), Some(2), "{told}");
}

async fn link_requests_open_the_channels(engine: Engine) {
    let rig = all_channels(engine).await;
    let user = rig.user("steveb@example.com").await;
    let ids = LINES.map(|line| line.integration);
    let requests = requests(&rig, &user, &ids).await;
    for (request, line) in requests.iter().zip(&LINES) {
        let code = code(request);
        let digits = code.strip_prefix("lr_").expect("a code of a link request");
        assert!(digits.len() == 24 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{code}");
        let url = match line.kind {
            "mailgun" => format!("mailto:support@mg.example.com?subject={code}&body={code}"),
            "messagebird" => format!("sms:+15145550102?body={code}"),
            "messenger" => format!("https://m.me/180005062406476?ref={code}"),
            "twilio" => format!("sms:+15145550104?body={code}"),
            _ => format!("https://wa.me/15145550105?text={code}"),
        };
        let expected =
            json!({"integrationId": line.integration, "type": line.kind, "code": code, "url": url});
        assert_eq!(*request, expected);
    }
    let path = of_app(&format!("/appusers/{user}/linkrequest"));
    rig.gateway.api().get(&path).await.refused(400, "bad_request");
    let unknown = format!("{path}?integrationIds=5e1f438bf99fb467810c0fff");
    rig.gateway.api().get(&unknown).await.refused(404, "integration_not_found");
    let nobody = of_app(&format!("/appusers/nobody/linkrequest?integrationIds={TWILIO}"));
    rig.gateway.api().get(&nobody).await.refused(404, "user_not_found");
}

async fn whoever_writes_the_code_is_linked(engine: Engine) {
    let rig = all_channels(engine).await;
    for line in &LINES {
        let user = rig.user(&format!("{}@example.com", line.kind)).await;
        let asked = requests(&rig, &user, &[line.integration]).await;
        write(&rig, line, code(&asked[0])).await;
        let event = rig
            .receiver
            .event("link:success", |event| {
                event["trigger"] == "link:success" && event["appUser"]["_id"] == user.as_str()
            })
            .await;
        assert_eq!(event["channel"], line.kind);
        let linked = rig.get_user(&user).await;
        assert_eq!(linked["clients"][0]["integrationId"], line.integration, "{linked}");
        assert_eq!(rig.messages(&user).await.len(), 0, "the code is nothing anybody said");
        write(&rig, line, "Hello").await;
        let said = rig
            .receiver
            .event("hello", |event| {
                event["messages"][0]["text"] == "Hello" && event["appUser"]["_id"] == user.as_str()
            })
            .await;
        assert_eq!(said["trigger"], "message:appUser");
    }
}

async fn a_code_is_good_for_one_person_on_one_integration(engine: Engine) {
    let rig = all_channels(engine).await;
    let user = rig.user("steveb@example.com").await;
    let asked = requests(&rig, &user, &[called("messagebird").integration]).await;
    // Elsewhere it is nothing but words.
    write(&rig, called("twilio"), code(&asked[0])).await;
    let stranger = rig.receiver.trigger("message:appUser").await;
    assert_ne!(stranger["appUser"]["_id"], user);
    write(&rig, called("messagebird"), code(&asked[0])).await;
    rig.receiver.trigger("link:success").await;
    let fields =
        json!({"integrationId": called("messagebird").integration, "from": NUMBER, "text": code(&asked[0])});
    rig.sim().control("/control/write", &fields).await;
    let late = rig
        .receiver
        .event("a late comer", |event| {
            event["trigger"] == "message:appUser" && event["appUser"]["_id"] != stranger["appUser"]["_id"]
        })
        .await;
    assert_ne!(late["appUser"]["_id"], user);
    assert_eq!(rig.get_user(&user).await["clients"].as_array().map(Vec::len), Some(1));
}

async fn an_auth_code_is_a_fresh_one(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    let path = of_app(&format!("/appUsers/{user}/authCode"));
    let first = rig.gateway.api().get(&path).await.expect(200);
    let code = first["authCode"].as_str().expect("a code");
    assert!(code.starts_with("ac_") && code.len() == 27, "{code}");
    assert_ne!(rig.gateway.api().get(&path).await.expect(200), first);
    rig.gateway.api().get(&of_app("/appusers/nobody/authcode")).await.refused(404, "user_not_found");
}

async fn a_ping_reaches_the_phone_and_enters_no_history(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    let path = of_app(&format!("/appusers/{user}/integrations/twilio/ping"));
    let ping = async || rig.gateway.api().request("POST", &path, &[], None).await;
    ping().await.refused(404, "client_not_found");
    rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    rig.receiver.trigger("link:success").await;
    assert_eq!(ping().await.expect(200), json!({}));
    assert_eq!(rig.sim().first_to(NUMBER).await["text"], "Demo is connected to this conversation.");
    rig.settled(NUMBER).await;
    let texts: Vec<Value> = rig.messages(&user).await.iter().map(|message| message["text"].clone()).collect();
    assert_eq!(texts, ["fence"]);
    eventually("only the fence's events", async || {
        let triggers = rig.receiver.triggers();
        triggers.iter().all(|trigger| !trigger.starts_with("message:delivery")).then_some(())
    })
    .await;
}
