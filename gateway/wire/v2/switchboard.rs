//! Switchboards and who takes turns on them.

use serde_json::Value;

use crate::model::{Integration, Switchboard, SwitchboardIntegration};
use crate::wire::written::Written;

/// A switchboard.
pub fn switchboard(board: &Switchboard) -> Value {
    Written::new()
        .with("id", &board.id)
        .with("enabled", board.enabled)
        .maybe("defaultSwitchboardIntegrationId", board.default.as_ref())
        .into()
}

/// A switchboard integration. Id and type of its integration always stand there: strict clients demand both.
pub fn switchboard_integration(seat: &SwitchboardIntegration) -> Value {
    Written::new().with("id", &seat.id).and(facts(seat)).into()
}

/// Who leads conversations that begin on an integration: somebody of its own, or the switchboard's default.
pub fn default_responder(board: &Switchboard, integration: &Integration) -> Option<Value> {
    let own = integration.default_responder.as_ref().and_then(|id| board.present(id));
    let seat = own.or_else(|| board.present(board.default.as_ref()?))?;
    Some(facts(seat).with("inherited", own.is_none()).into())
}

fn facts(seat: &SwitchboardIntegration) -> Written {
    Written::new()
        .with("name", &seat.name)
        .with("integrationId", &seat.integration)
        .with("integrationType", &seat.kind)
        .with("deliverStandbyEvents", seat.standby)
        .maybe("nextSwitchboardIntegrationId", seat.next.as_ref())
        .maybe("messageHistoryCount", seat.history)
}
