//! Integrations that the simulator is told of while it runs.

use super::*;

const LATER: &str = "AC00000000000000000000000000000002";

fn account(stage: &Stage, id: &str) -> Value {
    json!({
        "integrationId": id, "type": "twilio", "hookUrl": format!("{}/hooks/twilio/{id}", stage.gateway.url),
        "settings": {"accountSid": LATER, "authToken": TOKEN, "phoneNumber": "+15145550177"}
    })
}

async fn admit(stage: &Stage, account: Value) -> (u16, Value) {
    stage.call("PUT", "/control/accounts", account).await
}

#[tokio::test]
async fn an_integration_may_be_told_of_later_and_anew() {
    let stage = Stage::set().await;
    let show = async || {
        let url = format!("{}/twilio/2010-04-01/Accounts/{LATER}.json", stage.url);
        read(stage.client.get(url).basic_auth(LATER, Some(TOKEN))).await.0
    };
    assert_eq!(show().await, 404);
    let write = json!({"integrationId": "made", "from": ANN, "text": "hello"});
    assert_eq!(stage.call("POST", "/control/write", write.clone()).await.0, 400);

    // Before it is made its credentials must be good, afterwards it has an id of its own.
    assert_eq!(admit(&stage, account(&stage, "placeholder")).await, (200, json!({})));
    assert_eq!(show().await, 200);
    assert_eq!(admit(&stage, account(&stage, "made")).await, (200, json!({})));

    let callback = format!("{}/hooks/twilio/made?ref=note-1", stage.gateway.url);
    let form = [("To", ANN), ("From", "+15145550177"), ("Body", "hi"), ("StatusCallback", &*callback)];
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let url = format!("{}/twilio/2010-04-01/Accounts/{LATER}/Messages.json", stage.url);
    let send = stage.client.post(url).basic_auth(LATER, Some(TOKEN)).body(form);
    let send = send.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(read(send).await.0, 201);
    until("delivered", async || stage.sent().await[0]["status"] == "delivered").await;
    assert_eq!(stage.sent().await[0]["integrationId"], "made");

    let (status, written) = stage.call("POST", "/control/write", write).await;
    assert_eq!((status, &written["status"]), (200, &json!(200)));
    let heard = stage.gateway.heard();
    assert!(heard.iter().all(|hook| hook["uri"].starts_with("/hooks/twilio/made")), "{heard:?}");

    // With other settings its old credentials are the placeholder's alone.
    let mut moved = account(&stage, "made");
    moved["settings"]["accountSid"] = json!(SID);
    assert_eq!(admit(&stage, moved).await.0, 200);
    let rule = json!({"integrationId": "made", "behaviour": "silent"});
    assert_eq!(stage.call("POST", "/control/rules", rule).await.0, 200);
    assert_eq!(show().await, 200);
    stage.end().await;
}

#[tokio::test]
async fn what_nobody_could_play_is_refused() {
    let stage = Stage::set().await;
    let refused = async |change: fn(&mut Value)| {
        let mut account = account(&stage, "made");
        change(&mut account);
        let (status, answer) = admit(&stage, account).await;
        assert_eq!(status, 400, "{answer}");
        answer["error"].as_str().expect("a reason").to_owned()
    };
    assert_eq!(refused(|account| account["type"] = json!("telegram")).await, "no provider telegram here");
    let bare = refused(|account| account["settings"] = json!({})).await;
    assert_eq!(bare, "settings: incomplete for twilio");
    let other = refused(|account| {
        account["integrationId"] = json!("number");
        account["type"] = json!("whatsapp");
    });
    assert_eq!(other.await, "integration number is of type twilio");
    assert!(refused(|account| account["colour"] = json!(1)).await.contains("colour"));
    stage.end().await;
}
