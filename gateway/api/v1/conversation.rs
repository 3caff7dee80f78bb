//! The conversation of an app user: what it holds, who has read how far.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Named};
use crate::core::{Talk, Window};
use crate::model::{Conversation, Id, Integration};
use crate::wire::v1;

use super::UserPath;

/// `GET /appusers/{user}/conversation`: the way before messages had pages.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
) -> Result<Json<Value>, Problem> {
    let history = api.core.messages(&tenant, Talk::DefaultOf(&user), Window::Newest).await?;
    let mut shown = v1::conversation(&history.conversation);
    shown["messages"] = history.messages.iter().map(v1::message).collect();
    Ok(Json(json!({ "conversation": shown })))
}

/// `POST /appusers/{user}/conversation/read`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
    marked: Marked,
) -> Result<Json<Value>, Problem> {
    let once = marked.once(StatusCode::OK, |_| json!({}));
    api.core.reset_unread(&tenant, Talk::DefaultOf(&user), once).await?;
    Ok(Json(json!({})))
}

/// `POST /appusers/{user}/conversation/activity`
pub(super) async fn act(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let asked = v1::ConversationActivity::parse(&body)?;
    let once = marked.once(StatusCode::OK, view);
    let channels = |id: &Id<Integration>| api.channels.get(id);
    let conversation =
        api.core.show_activity(&tenant, Talk::DefaultOf(&user), asked.activity, &channels, once).await?;
    Ok(Json(view(&conversation)))
}

fn view(conversation: &Conversation) -> Value {
    json!({ "conversation": v1::conversation(conversation) })
}

/// `POST /appusers/{user}/conversation/postback`
pub(super) async fn press(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let asked = v1::PostPostback::parse(&body)?;
    let once = marked.once(StatusCode::OK, |()| json!({}));
    let channels = |id: &Id<Integration>| api.channels.get(id);
    api.core.press(&tenant, &user, &asked.action, &channels, once).await?;
    Ok(Json(json!({})))
}
