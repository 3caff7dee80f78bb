//! Who takes part in a conversation.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::cursor::Pages;
use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Named};
use crate::core::{Leaver, Member};
use crate::wire::v2;

use super::ConversationPath;

/// `POST …/conversations/{conversation}/join`
pub(super) async fn join(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(ConversationPath { conversation }): Named<ConversationPath>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let v2::Join(whom) = v2::Join::parse(&body)?;
    let once = marked.once(StatusCode::CREATED, shown);
    let member = api.core.join(&tenant, &conversation, &whom, once).await?;
    Ok((StatusCode::CREATED, Json(shown(&member))))
}

/// `GET …/conversations/{conversation}/participants`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(ConversationPath { conversation }): Named<ConversationPath>,
    pages: Pages,
) -> Result<Json<Value>, Problem> {
    let members = api.core.members(&tenant, &conversation).await?;
    let named =
        |member: &Member| (member.participant.id_in(&member.conversation.id).to_string(), view(member));
    let all = members.iter().map(named).collect();
    Ok(Json(pages.of_all("participants", api.channels.public_base(), all)))
}

/// `POST …/conversations/{conversation}/leave`
pub(super) async fn leave(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(ConversationPath { conversation }): Named<ConversationPath>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let leaver = match v2::Leave::parse(&body)? {
        v2::Leave::Person(whom) => Leaver::Person(whom),
        v2::Leave::Participant(id) => Leaver::Participant(id),
    };
    let once = marked.once(StatusCode::OK, |()| json!({}));
    api.core.leave(&tenant, &conversation, &leaver, once).await?;
    Ok(Json(json!({})))
}

fn shown(member: &Member) -> Value {
    json!({ "participant": view(member) })
}

fn view(Member { conversation, participant, user }: &Member) -> Value {
    v2::participant(conversation, participant, user)
}
