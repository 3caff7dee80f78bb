//! What the API shows of each thing, field by field.

use serde_json::{Value, json};

use super::{everywhere, of_user, write};
use crate::harness::api::Api;
use crate::harness::line::{LINES, Line, called};
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, Rig, on_both_engines};

on_both_engines! {
    a_person_is_shown_as_each_channel_knows_them,
    an_integration_of_each_type_is_shown,
    what_an_app_keeps_is_shown,
    what_whatsapp_keeps_is_shown,
}

async fn a_person_is_shown_as_each_channel_knows_them(engine: Engine) {
    let rig = everywhere(engine).await;
    for line in &LINES {
        let hello = json!({"text": "Hello", "name": "Pat Example"});
        let event = write(&rig, line, hello).await;
        let id = event["appUser"]["_id"].as_str().expect("an id");
        let user = rig.gateway.api().get(&of_user(id, "")).await.expect(200);
        Golden::of("v1/person").compare(&format!("on_{}.json", line.kind), &user);
    }
}

/// Makes an integration whose credentials the simulator knows, and answers the body.
async fn make(rig: &Rig, line: &Line, more: &Value) -> Value {
    let mut body = line.settings();
    let fields = body.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    rig.sim().admit(&format!("before {}", line.kind), line.kind, "http://127.0.0.1:1/", &body).await;
    body["type"] = json!(line.kind);
    rig.gateway.api().post(&of_app("/integrations"), &body).await.expect(201)
}

async fn an_integration_of_each_type_is_shown(engine: Engine) {
    let rig = Rig::start(engine).await;
    for line in &LINES {
        let more = match line.kind {
            "mailgun" => json!({"fromAddress": "shop@mg.example.com", "hideUnsubscribeLink": true}),
            "twilio" => json!({"displayName": "Ours"}),
            "whatsapp" => json!({"hsmFallbackLanguage": "fr"}),
            _ => json!({}),
        };
        let made = make(&rig, line, &more).await;
        Golden::of("v1/integration").compare(&format!("{}.json", line.kind), &made);
        let path = of_app(&format!("/integrations/{}", made["integration"]["_id"].as_str().expect("an id")));
        assert_eq!(rig.gateway.api().get(&path).await.expect(200), made);
        assert_eq!(rig.gateway.api().put(&path, &json!({})).await.expect(200), made);
    }
    let path = of_app("/integrations?types=twilio&limit=1");
    Golden::of("v1/integration").compare("list.json", &rig.gateway.api().get(&path).await.expect(200));
}

async fn what_an_app_keeps_is_shown(engine: Engine) {
    let rig = everywhere(engine).await;
    let (api, account) = (rig.gateway.api(), rig.gateway.account());
    let mut golden = Golden::of("v1/app");
    golden.compare("list.json", &account.get("/v1.1/apps?limit=1").await.expect(200));
    let message = json!({"role": "appMaker", "type": "text", "text": "From nine to five", "actions": [
        {"type": "postback", "text": "More", "payload": "MORE"},
    ]});
    let template = json!({"name": "hours", "message": message});
    let made = api.post(&of_app("/templates"), &template).await.expect(201);
    Golden::of("v1/template").compare("created.json", &made);
    Golden::of("v1/template").compare("list.json", &api.get(&of_app("/templates")).await.expect(200));
    let menu = json!({"items": [
        {"type": "link", "text": "Shop", "uri": "https://example.com/"},
        {"type": "submenu", "text": "More", "items": [{"type": "postback", "text": "Pay", "payload": "PAY"}]},
    ]});
    let set = api.put(&of_app("/menu"), &menu).await.expect(200);
    Golden::of("v1/menu").compare("of_app.json", &set);
    let webhooks = api.get(&of_app("/webhooks")).await.expect(200);
    Golden::of("v1/webhook").compare("list.json", &webhooks);
    let user = rig.user("steveb@example.com").await;
    let ids = LINES.map(|line| line.integration).join("%2C");
    let asked = api.get(&of_user(&user, &format!("/linkrequest?integrationIds={ids}"))).await.expect(200);
    Golden::of("v1/link_request").compare("of_each_channel.json", &asked);
    Golden::of("v1/auth_code").compare("code.json", &api.get(&of_user(&user, "/authcode")).await.expect(200));
}

async fn what_whatsapp_keeps_is_shown(engine: Engine) {
    let manage =
        json!({"accountId": "100020003000400", "accountManagementAccessToken": "fake-account-token"});
    let rig = Rig::start(engine).await;
    let line = called("whatsapp");
    let made = make(&rig, line, &manage).await;
    let id = made["integration"]["_id"].as_str().expect("an id");
    let path = |rest: &str| of_app(&format!("/integrations/{id}/{rest}"));
    let api = rig.gateway.api();
    let template = json!({
        "name": "greeting", "language": "en_US", "category": "UTILITY",
        "components": [{"type": "BODY", "text": "Hello {{1}}"}],
    });
    let asked = api.post(&path("messageTemplates"), &template).await.expect(201);
    Golden::of("v1/message_template").compare("created.json", &asked);
    let listed = api.get(&path("messageTemplates")).await.expect(200);
    Golden::of("v1/message_template").compare("list.json", &listed);
    let profile = json!({
        "about": "We deliver.", "address": "1 Example Street", "description": "Parcels", "email": "shop@example.org",
        "vertical": "RETAIL", "websites": ["https://example.org/"],
    });
    assert_eq!(api.put(&path("profile"), &profile).await.text, "");
    Golden::of("v1/business_profile").compare("profile.json", &api.get(&path("profile")).await.expect(200));
    deployment(&rig, &rig.gateway.account()).await;
}

async fn deployment(rig: &Rig, account: &Api) {
    let mut settings = called("whatsapp").settings();
    settings["phoneNumberId"] = json!("106540352242955");
    rig.sim().admit("before deployment", "whatsapp", "http://127.0.0.1:1/", &settings).await;
    settings["hosting"] = json!("smooch");
    let made = account.post("/v1.1/whatsapp/deployments", &settings).await.expect(201);
    Golden::of("v1/deployment").compare("created.json", &made);
}
