//! Switchboards: which of a business's systems leads a conversation, and which are on standby.

use serde::{Deserialize, Serialize};

use super::{App, Id, Integration};

/// The systems of an app that take turns, and whose turn it is where nothing else was said. An app has one at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Switchboard {
    /// 24 hex digits.
    pub id: Id<Switchboard>,
    /// Whose.
    pub app: Id<App>,
    /// Whether anybody is kept on standby; while it is off everybody hears everything.
    pub enabled: bool,
    /// Who leads conversations that nobody was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Id<SwitchboardIntegration>>,
    /// Those who take turns, in the order they were added.
    pub integrations: Vec<SwitchboardIntegration>,
}

/// An integration that takes turns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SwitchboardIntegration {
    /// 24 hex digits.
    pub id: Id<SwitchboardIntegration>,
    /// What it is called; unique on its switchboard.
    pub name: String,
    /// The integration: a channel, or a custom one.
    pub integration: Id<Integration>,
    /// That integration's type.
    pub kind: String,
    /// Whether it hears what is said while others lead.
    pub standby: bool,
    /// Whom it passes to where it names nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Id<SwitchboardIntegration>>,
    /// How many messages it is shown when it is given a conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<usize>,
    /// Whether its integration is gone from the configuration file: nobody can be given anything then.
    #[serde(skip)]
    pub absent: bool,
}

/// Who leads a conversation, and who may take over. Both may name somebody who is gone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Control {
    /// Who leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<Id<SwitchboardIntegration>>,
    /// To whom it was offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Id<SwitchboardIntegration>>,
}

impl Control {
    /// Whether nobody leads and nobody may take over.
    pub fn is_nobodys(&self) -> bool {
        *self == Control::default()
    }
}

impl Switchboard {
    /// One that nobody is on yet.
    pub fn new(id: Id<Switchboard>, app: Id<App>) -> Switchboard {
        Switchboard { id, app, enabled: false, default: None, integrations: Vec::new() }
    }

    /// Who has an id.
    pub fn named(&self, id: &Id<SwitchboardIntegration>) -> Option<&SwitchboardIntegration> {
        self.integrations.iter().find(|one| one.id == *id)
    }

    /// Who has an id and can be given a conversation.
    pub fn present(&self, id: &Id<SwitchboardIntegration>) -> Option<&SwitchboardIntegration> {
        self.named(id).filter(|one| !one.absent)
    }

    /// As whom an integration takes turns.
    pub fn seat_of(&self, integration: &Id<Integration>) -> Option<&SwitchboardIntegration> {
        self.integrations.iter().find(|one| one.integration == *integration)
    }
}
