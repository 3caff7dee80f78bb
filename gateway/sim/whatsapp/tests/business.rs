//! What Meta keeps of an account and a number, and what it shows people beside messages.

use super::*;

const ACCOUNT_TOKEN: &str = "fake-account-token";

fn template(name: &str, language: &str) -> Value {
    json!({"name": name, "language": language, "category": "UTILITY",
           "components": [{"type": "BODY", "text": "Hello {{1}}"}]})
}

impl Stage {
    async fn templates(&self, method: Method, query: &str, body: Value) -> (u16, Value) {
        let path = format!("/whatsapp/v25.0/{ACCOUNT}/message_templates{query}");
        self.call(method, &path, ACCOUNT_TOKEN, body).await
    }

    async fn profile(&self, method: Method, query: &str, body: Value) -> (u16, Value) {
        let path = format!("/whatsapp/v25.0/{NUMBER}/whatsapp_business_profile{query}");
        self.call(method, &path, TOKEN, body).await
    }
}

#[tokio::test]
async fn what_was_written_may_be_marked_read_and_answered() {
    let stage = Stage::set().await;
    let read = |id: &str| json!({"messaging_product": "whatsapp", "status": "read", "message_id": id});
    assert_eq!(stage.send(read("wamid.gone")).await.1["error"]["code"], 100);
    let write = json!({"integrationId": "w", "from": ANN, "text": "hello"});
    let written = stage.control("write", write).await["providerId"].clone();
    let mut mark = read(written.as_str().expect("an id"));
    assert_eq!(stage.send(mark.clone()).await, (200, json!({"success": true})));
    mark["typing_indicator"] = json!({"type": "text"});
    assert_eq!(stage.send(mark.clone()).await.0, 200);
    mark["typing_indicator"] = json!({"type": "dance"});
    assert_eq!(stage.send(mark).await.0, 400);
    let acts = stage.call(Method::GET, "/control/acts", "", Value::Null).await.1["acts"].clone();
    let acts: Vec<(&Value, &Value)> =
        acts.as_array().expect("a list").iter().map(|act| (&act["act"], &act["about"])).collect();
    assert_eq!(acts, [(&json!("read"), &written), (&json!("typing_indicator"), &written)]);
    assert!(stage.sent().await.is_empty());
    assert_eq!(stage.call(Method::DELETE, "/control/acts", "", Value::Null).await.0, 200);
    let (_, none) = stage.call(Method::GET, "/control/acts", "", Value::Null).await;
    assert_eq!(none, json!({"acts": []}));
}

#[tokio::test]
async fn templates_are_made_paged_and_deleted() {
    let stage = Stage::set().await;
    for language in ["en_US", "fr"] {
        let (status, made) = stage.templates(Method::POST, "", template("hello", language)).await;
        assert_eq!((status, &made["status"]), (200, &json!("PENDING")), "{made}");
    }
    assert_eq!(stage.templates(Method::POST, "", template("rejected_one", "fr")).await.0, 200);
    let (_, twice) = stage.templates(Method::POST, "", template("hello", "fr")).await;
    assert_eq!(twice["error"]["error_subcode"], 2_388_024);
    for wrong in [template("No Name", "fr"), template("x", ""), json!({"name": "x"})] {
        assert_eq!(stage.templates(Method::POST, "", wrong).await.0, 400);
    }

    let list = async |query: &str| stage.templates(Method::GET, query, Value::Null).await.1;
    let first = list("?limit=2").await;
    let languages: Vec<&Value> =
        first["data"].as_array().expect("a list").iter().map(|one| &one["language"]).collect();
    assert_eq!(languages, [&json!("en_US"), &json!("fr")]);
    assert!(first["paging"].get("previous").is_none() && first["paging"]["next"].is_string());
    let cursor = first["paging"]["cursors"]["after"].as_str().expect("a cursor");
    let second = list(&format!("?limit=2&after={cursor}")).await;
    assert_eq!(second["data"][0]["status"], "REJECTED");
    assert!(second["paging"]["previous"].is_string() && second["paging"].get("next").is_none());
    let back = second["paging"]["cursors"]["before"].as_str().expect("a cursor");
    assert_eq!(list(&format!("?limit=2&before={back}")).await["data"], first["data"]);
    assert_eq!(list("?status=APPROVED&name=hello").await["data"].as_array().map(Vec::len), Some(2));

    assert_eq!(stage.templates(Method::DELETE, "?name=hello", Value::Null).await.0, 200);
    let (_, gone) = stage.templates(Method::DELETE, "?name=hello", Value::Null).await;
    assert_eq!(gone["error"]["error_subcode"], 2_593_002);
    assert_eq!(list("").await["data"].as_array().map(Vec::len), Some(1));
    let path = format!("/whatsapp/v25.0/{ACCOUNT}/message_templates");
    assert_eq!(stage.call(Method::GET, &path, TOKEN, Value::Null).await.0, 401);
    let other = "/whatsapp/v25.0/102290129340399/message_templates";
    let (_, foreign) = stage.call(Method::GET, other, ACCOUNT_TOKEN, Value::Null).await;
    assert_eq!(foreign["error"]["error_subcode"], 33);
}

