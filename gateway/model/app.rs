//! What the operator sets up: apps, keys, integrations, webhooks.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use heliograph_connectors::channel::{Rate, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Client, ClientStatus, Custom, Id, Switchboard, SwitchboardIntegration, Timestamp, User};

/// A tenant: users, conversations and integrations live inside one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct App {
    /// 24 hex digits.
    pub id: Id<App>,
    /// What people call it; also the author's name where a message gives none.
    pub name: String,
    /// Its switches.
    #[serde(default)]
    pub settings: AppSettings,
    /// The pace all its integrations share; none when nothing is set.
    #[serde(default)]
    pub limits: Limits,
    /// What its makers noted about it.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// The service account with whose key it was made.
    #[serde(default)]
    pub service_account: Option<Id<ServiceAccount>>,
    /// Whether it comes from the configuration file, so that the API may not change it.
    #[serde(skip)]
    pub declared: bool,
    /// When it was made; 1970 for a declared one.
    pub created: Timestamp,
}

impl App {
    /// An app of which nothing else is set.
    pub fn new(id: Id<App>, name: impl Into<String>) -> App {
        App {
            id,
            name: name.into(),
            settings: AppSettings::default(),
            limits: Limits::default(),
            metadata: Map::new(),
            service_account: None,
            declared: false,
            created: Timestamp::from_millis(0),
        }
    }

    /// How long messages are kept; for ever when unset.
    pub fn retention(&self) -> Option<Duration> {
        let seconds = self.settings.conversation_retention_seconds;
        seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs)
    }
}

/// An app's switches, by the names v1.1 gives them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AppSettings {
    /// Anonymous people get invented names ("Optimistic Ferret").
    pub use_animal_names: bool,
    /// Card numbers are stored masked; on unless switched off.
    pub mask_credit_card_numbers: Option<bool>,
    /// How long messages are kept; for ever when unset.
    pub conversation_retention_seconds: Option<u64>,
    /// A postback is also kept as a message.
    pub echo_postback: bool,
    /// Conversations start only by a message.
    pub ignore_auto_conversation_start: bool,
    /// People may have several conversations, which merging keeps apart; once on, it stays on.
    pub multi_convo_enabled: bool,
    /// What the platform itself writes is in the person's language; on unless switched off. Kept for v2's clients.
    pub app_localization_enabled: Option<bool>,
    /// People may end a conversation. Kept for v2's clients.
    pub end_session_enabled: bool,
    /// Ended conversations stay ended. Kept for v2's clients.
    pub disable_conversation_reopen: bool,
}

/// A credential.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// `app_…`, `act_…`, `svc_…` or `int_…`.
    pub id: String,
    /// What people call it; its id in the configuration file.
    pub name: String,
    /// What tokens are signed with, and the password of Basic.
    pub secret: Secret,
    /// What it may reach.
    pub scope: KeyScope,
    /// Whether it comes from the configuration file, so that the API may not change it.
    pub declared: bool,
    /// When it was made; 1970 for a declared one.
    pub created: Timestamp,
}

impl Key {
    /// A key as the configuration file declares it.
    pub fn declared(id: impl Into<String>, secret: Secret, scope: KeyScope) -> Key {
        let (id, created) = (id.into(), Timestamp::from_millis(0));
        Key { name: id.clone(), id, secret, scope, declared: true, created }
    }
}

/// What a key may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyScope {
    /// Every app.
    Account,
    /// Every app, as long as the service account is there.
    ServiceAccount(Id<ServiceAccount>),
    /// One app.
    App(Id<App>),
    /// One app for a custom integration of it, and of its settings that integration's webhooks.
    Integration {
        /// The app.
        app: Id<App>,
        /// Which one it is.
        integration: Id<Integration>,
    },
}

impl KeyScope {
    /// Whether it reaches every app.
    pub fn is_account(&self) -> bool {
        matches!(self, KeyScope::Account | KeyScope::ServiceAccount(_))
    }

