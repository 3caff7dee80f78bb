//! Images that are uploaded and said at once, as clients did before there were attachments.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::api::auth::Principal;
use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::Named;
use crate::api::upload::{self, Form, Wanted};
use crate::core::Talk;
use crate::wire::v1;

use super::UserPath;
use super::messages;

/// Fields that are text, and are said with the image as they are.
const TEXTS: [&str; 6] = ["role", "text", "name", "email", "avatarUrl", "altText"];

/// Fields that hold JSON.
const DOCUMENTS: [&str; 3] = ["metadata", "actions", "destination"];

/// `POST /appusers/{user}/images`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    principal: Principal,
    Named(UserPath { user }): Named<UserPath>,
    marked: Marked,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let owner = api.core.user(&tenant, &user).await?.id;
    let wanted = Wanted { app: &tenant.app.id, user: Some(owner), private: false, kinds: "image/" };
    let form = upload::receive(&api, wanted, request).await?;
    let said = match message(&form) {
        Ok(body) => {
            let asked = v1::PostMessage::parse(body.to_string().as_bytes(), api.core.now());
            match asked {
                Ok(asked) => {
                    messages::say(&api, &tenant, &principal, Talk::DefaultOf(&user), asked, marked).await
                }
                Err(invalid) => Err(invalid.into()),
            }
        }
        Err(problem) => Err(problem),
    };
    // What the store did not answer may have been said all the same.
    if said.as_ref().is_err_and(Problem::is_refusal) {
        upload::drop_again(&api, &tenant.app.id, &form.file).await;
    }
    said
}

/// The form as the message it stands for.
fn message(form: &Form) -> Result<Value, Problem> {
    let mut body = Map::new();
    for name in TEXTS {
        if let Some(text) = form.texts.get(name) {
            body.insert(name.to_owned(), json!(text));
        }
    }
    if let Some(caption) = form.texts.get("caption").filter(|_| !body.contains_key("text")) {
        body.insert("text".to_owned(), json!(caption));
    }
    for name in DOCUMENTS {
        if let Some(document) = document(name, &form.texts)? {
            body.insert(name.to_owned(), document);
        }
    }
    body.insert("type".to_owned(), json!("image"));
    body.insert("mediaUrl".to_owned(), json!(form.url));
    body.insert("mediaType".to_owned(), json!(form.file.media_type));
    Ok(body.into())
}

fn document(name: &str, texts: &BTreeMap<String, String>) -> Result<Option<Value>, Problem> {
    let Some(text) = texts.get(name) else { return Ok(None) };
    serde_json::from_str(text).map(Some).map_err(|_| Problem::invalid(name, "must be JSON"))
}