#[tokio::test]
async fn a_profile_is_changed_field_by_field() {
    let stage = Stage::set().await;
    let fields = "?fields=about,email,websites,profile_picture_url";
    let bare = json!({"data": [{"messaging_product": "whatsapp"}]});
    assert_eq!(stage.profile(Method::GET, fields, Value::Null).await.1, bare);
    let change = |more: Value| {
        let mut change = json!({"messaging_product": "whatsapp"});
        change.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        stage.profile(Method::POST, "", change)
    };
    assert_eq!(change(json!({"about": "Open", "email": "a@example.com"})).await.0, 200);
    assert_eq!(change(json!({"about": "Closed", "websites": ["https://example.com/"]})).await.0, 200);
    for wrong in [
        json!({"about": "x".repeat(140)}),
        json!({"email": "nobody"}),
        json!({"websites": ["a", "b"]}),
        json!({"colour": "red"}),
        json!({"profile_picture_handle": "4::never"}),
    ] {
        assert_eq!(change(wrong.clone()).await.0, 400, "{wrong}");
    }
    let (_, shown) = stage.profile(Method::GET, fields, Value::Null).await;
    let expected = json!({"messaging_product": "whatsapp", "about": "Closed", "email": "a@example.com",
                          "websites": ["https://example.com/"]});
    assert_eq!(shown["data"][0], expected);
}

#[tokio::test]
async fn a_photo_comes_in_a_session() {
    let stage = Stage::set().await;
    let open = async |query: &str| {
        let path = format!("/whatsapp/v25.0/app/uploads?{query}");
        stage.call(Method::POST, &path, TOKEN, Value::Null).await
    };
    assert_eq!(open("file_length=4&file_type=image/gif").await.0, 400);
    let (status, session) = open("file_length=4&file_type=image/png").await;
    assert_eq!(status, 200, "{session}");
    let session = session["id"].as_str().expect("a session").to_owned();
    let put = async |token: &str, bytes: &'static str| {
        let url = format!("{}/whatsapp/v25.0/{session}", stage.url);
        let request = stage.client.post(url).header("authorization", token).header("file_offset", "0");
        let answer = request.body(bytes).send().await.expect("an answer");
        let status = answer.status().as_u16();
        let body: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
        (status, body)
    };
    assert_eq!(put(&format!("Bearer {TOKEN}"), "\x7fPNG").await.0, 401);
    assert_eq!(put(&format!("OAuth {TOKEN}"), "PN").await.0, 400);
    let (status, handle) = put(&format!("OAuth {TOKEN}"), "\x7fPNG").await;
    assert_eq!(status, 200, "{handle}");
    let change = json!({"messaging_product": "whatsapp", "profile_picture_handle": handle["h"]});
    assert_eq!(stage.profile(Method::POST, "", change).await.0, 200);
    let (_, shown) = stage.profile(Method::GET, "?fields=profile_picture_url", Value::Null).await;
    let url = shown["data"][0]["profile_picture_url"].as_str().expect("an address");
    assert_eq!(stage.client.get(url).send().await.expect("an answer").status(), 200);
}