    /// Whether it reaches this app alone, or part of it.
    pub fn is_inside(&self, app: &Id<App>) -> bool {
        match self {
            KeyScope::App(own) | KeyScope::Integration { app: own, .. } => own == app,
            KeyScope::Account | KeyScope::ServiceAccount(_) => false,
        }
    }
}

/// Somebody who works on the account with keys of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccount {
    /// 24 hex digits.
    pub id: Id<ServiceAccount>,
    /// What people call it.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
}

/// A configured channel of an app.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Integration {
    /// 24 hex digits.
    pub id: Id<Integration>,
    /// Whose it is.
    pub app: Id<App>,
    /// The channel's type: `twilio`.
    pub kind: String,
    /// What people call it.
    #[serde(default)]
    pub display_name: Option<String>,
    /// The connector's settings, secrets included.
    pub settings: Map<String, Value>,
    /// What the provider knows better than the settings, as it said when it was asked.
    #[serde(default)]
    pub facts: Map<String, Value>,
    /// Whether it can be used, as far as that is known.
    #[serde(default)]
    pub status: IntegrationStatus,
    /// The pace set for it; what is unset is the channel's.
    #[serde(default)]
    pub limits: Limits,
    /// Whether an operator holds back all it sends.
    #[serde(skip)]
    pub paused: bool,
    /// What to do with a send whose outcome stays unknown.
    #[serde(default)]
    pub on_unknown: OnUnknown,
    /// Send even to those who opted out.
    #[serde(default)]
    pub ignore_opt_out: bool,
    /// Whether arrival at the person is reported; the channel's own answer when unset.
    #[serde(default)]
    pub user_receipts: Option<bool>,
    /// Who leads conversations that begin on it; the switchboard's default when unset.
    #[serde(default)]
    pub default_responder: Option<Id<SwitchboardIntegration>>,
    /// Whether it comes from the configuration file, so that the API may not change it.
    #[serde(skip)]
    pub declared: bool,
    /// When it was made; 1970 for a declared one.
    pub created: Timestamp,
}

/// Whether an integration can be used.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IntegrationStatus {
    /// It can.
    #[default]
    Active,
    /// Not yet, or not any more.
    Inactive,
    /// The provider refuses it, for this reason.
    Error(String),
}

impl Integration {
    /// An integration of which nothing else is set.
    pub fn new(
        id: Id<Integration>,
        app: Id<App>,
        kind: impl Into<String>,
        settings: Map<String, Value>,
    ) -> Integration {
        Integration {
            id,
            app,
            kind: kind.into(),
            display_name: None,
            settings,
            facts: Map::new(),
            status: IntegrationStatus::default(),
            limits: Limits::default(),
            paused: false,
            on_unknown: OnUnknown::default(),
            ignore_opt_out: false,
            user_receipts: None,
            default_responder: None,
            declared: false,
            created: Timestamp::from_millis(0),
        }
    }
}

/// Without the settings: they hold secrets.
impl fmt::Debug for Integration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Integration { id, app, kind, .. } = self;
        f.debug_struct("Integration")
            .field("id", id)
            .field("app", app)
            .field("kind", kind)
            .finish_non_exhaustive()
    }
}

/// The pace set for an integration.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Messages a second in the long run.
    #[serde(default)]
    pub per_second: Option<f64>,
    /// Messages in any 24 hours.
    #[serde(default)]
    pub per_day: Option<u64>,
    /// Messages that may leave at once after a pause.
    #[serde(default)]
    pub burst: Option<u32>,
}

impl Limits {
    /// These, and where one is unset, the other's.
    pub fn over(self, other: Limits) -> Limits {
        Limits {
            per_second: self.per_second.or(other.per_second),
            per_day: self.per_day.or(other.per_day),
            burst: self.burst.or(other.burst),
        }
    }

    /// Messages a second and at once, on a channel that usually takes so many. A pace set without a burst must not
    /// inherit a burst longer than its own second.
    pub fn pace(&self, usual: &Rate) -> (f64, u32) {
        let own = self.per_second.map(|per_second| (per_second.ceil() as u32).max(1));
        (self.per_second.unwrap_or(usual.per_second), self.burst.or(own).unwrap_or(usual.burst))
    }
}

