//! Who leads a conversation for the business.

use serde_json::{Map, Value};

use crate::model::{ControlError, Controller, Message};
use crate::wire::v2::message::{More, message_webhook};
use crate::wire::written::Written;

use super::Teller;

impl Teller<'_> {
    /// The lead of a conversation moves, or was to. What was said before is for who leads next.
    pub(super) fn controlled(
        self,
        error: Option<&ControlError>,
        metadata: &Map<String, Value>,
        to: Option<&Controller>,
        history: &[Message],
    ) -> Written {
        let leads_next = to.is_some_and(|to| to.integration == self.webhook.owner());
        let history: Vec<Value> = history
            .iter()
            .filter(|_| leads_next)
            .map(|each| message_webhook(each, More::default()))
            .collect();
        self.conversation()
            .maybe("metadata", (!metadata.is_empty()).then_some(metadata))
            .maybe("error", error)
            .maybe("messageHistory", (!history.is_empty()).then_some(history))
    }
}
