//! Identities that come and go, and people who turn out to be one.

use serde_json::Value;

use crate::model::{Client, DeliveryError, Departed, LinkOutcome, Source, Union, User};
use crate::wire::v2::message::source;
use crate::wire::v2::{known, views};
use crate::wire::written::Written;

use super::{Teller, departed, failure};

impl Teller<'_> {
    /// A link begins. Who began it does so through the API.
    pub(super) fn link_started(self, user: &User, client: &Client) -> Written {
        self.conversation()
            .and(self.identity(user, Some(client)))
            .with("reason", "channelLinking")
            .with("source", source(&Source::of("api")))
    }

    /// A link moves. One that fails is told by the identity that goes.
    pub(super) fn linked(self, outcome: &LinkOutcome, user: &User, client: Option<&Client>) -> Written {
        let reason = match outcome {
            LinkOutcome::Match => "matched",
            LinkOutcome::Success | LinkOutcome::Failure(_) => "confirmed",
        };
        self.conversation().and(self.identity(user, client)).with("reason", reason)
    }

    pub(super) fn client_changed(self, user: &User, client: &Client, reason: &str) -> Written {
        self.conversation().and(self.identity(user, Some(client))).with("reason", reason)
    }

    pub(super) fn client_removed(
        self,
        user: &User,
        client: &Client,
        reason: &str,
        error: Option<&DeliveryError>,
    ) -> Written {
        let by_api = reason == "api";
        let held = if by_api { Written::new() } else { self.conversation() };
        let from = if by_api { Source::of("api") } else { through(client) };
        held.and(self.identity(user, Some(client)))
            .with("reason", reason)
            .maybe("error", error.map(failure))
            .with("source", source(&from))
    }

    fn identity(self, user: &User, client: Option<&Client>) -> Written {
        Written::new().with("user", self.user(user)).maybe("client", client.and_then(known::client))
    }

    pub(super) fn merged(self, surviving: &User, gone: &[Departed], details: Option<&Union>) -> Written {
        let pair = |surviving: Value, discarded: Value| {
            Written::new().with("surviving", surviving).with("discarded", discarded)
        };
        let discarded = match details {
            Some(details) => Some(self.user(&details.discarded)),
            None => gone.first().map(departed),
        };
        let conversations = details.and_then(|details| details.conversations.as_ref());
        let clients = details.and_then(|details| details.clients.as_ref());
        let lost = details.map(|details| &details.discarded_metadata).filter(|lost| !lost.is_empty());
        Written::new()
            .with("mergedUsers", pair(self.user(surviving), discarded.unwrap_or_default()))
            .maybe(
                "mergedConversations",
                conversations.map(|(one, other)| {
                    pair(views::truncated_conversation(one), views::truncated_conversation(other))
                }),
            )
            .maybe(
                "mergedClients",
                clients.and_then(|(one, other)| Some(pair(known::client(one)?, known::client(other)?))),
            )
            .maybe("discardedMetadata", lost)
            .with("reason", details.map_or("api", |details| &details.reason))
    }
}

/// What an identity's own channel brought.
fn through(client: &Client) -> Source {
    Source { integration: Some(client.integration.clone()), ..Source::of(&client.kind) }
}
