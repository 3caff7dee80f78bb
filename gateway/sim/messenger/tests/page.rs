//! What a page shows beside messages: that it writes, that it has read, and its menu.

use super::*;

impl Stage {
    async fn profile(&self, method: Method, query: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/messenger/v25.0/me/messenger_profile{query}", self.url);
        let request = self.client.request(method, url).bearer_auth("fake-page-token");
        let request = match body {
            Value::Null => request,
            body => request.header("content-type", "application/json").body(body.to_string()),
        };
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.expect("a body")).unwrap_or_default())
    }
}

#[tokio::test]
async fn sender_actions_are_shown_and_no_messages() {
    let stage = Stage::set().await;
    let act = |action: &str| json!({"recipient": {"id": ANA}, "sender_action": action});
    for action in ["mark_seen", "typing_on", "typing_off"] {
        let told = stage.graph("me/messages", Some(act(action))).await;
        assert_eq!(told, (200, json!({"recipient_id": ANA})));
    }
    let mut more = act("typing_on");
    more["messaging_type"] = json!("UPDATE");
    for wrong in [act("dance"), json!({"sender_action": "typing_on"}), more] {
        assert_eq!(stage.graph("me/messages", Some(wrong)).await.0, 400);
    }
    let (_, acts) = stage.call("/control/acts", "", None).await;
    let acts: Vec<(&Value, &Value)> =
        acts["acts"].as_array().expect("a list").iter().map(|act| (&act["act"], &act["about"])).collect();
    let expected = ["mark_seen", "typing_on", "typing_off"].map(|action| (json!(action), json!(ANA)));
    assert_eq!(acts, expected.iter().map(|(act, about)| (act, about)).collect::<Vec<_>>());
    assert_eq!(stage.call("/control/sent", "", None).await.1, json!({"sent": []}));
}

#[tokio::test]
async fn a_menu_wants_a_get_started_button_first() {
    let stage = Stage::set().await;
    let menu = json!([{"locale": "default", "composer_input_disabled": false,
                       "call_to_actions": [{"type": "postback", "title": "Pay", "payload": "PAY"}]}]);
    let put = |profile: Value| stage.profile(Method::POST, "", profile);
    let done = (200, json!({"result": "success"}));
    let shown = async || stage.profile(Method::GET, "?fields=persistent_menu", Value::Null).await.1;
    assert_eq!(put(json!({"persistent_menu": menu})).await.0, 400);
    assert_eq!(shown().await, json!({"data": []}));
    let both = json!({"persistent_menu": menu, "get_started": {"payload": "GO"}});
    assert_eq!(put(both).await, done);
    assert_eq!(put(json!({"persistent_menu": menu})).await, done);
    assert_eq!(shown().await, json!({"data": [{"persistent_menu": menu}]}));
    for (pointer, value) in [
        ("/0/locale", json!("fr_FR")),
        ("/0/call_to_actions/0/title", json!("x".repeat(31))),
        ("/0/call_to_actions/0/payload", json!("")),
        ("/0/call_to_actions/0/type", json!("nested")),
        ("/0/call_to_actions", json!(vec![menu[0]["call_to_actions"][0].clone(); 21])),
    ] {
        let mut wrong = menu.clone();
        *wrong.pointer_mut(pointer).expect("a field") = value;
        assert_eq!(put(json!({"persistent_menu": wrong})).await.0, 400, "{pointer}");
    }
    let remove = json!({"fields": ["persistent_menu"]});
    assert_eq!(stage.profile(Method::DELETE, "", remove).await, done);
    assert_eq!(shown().await, json!({"data": []}));
}
