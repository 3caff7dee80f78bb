//! WhatsApp's message templates: asked for, listed and deleted at Meta, and told from in the history.

use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::config::TWILIO;
use crate::harness::line::called;
use crate::harness::simulator::of_app;
use crate::harness::{Config, Engine, Rig, on_both_engines};

on_both_engines! {
    templates_are_asked_for_listed_and_deleted_at_meta,
    only_whatsapp_with_its_account_has_templates,
    the_history_says_what_the_template_says,
    a_template_that_was_changed_at_meta_is_asked_about_again,
    a_template_that_fails_on_its_way_is_asked_about_again,
    what_meta_does_not_know_reads_like_its_name_and_is_not_sent,
}

const ACCOUNT: &str = "100020003000400";
const TOKEN: &str = "fake-account-token";

fn with_account(config: Config) -> Config {
    called("whatsapp")
        .join(config)
        .set("apps.0.integrations.1.accountId", ACCOUNT)
        .set("apps.0.integrations.1.accountManagementAccessToken", TOKEN)
}

fn path(integration: &str, rest: &str) -> String {
    of_app(&format!("/integrations/{integration}/messageTemplates{rest}"))
}

fn template(name: &str, text: &str) -> Value {
    json!({"name": name, "language": "en_US", "category": "UTILITY", "components": [{"type": "BODY", "text": text}]})
}

/// Changes templates at Meta, behind the gateway's back.
async fn at_meta(rig: &Rig, name: &str, text: &str) {
    let meta = Api::bearer(rig.sim_address(), TOKEN);
    let path = format!("/whatsapp/v23.0/{ACCOUNT}/message_templates");
    meta.delete(&format!("{path}?name={name}")).await;
    meta.post(&path, &template(name, text)).await.expect(200);
}

/// Sends a template to the person by a notification, and answers the notification's id.
async fn send(rig: &Rig, name: &str, parameter: &str) -> String {
    let line = called("whatsapp");
    let components = json!([{"type": "body", "parameters": [{"type": "text", "text": parameter}]}]);
    let body = json!({
        "destination": {"integrationId": line.integration, "destinationId": line.person},
        "author": {"role": "appMaker"},
        "messageSchema": "whatsapp",
        "message": {"type": "template", "template": {"name": name, "components": components}},
    });
    let answer = rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
    answer["notification"]["_id"].as_str().expect("an id").to_owned()
}

/// Sends a template, and answers the user it reached and what the history then says last.
async fn reached(rig: &Rig, name: &str, parameter: &str) -> (String, Value) {
    let id = send(rig, name, parameter).await;
    let event = rig.receiver.about("notification:delivery:channel", &id).await;
    let user = event["matchResult"]["appUser"]["_id"].as_str().expect("a user").to_owned();
    let text = rig.messages(&user).await.pop().expect("a message")["text"].clone();
    (user, text)
}

