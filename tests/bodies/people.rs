//! What people say: `message:appUser` for each kind of content and each channel.

use serde_json::{Value, json};

use super::{everywhere, id_of, of_user, post, write};
use crate::harness::line::{LINES, called};
use crate::harness::signing::hmac_sha256;
use crate::harness::{Engine, Golden, Rig, on_both_engines};

on_both_engines! {
    a_text_is_told_as_each_channel_brings_it,
    what_people_send_is_told_by_its_kind,
    an_answer_is_told_with_what_it_answers,
    what_the_api_says_for_people_is_told,
}

fn golden() -> Golden {
    Golden::of("v1/said_by_people")
}

async fn a_text_is_told_as_each_channel_brings_it(engine: Engine) {
    let rig = everywhere(engine).await;
    for line in &LINES {
        let event = write(&rig, line, json!({"text": "Where is my parcel?", "subject": "Parcel"})).await;
        golden().compare(&format!("text_on_{}.json", line.kind), &event);
    }
}

async fn what_people_send_is_told_by_its_kind(engine: Engine) {
    let rig = everywhere(engine).await;
    let file = |name: &str| format!("{}/files/{name}", rig.gateway.sim_address().expect("a simulator"));
    let press = json!({"text": "The red one", "payload": "RED"});
    golden().compare("quick_reply.json", &write(&rig, called("messenger"), press).await);
    let picture = json!({"text": "Look", "media": [{"url": file("photo.png"), "type": "image/png"}]});
    golden().compare("image.json", &write(&rig, called("twilio"), picture).await);
    let bill = json!({"media": [{"url": file("bill.pdf"), "type": "application/pdf"}]});
    golden().compare("file.json", &write(&rig, called("whatsapp"), bill).await);
    golden().compare("location.json", &stand(&rig).await);
}

/// Somebody on WhatsApp tells where they are.
async fn stand(rig: &Rig) -> Value {
    let place =
        json!({"latitude": 45.5019, "longitude": -73.5674, "name": "Office", "address": "1 Example Street"});
    let body = json!({"object": "whatsapp_business_account", "entry": [{"id": "9", "changes": [{
        "field": "messages",
        "value": {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "15145550105", "phone_number_id": "106540352242922"},
            "contacts": [{"profile": {"name": "Pat Example"}, "wa_id": "15145550166"}],
            "messages": [{"from": "15145550166", "id": "wamid.place", "timestamp": "1795255200",
                          "type": "location", "location": place}],
        },
    }]}]});
    let body = body.to_string();
    let signature = format!("sha256={}", hex::encode(hmac_sha256(b"fake-app-secret", body.as_bytes())));
    let headers = [("x-hub-signature-256", signature.as_str())];
    let path = format!("/hooks/whatsapp/{}", called("whatsapp").integration);
    assert_eq!(rig.gateway.anonymous().request("POST", &path, &headers, Some(body)).await.status, 200);
    let is_it = |event: &Value| event["messages"][0]["source"]["originalMessageId"] == "wamid.place";
    rig.receiver.event("a place", is_it).await
}

async fn an_answer_is_told_with_what_it_answers(engine: Engine) {
    let rig = everywhere(engine).await;
    let line = called("whatsapp");
    let user = id_of(&write(&rig, line, json!({"text": "Hello"})).await["appUser"]);
    let asked = post(&rig, &user, json!({"text": "Red or blue?"})).await["message"]["_id"].clone();
    let is_there =
        |event: &Value| event["trigger"] == "message:delivery:user" && event["message"]["_id"] == asked;
    let delivered = rig.receiver.event("the question's arrival", is_there).await;
    let external = &delivered["externalMessages"][0]["id"];
    let known = write(&rig, line, json!({"text": "Red", "answers": external})).await;
    golden().compare("answer.json", &known);
    let unknown = write(&rig, line, json!({"text": "Blue", "answers": "wamid.unheard.of"})).await;
    golden().compare("answer_to_something_unknown.json", &unknown);
}

async fn what_the_api_says_for_people_is_told(engine: Engine) {
    let rig = everywhere(engine).await;
    let user = rig.user("steveb@example.com").await;
    let said =
        json!({"role": "appUser", "type": "text", "text": "Yes", "payload": "YES", "metadata": {"form": 7}});
    rig.gateway.api().post(&of_user(&user, "/messages"), &said).await.expect(201);
    golden().compare("text_by_api.json", &rig.receiver.trigger("message:appUser").await);
}
