//! Switchboards and who takes turns on them.

use serde_json::Value;

use crate::model::{Switchboard, SwitchboardIntegration};
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
    Written::new()
        .with("id", &seat.id)
        .with("name", &seat.name)
        .with("integrationId", &seat.integration)
        .with("integrationType", &seat.kind)
        .with("deliverStandbyEvents", seat.standby)
        .maybe("nextSwitchboardIntegrationId", seat.next.as_ref())
        .maybe("messageHistoryCount", seat.history)
        .into()
}