/// What to do with a send whose outcome stays unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnUnknown {
    /// Send again: at least once, possibly twice.
    #[default]
    Resend,
    /// Keep it for a person to decide.
    Hold,
    /// Report failure: at most once, possibly never.
    Fail,
}

/// A subscription: what a customer wants to be told, and where.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// 24 hex digits.
    pub id: Id<Webhook>,
    /// Whose it is.
    pub app: Id<App>,
    /// Where to post.
    pub target: String,
    /// Trigger names as subscribed, `*` and `message` among them.
    pub triggers: BTreeSet<String>,
    /// Sent as `X-API-Key`, and the key of the signature.
    pub secret: String,
    /// The API version that made it decides the payload's shape.
    pub version: WebhookVersion,
    /// Whether the client is included where an event has one.
    #[serde(default)]
    pub include_client: bool,
    /// Whether the whole user is included.
    #[serde(default)]
    pub include_full_user: bool,
    /// The custom integration it was made for; without one it is its own.
    #[serde(default)]
    pub integration: Option<Id<Integration>>,
    /// What people call it, as the custom integration that it is.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether it comes from the configuration file, so that the API may not change it.
    #[serde(default)]
    pub declared: bool,
}

/// Without the secret, and without the target, which may carry one in its query.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Webhook { id, app, triggers, .. } = self;
        let mut shown = f.debug_struct("Webhook");
        shown.field("id", id).field("app", app).field("triggers", triggers).finish_non_exhaustive()
    }
}

/// Which payloads a webhook receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WebhookVersion {
    /// `v1.1`
    #[serde(rename = "v1.1")]
    V1,
    /// `v2`
    #[serde(rename = "v2")]
    V2,
}

/// An app with all that is set up for it: one immutable view, read without touching the store.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The app.
    pub app: App,
    /// Its channels.
    pub integrations: Vec<Integration>,
    /// Its subscriptions, oldest first.
    pub webhooks: Vec<Webhook>,
    /// The custom integrations that were made for it.
    pub customs: Vec<Custom>,
    /// Which of its systems lead its conversations, where they take turns.
    pub switchboard: Option<Switchboard>,
}

impl Tenant {
    /// An app for which nothing is set up yet.
    pub fn new(app: App) -> Tenant {
        Tenant { app, integrations: Vec::new(), webhooks: Vec::new(), customs: Vec::new(), switchboard: None }
    }

    /// A person as they can be reached: on an integration that is gone they are inactive.
    pub fn reaching(&self, mut user: User) -> User {
        let gone = |client: &&mut Client| self.integration(&client.integration).is_none();
        user.clients.iter_mut().filter(gone).for_each(|client| client.status = ClientStatus::Inactive);
        user
    }

    /// Whether anybody is told by v2, which tells more of conversations than their ids.
    pub fn speaks_v2(&self) -> bool {
        self.webhooks.iter().any(|webhook| webhook.version == WebhookVersion::V2)
    }

    /// The integration with this id.
    pub fn integration(&self, id: &Id<Integration>) -> Option<&Integration> {
        self.integrations.iter().find(|integration| integration.id == *id)
    }

    /// The webhook with this id.
    pub fn webhook(&self, id: &Id<Webhook>) -> Option<&Webhook> {
        self.webhooks.iter().find(|webhook| webhook.id == *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let secret = "fake-secret";
        let mut settings = Map::new();
        settings.insert("authToken".into(), secret.into());
        let integration = Integration::new(Id::new("i"), Id::new("a"), "twilio", settings);
        let webhook = Webhook {
            id: Id::new("w"),
            app: Id::new("a"),
            target: format!("https://example.com/?key={secret}"),
            triggers: BTreeSet::new(),
            secret: secret.into(),
            version: WebhookVersion::V1,
            include_client: false,
            include_full_user: false,
            integration: None,
            name: None,
            declared: false,
        };
        let key = Key::declared("k", Secret::new(secret), KeyScope::Account);
        let shown = format!("{integration:?} {webhook:?} {key:?}");
        assert!(!shown.contains(secret), "{shown}");
    }
}
