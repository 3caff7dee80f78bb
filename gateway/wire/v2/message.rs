//! Messages as v2 shows them: to who asks, and to webhooks, which may want to know more of who said it.

use heliograph_connectors::channel::Content;
use serde_json::Value;

use crate::model::{Author, Client, Markup, Message, Quoted, Reference, Role, Source};
use crate::wire::written::Written;

use super::content::{content, filled};
use super::known::client;

/// A message.
pub fn message(message: &Message) -> Value {
    shown(message, author(&message.author), source(&message.source)).into()
}

/// A message as webhooks are told of it.
pub(super) fn message_webhook(message: &Message, more: More<'_>) -> Value {
    shown(message, author_webhook(&message.author, more.user), source_webhook(&message.source, more.client))
        .into()
}

/// What a webhook is told beside a message.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct More<'a> {
    /// Who said it, as that webhook sees people.
    pub(super) user: Option<&'a Value>,
    /// The identity it came from, where the webhook wants to know.
    pub(super) client: Option<&'a Client>,
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
        .maybe("references", references(&message.references))
}

/// What is said, with what is kept beside it.
fn said(message: &Message) -> Written {
    if let Some(template) = &message.template {
        return Written::new().with("type", "template").with("template", template).and(hint(message));
    }
    let written = content(&message.content).and(hint(message));
    let html = match &message.markup {
        Some(Markup::Html(html)) => Some(html),
        Some(Markup::Markdown(_)) | None => None,
    };
    match &message.content {
        Content::Text { .. } => written.maybe("htmlText", html).maybe("payload", filled(&message.payload)),
        Content::Image { .. } | Content::File { .. } => {
            written.maybe("htmlText", html).maybe("mediaSize", message.media_size)
        }
        _ => written,
    }
}

/// Whether whoever shows it lets the person write.
fn hint(message: &Message) -> Written {
    Written::new().maybe("blockChatInput", message.block_chat_input)
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
        .maybe("subtypes", (!author.subtypes.is_empty()).then_some(&author.subtypes))
}

/// Who said or did it, with all that a webhook is told of them.
pub(super) fn author_webhook(by: &Author, user: Option<&Value>) -> Written {
    let user = user.filter(|_| by.role == Role::User);
    author(by).maybe("user", user)
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

/// Where it came from, with the identity it came from.
pub(super) fn source_webhook(from: &Source, through: Option<&Client>) -> Written {
    source(from).maybe("client", through.and_then(client))
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

fn references(references: &[Reference]) -> Option<&[Reference]> {
    (!references.is_empty()).then_some(references)
}

#[cfg(test)]
mod tests;
