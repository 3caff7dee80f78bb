//! The messages of a conversation.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use heliograph_connectors::channel::Body;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::cursor::{Pages, Way};
use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::phrases::{self, Phrases};
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Named};
use crate::core::{Beside, CoreError, History, Instead, Listed, Post, Posted, Talk, Thing, Toward};
use crate::model::{Id, Integration, Markup, Tenant};
use crate::wire::v1::MessageDestination;
use crate::wire::v2;

use super::ConversationPath;

/// The type of an integration through which nothing is sent.
const NOWHERE: &str = "none";

/// One message of a conversation.
#[derive(Debug, Deserialize)]
pub(super) struct MessagePath {
    conversation: String,
    message: String,
}

/// `POST …/conversations/{conversation}/messages`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(ConversationPath { conversation }): Named<ConversationPath>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let asked = v2::NewMessage::parse(&body, api.core.now())?;
    api.intake.admission.send(&api.core, &tenant).await?;
    let post = post(&api, &tenant, Talk::Named(&conversation), asked).await?;
    let once = marked.once(StatusCode::CREATED, shown);
    let channels = |id: &Id<Integration>| api.channels.get(id);
    let posted = api.core.post(&tenant, Talk::Named(&conversation), post, &channels, once).await?;
    Ok((StatusCode::CREATED, Json(shown(&posted))))
}

/// What was asked for, as it is said: its shorthand read, and what single channels are sent in its stead.
async fn post(api: &Api, tenant: &Tenant, talk: Talk<'_>, asked: v2::NewMessage) -> Result<Post, Problem> {
    let v2::NewMessage { speaker, said, overrides, references, metadata, destination } = asked;
    let v2::Said { body, html_text, block_chat_input, payload } = said;
    let mut destination = destination.map(|destination| match destination {
        MessageDestination::Integration(id) => Toward::Integration(id),
        MessageDestination::Kind(kind) if kind == NOWHERE => Toward::Nobody,
        MessageDestination::Kind(kind) => Toward::Kind(kind),
    });
    let mut template = None;
    if let Body::Native { schema, message } = &body {
        // It makes sense on its own channel alone.
        destination = destination.or_else(|| Some(Toward::Kind(schema.clone())));
        template = message.get("template").cloned();
    }
    let toward = destination.as_ref();
    let Phrases { content, extra, mut instead } = match body {
        Body::Content(content) if html_text.is_some() => {
            Phrases { content, extra: Vec::new(), instead: Vec::new() }
        }
        Body::Content(content) => {
            phrases::read(api, tenant, talk, toward, (speaker.author.role, content)).await?
        }
        Body::Native { schema, message } => {
            phrases::native(api, tenant, talk, toward, (schema, message)).await?
        }
    };
    // A payload stands for the first of what is said; the others have none of their own.
    let exact = overrides.into_iter().map(|(kind, message)| {
        let body = Body::Native { schema: kind.clone(), message };
        Instead { place: 0, kind, body, shown: content.clone() }
    });
    instead.splice(0..0, exact.collect::<Vec<_>>());
    let markup = html_text.map(Markup::Html);
    let beside = Beside { markup, block_chat_input, template, references };
    let v2::Speaker { author, person } = speaker;
    Ok(Post { author, speaker: person, content, extra, instead, payload, metadata, destination, beside })
}

fn shown(posted: &Posted) -> Value {
    let all = std::iter::once(&posted.message).chain(&posted.extra);
    json!({ "messages": all.map(v2::message).collect::<Vec<_>>() })
}

/// `GET …/conversations/{conversation}/messages`: the newest, and from there backwards. A page has a hundred.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(ConversationPath { conversation }): Named<ConversationPath>,
    pages: Pages,
) -> Result<Json<Value>, Problem> {
    let History { messages, has_previous, has_next, .. } =
        api.core.messages_beside(&tenant, &conversation, &pages.slice()).await?;
    let items = messages.iter().map(|message| (message.id.to_string(), v2::message(message))).collect();
    let listed = Listed { items, has_earlier: has_previous, has_later: has_next };
    Ok(Json(pages.of("messages", api.channels.public_base(), listed, Way::Backwards)))
}

/// `DELETE …/conversations/{conversation}/messages`
pub(super) async fn delete_all(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(ConversationPath { conversation }): Named<ConversationPath>,
) -> Result<Json<Value>, Problem> {
    api.core.delete_messages(&tenant, Talk::Named(&conversation)).await?;
    Ok(Json(json!({})))
}

/// `DELETE …/conversations/{conversation}/messages/{message}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(MessagePath { conversation, message }): Named<MessagePath>,
) -> Result<Json<Value>, Problem> {
    match api.core.delete_message(&tenant, Talk::Named(&conversation), &message).await {
        // v2 has no word of its own for a message that is not there.
        Err(CoreError::NotFound(Thing::Message)) => Err(Problem::not_found()),
        deleted => {
            deleted?;
            Ok(Json(json!({})))
        }
    }
}