async fn templates_are_asked_for_listed_and_deleted_at_meta(engine: Engine) {
    let rig = Rig::with(engine, with_account).await;
    let (api, integration) = (rig.gateway.api(), called("whatsapp").integration);
    let asked = template("greeting", "Hello {{1}}");
    let made = api.post(&path(integration, ""), &asked).await.expect(201)["messageTemplate"].clone();
    assert_eq!((&made["status"], &made["components"]), (&json!("PENDING"), &asked["components"]), "{made}");
    assert!(made["id"].is_string() && made["category"] == "UTILITY" && made["language"] == "en_US", "{made}");
    api.post(&path(integration, ""), &asked).await.refused(400, "bad_request");
    for name in ["other", "third"] {
        api.post(&path(integration, ""), &template(name, "Hi")).await.expect(201);
    }

    let names = |page: &Value| {
        let all = page["messageTemplates"].as_array().expect("templates");
        all.iter().map(|one| one["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    let page = api.get(&path(integration, "?limit=2")).await.expect(200);
    assert_eq!((names(&page).len(), page.get("before")), (2, None), "{page}");
    let after = page["after"].as_str().expect("a cursor").to_owned();
    let rest = api.get(&path(integration, &format!("?limit=2&after={after}"))).await.expect(200);
    assert_eq!((names(&rest).len(), rest.get("after")), (1, None), "{rest}");
    let named = api.get(&path(integration, "?name=greeting&status=APPROVED")).await.expect(200);
    assert_eq!(names(&named), ["greeting"]);
    assert_eq!(named["messageTemplates"][0]["id"], made["id"]);

    assert_eq!(api.delete(&path(integration, "/greeting")).await.expect(200), json!({}));
    let gone = api.get(&path(integration, "?name=greeting")).await.expect(200);
    assert_eq!(gone, json!({"messageTemplates": []}));
    api.delete(&path(integration, "/greeting")).await.refused(400, "bad_request");
    for field in ["name", "language", "category", "components"] {
        let mut body = template("x", "Hi");
        body.as_object_mut().expect("an object").remove(field);
        let description = api.post(&path(integration, ""), &body).await.refused(400, "bad_request");
        assert!(description.contains(field), "{description:?} does not name {field}");
    }
}

async fn only_whatsapp_with_its_account_has_templates(engine: Engine) {
    let rig = Rig::with(engine, |config| called("whatsapp").join(config)).await;
    let api = rig.gateway.api();
    for integration in [TWILIO, called("whatsapp").integration] {
        let description = api.get(&path(integration, "")).await.refused(400, "bad_request");
        assert!(description.contains("accountManagementAccessToken"), "{description:?}");
        api.post(&path(integration, ""), &template("x", "Hi")).await.refused(400, "bad_request");
        api.delete(&path(integration, "/x")).await.refused(400, "bad_request");
    }
    api.get(&path("5e1f438bf99fb467810c0fff", "")).await.refused(404, "integration_not_found");
    let (_, text) = reached(&rig, "greeting", "Ann").await;
    assert_eq!(text, "greeting");
}

async fn the_history_says_what_the_template_says(engine: Engine) {
    let rig = Rig::with(engine, with_account).await;
    at_meta(&rig, "greeting", "Hello {{1}}").await;
    let (user, text) = reached(&rig, "greeting", "Ann").await;
    assert_eq!(text, "Hello Ann");

    let said = "&((template=[[greeting]] fallback=[[Hello]] body_text=[[Bob]]))&";
    let body = json!({"role": "appMaker", "type": "text", "text": said});
    let answer =
        rig.gateway.api().post(&of_app(&format!("/appusers/{user}/messages")), &body).await.expect(201);
    assert_eq!(answer["message"]["text"], "Hello Bob");
    assert_eq!(rig.messages(&user).await[1]["text"], "Hello Bob");
    let event = rig.receiver.trigger("message:appMaker").await;
    assert_eq!(event["messages"][0]["text"], "Hello Bob");
    rig.receiver.trigger("message:delivery:channel").await;
    let sent = rig.sim().sent_to(called("whatsapp").person).await;
    let parameters = &sent[1]["request"]["template"]["components"][0]["parameters"];
    assert_eq!(parameters[0]["text"], "Bob", "{sent:?}");
}

async fn a_template_that_was_changed_at_meta_is_asked_about_again(engine: Engine) {
    let rig = Rig::with(engine, with_account).await;
    at_meta(&rig, "greeting", "Hello {{1}}").await;
    assert_eq!(reached(&rig, "greeting", "Ann").await.1, "Hello Ann");
    at_meta(&rig, "greeting", "Good day, {{1}}").await;
    let person = called("whatsapp").person;
    rig.sim().rule(json!({"destination": person, "behaviour": "refuse", "code": 132000, "times": 1})).await;
    let refused = send(&rig, "greeting", "Ann").await;
    let event = rig.receiver.about("notification:delivery:failure", &refused).await;
    assert_eq!(event["error"]["underlyingError"]["errors"][0]["code"], 132000, "{event}");
    assert_eq!(reached(&rig, "greeting", "Ann").await.1, "Good day, Ann");
}

async fn a_template_that_fails_on_its_way_is_asked_about_again(engine: Engine) {
    let rig = Rig::with(engine, with_account).await;
    at_meta(&rig, "greeting", "Hello {{1}}").await;
    assert_eq!(reached(&rig, "greeting", "Ann").await.1, "Hello Ann");
    at_meta(&rig, "greeting", "Good day, {{1}}").await;
    let person = called("whatsapp").person;
    rig.sim().rule(json!({"destination": person, "behaviour": "fail", "code": 132015, "times": 1})).await;
    let failed = send(&rig, "greeting", "Ann").await;
    rig.receiver.about("notification:delivery:channel", &failed).await;
    let event = rig.receiver.about("notification:delivery:failure", &failed).await;
    assert_eq!(event["error"]["underlyingError"]["errors"][0]["code"], 132015, "{event}");
    assert_eq!(reached(&rig, "greeting", "Ann").await.1, "Good day, Ann");
}

async fn what_meta_does_not_know_reads_like_its_name_and_is_not_sent(engine: Engine) {
    let rig = Rig::with(engine, with_account).await;
    let id = send(&rig, "unheard_of", "Ann").await;
    let event = rig.receiver.about("notification:delivery:failure", &id).await;
    assert_eq!(event["error"]["underlyingError"]["errors"][0]["code"], 132001, "{event}");
    let line = called("whatsapp");
    let hello = json!({"integrationId": line.integration, "from": line.person, "text": "Hello"});
    rig.sim().control("/control/write", &hello).await;
    let event = rig.receiver.trigger("message:appUser").await;
    let user = event["appUser"]["_id"].as_str().expect("a user").to_owned();
    let template = json!({"type": "template", "template": {"name": "unheard_of"}});
    let body = json!({"role": "appMaker", "messageSchema": "whatsapp", "message": template});
    let path = of_app(&format!("/appusers/{user}/messages"));
    let answer = rig.gateway.api().post(&path, &body).await.expect(201);
    assert_eq!(answer["message"]["text"], "unheard_of");
    let said = "&((template=[[unheard_of]] fallback=[[Hello]]))&";
    let body = json!({"role": "appMaker", "type": "text", "text": said});
    let answer =
        rig.gateway.api().post(&of_app(&format!("/appusers/{user}/messages")), &body).await.expect(201);
    assert_eq!(answer["message"]["text"], "Hello");
}
