//! What is done in a conversation beside messages.

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
use crate::core::Talk;
use crate::model::{Id, Integration};
use crate::wire::v2;

use super::ConversationPath;

/// `POST …/conversations/{conversation}/activity`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(ConversationPath { conversation }): Named<ConversationPath>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let v2::PostActivity { speaker, activity } = v2::PostActivity::parse(&body)?;
    match &speaker.person {
        Some(whom) => {
            let once = marked.once(StatusCode::OK, |()| json!({}));
            api.core.was_read(&tenant, &conversation, whom, once).await?;
        }
        None => {
            let once = marked.once(StatusCode::OK, |_| json!({}));
            let channels = |id: &Id<Integration>| api.channels.get(id);
            let talk = Talk::Named(&conversation);
            api.core.show_activity(&tenant, talk, activity, &channels, once).await?;
        }
    }
    Ok(Json(json!({})))
}
