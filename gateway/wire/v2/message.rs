//! Messages as v2 shows them: to who asks, and to webhooks, which may want to know more of who said it.

use heliograph_connectors::channel::Content;
use serde_json::Value;

use crate::model::{Author, Message, Quoted, Role, Source};
use crate::wire::written::Written;

use super::content::{content, filled};

/// A message.
pub fn message(message: &Message) -> Value {
    shown(message, author(&message.author), source(&message.source)).into()
}

fn shown(message: &Message, author: Written, source: Written) -> Written {
    Written::new()
        .with("id", &message.id)
        .with("received", message.received.iso())
        .with("author", author)
        .with("content", said(message))
        .with("source", source)
        .maybe("quotedMessage", message.quoted.as_ref().map(quoted))
        .maybe("metadata", (!message.metadata.is_empty()).then_some(&message.metadata))
}

/// What is said, with what is kept beside it.
fn said(message: &Message) -> Written {
    let written = content(&message.content);
    match &message.content {
        Content::Text { .. } => written.maybe("payload", filled(&message.payload)),
        Content::Image { .. } | Content::File { .. } => written.maybe("mediaSize", message.media_size),
        _ => written,
    }
}

/// Who said it. The business without a face has none here.
pub(super) fn author(author: &Author) -> Written {
    let (kind, user) = match author.role {
        Role::User => ("user", author.user.as_ref()),
        Role::Business => ("business", None),
    };
    Written::new()
        .with("type", kind)
        .maybe("userId", user)
        .maybe("displayName", filled(&author.name))
        .maybe("avatarUrl", filled(&author.avatar_url))
}

/// Where it came from. What the API brought is named by what it brought it to.
pub(super) fn source(source: &Source) -> Written {
    let kind = if source.kind == "api" { "api:conversations" } else { &source.kind };
    Written::new()
        .with("type", kind)
        .maybe("integrationId", source.integration.as_ref())
        .maybe("originalMessageId", filled(&source.original_id))
        .maybe("originalMessageTimestamp", source.original_at.map(|at| at.iso()))
}

fn quoted(quoted: &Quoted) -> Written {
    match quoted {
        Quoted::Message { content } => {
            let bare = Message { quoted: None, ..Message::clone(content) };
            Written::new().with("type", "message").with("message", message(&bare))
        }
        Quoted::ExternalMessageId { .. } => Written::of(quoted),
    }
}

#[cfg(test)]
mod tests;
