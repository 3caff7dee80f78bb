//! Conversations, and what is offered in them on channels that are not here.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::cursor::{Pages, Way};
use crate::api::deep::Deep;
use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Named};
use crate::core::{Change, NewTalk, TalkChange};
use crate::model::{Id, Whole, Whom};
use crate::wire::v2;

use super::ConversationPath;

/// `POST …/conversations`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let v2::NewConversation { kind, participants, fields } = v2::NewConversation::parse(&body)?;
    let new = NewTalk { kind, participants, known: change(fields) };
    let once = marked.once(StatusCode::CREATED, shown);
    let whole = api.core.create_conversation(&tenant, new, once).await?;
    Ok((StatusCode::CREATED, Json(shown(&whole))))
}

/// `GET …/conversations`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    pages: Pages,
    deep: Deep,
) -> Result<Json<Value>, Problem> {
    let who = filtered(deep)?;
    let listed = api.core.conversations_of(&tenant, &who, &pages.slice()).await?;
    let listed = listed.map(|whole| (whole.conversation.id.to_string(), v2::conversation(&whole)));
    Ok(Json(pages.of("conversations", api.channels.public_base(), listed, Way::Forwards)))
}

/// Whose conversations are wanted: exactly one name of one person.
fn filtered(deep: Deep) -> Result<Whom, Problem> {
    let mut filter = deep.filter;
    let (id, external) = (filter.remove("userId"), filter.remove("userExternalId"));
    match (id.filter(|id| !id.is_empty()), external.filter(|id| !id.is_empty())) {
        (Some(id), None) => Ok(Whom::Id(Id::new(id))),
        (None, Some(id)) => Ok(Whom::ExternalId(id)),
        _ => Err(Problem::bad_request("Invalid query parameters")),
    }
}

/// `GET …/conversations/{conversation}`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(ConversationPath { conversation }): Named<ConversationPath>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(shown(&api.core.conversation(&tenant, &conversation).await?)))
}

/// `PATCH …/conversations/{conversation}`
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(ConversationPath { conversation }): Named<ConversationPath>,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let change = change(v2::ConversationFields::parse(&body)?);
    Ok(Json(shown(&api.core.change_conversation(&tenant, &conversation, &change).await?)))
}

/// `DELETE …/conversations/{conversation}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(ConversationPath { conversation }): Named<ConversationPath>,
) -> Result<Json<Value>, Problem> {
    api.core.delete_conversation(&tenant, &conversation).await?;
    Ok(Json(json!({})))
}

/// `POST …/conversations/{conversation}/download`: what a message of Apple's refers to.
pub(super) async fn download(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(ConversationPath { conversation }): Named<ConversationPath>,
) -> Result<Json<Value>, Problem> {
    api.core.conversation(&tenant, &conversation).await?;
    Err(Problem::bad_request("Message references are available only for Apple Messages for Business"))
}

/// `POST …/conversations/{conversation}/conversionEvents`
pub(super) async fn convert(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(ConversationPath { conversation }): Named<ConversationPath>,
) -> Result<Json<Value>, Problem> {
    api.core.conversation(&tenant, &conversation).await?;
    Err(Problem::bad_request("Conversion events are not offered by this server"))
}

fn change(fields: v2::ConversationFields) -> TalkChange {
    TalkChange {
        display_name: Change::of(fields.display_name),
        description: Change::of(fields.description),
        icon_url: Change::of(fields.icon_url),
        clears_metadata: fields.clears_metadata,
        metadata: fields.metadata,
    }
}

fn shown(whole: &Whole) -> Value {
    json!({ "conversation": v2::conversation(whole) })
}
