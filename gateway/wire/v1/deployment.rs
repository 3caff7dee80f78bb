//! WhatsApp deployments as v1.1 shows them: numbers, without what opens them.

use serde_json::{Map, Value};

use crate::model::{Deployment, Integration};
use crate::wire::written::Written;

/// A number set up for the account, and the integration that took it.
pub fn deployment(deployment: &Deployment, user: Option<&Integration>) -> Value {
    let Deployment { id, hosting, settings, facts, .. } = deployment;
    shown(id.as_str(), hosting, [facts, settings])
        .maybe("integrationId", user.map(|integration| &integration.id))
        .into()
}

/// A number that an app has without a deployment.
pub fn as_deployment(integration: &Integration) -> Value {
    let Integration { id, settings, facts, .. } = integration;
    shown(id.as_str(), "self", [facts, settings]).with("integrationId", id).into()
}

fn shown(id: &str, hosting: &str, told: [&Map<String, Value>; 2]) -> Written {
    let digits = |number: &str| number.chars().filter(char::is_ascii_digit).collect::<String>();
    Written::new()
        .with("_id", id)
        .with("hosting", hosting)
        .with("status", "active")
        .maybe("phoneNumberId", text(told, "phoneNumberId"))
        .maybe("phoneNumber", text(told, "phoneNumber").map(digits))
        .maybe("name", text(told, "name"))
}

fn text<'a>(told: [&'a Map<String, Value>; 2], name: &str) -> Option<&'a str> {
    told.into_iter().find_map(|map| map.get(name)?.as_str())
}
