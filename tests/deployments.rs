//! WhatsApp deployments: numbers at Meta that are set up for the account and taken by an integration.

use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::line::{Line, called};
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    a_deployment_becomes_an_integration_that_sends,
    a_deployment_needs_a_number_that_meta_opens,
    a_declared_number_goes_for_a_deployment,
}

const PATH: &str = "/v1.1/whatsapp/deployments";

fn line() -> &'static Line {
    called("whatsapp")
}

fn asked() -> Value {
    let mut body = line().settings();
    body["hosting"] = json!("smooch");
    body["callbackUrl"] = json!("https://example.org/callback");
    body
}

async fn make(rig: &Rig, account: &Api) -> Value {
    rig.sim().admit("before", "whatsapp", "http://127.0.0.1:1/", &line().settings()).await;
    account.post(PATH, &asked()).await.expect(201)["deployment"].clone()
}

fn id_of(made: &Value) -> &str {
    made["_id"].as_str().expect("an id")
}

async fn a_deployment_becomes_an_integration_that_sends(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let account = rig.gateway.account();
    let made = make(&rig, &account).await;
    assert_eq!(
        (&made["hosting"], &made["status"], &made["phoneNumber"]),
        (&json!("smooch"), &json!("active"), &json!("15145550105"))
    );
    assert!(!made.to_string().contains("fake-"), "no secret is shown: {made}");
    rig.gateway.kill();
    rig.gateway.start().await;
    rig.sim().admit("before", "whatsapp", "http://127.0.0.1:1/", &line().settings()).await;
    let one = format!("{PATH}/{}", id_of(&made));
    let account = rig.gateway.account();
    assert_eq!(account.get(&one).await.expect(200)["deployment"], made);
    let body = json!({"type": "whatsapp", "deploymentId": id_of(&made)});
    let taken = rig.gateway.api().post(&of_app("/integrations"), &body).await.expect(201);
    let taken = taken["integration"].clone();
    assert_eq!((&taken["deploymentId"], &taken["phoneNumber"]), (&made["_id"], &made["phoneNumber"]));
    assert!(!taken.to_string().contains("fake-"), "no secret is shown: {taken}");
    let hooks = taken["hookUrl"].as_str().expect("an address");
    rig.sim().admit(id_of(&taken), "whatsapp", hooks, &line().settings()).await;
    let message = json!({
        "destination": {"integrationId": id_of(&taken), "destinationId": line().person},
        "author": {"role": "appMaker"}, "message": {"type": "text", "text": "by deployment"},
    });
    let sent = rig.gateway.api().post(&of_app("/notifications"), &message).await.expect(201);
    let id = sent["notification"]["_id"].as_str().expect("an id");
    rig.receiver.about("notification:delivery:user", id).await;
    assert_eq!(account.get(&one).await.expect(200)["deployment"]["integrationId"], taken["_id"]);
    rig.gateway.api().post(&of_app("/integrations"), &body).await.refused(409, "conflict");
    account.delete(&one).await.refused(409, "conflict");
    rig.gateway.api().delete(&of_app(&format!("/integrations/{}", id_of(&taken)))).await.expect(200);
    assert_eq!(account.delete(&one).await.expect(200), json!({}));
    account.get(&one).await.refused(404, "not_found");
}

async fn a_deployment_needs_a_number_that_meta_opens(engine: Engine) {
    let rig = Rig::start(engine).await;
    let account = rig.gateway.account();
    let said = account.post(PATH, &json!({"hosting": "smooch"})).await.refused(400, "bad_request");
    assert!(said.contains("phoneNumberId: is required"), "{said}");
    let mut wrong = asked();
    wrong["accessToken"] = json!("fake-and-wrong");
    let said = account.post(PATH, &wrong).await.refused(400, "bad_request");
    assert!(said.contains("WhatsApp refused this: "), "{said}");
    assert_eq!(account.get(PATH).await.expect(200)["deployments"], json!([]));
    let body = json!({"type": "whatsapp", "deploymentId": "000000000000000000000000"});
    let said = rig.gateway.api().post(&of_app("/integrations"), &body).await.refused(400, "bad_request");
    assert!(said.starts_with("deploymentId: "), "{said}");
    let made = make(&rig, &account).await;
    for way in ["activate", "code/confirm"] {
        let path = format!("{PATH}/{}/{way}", id_of(&made));
        let said = account.post(&path, &json!({"code": "123456"})).await.refused(400, "bad_request");
        assert!(said.contains("verified in Meta Business Manager"), "{said}");
    }
    rig.gateway.api().get(PATH).await.refused(403, "forbidden");
}

async fn a_declared_number_goes_for_a_deployment(engine: Engine) {
    let rig = Rig::with(engine, |config| line().join(config)).await;
    let account = rig.gateway.account();
    let listed = account.get(PATH).await.expect(200);
    assert_eq!((&listed["hasMore"], &listed["offset"]), (&json!(false), &json!(0)));
    let all = listed["deployments"].as_array().expect("a list");
    assert_eq!(all.len(), 1, "{listed}");
    assert_eq!((id_of(&all[0]), &all[0]["phoneNumber"]), (line().integration, &json!("15145550105")));
    let one = format!("{PATH}/{}", line().integration);
    assert_eq!(account.get(&one).await.expect(200)["deployment"], all[0]);
    account.delete(&one).await.refused(409, "conflict");
}
