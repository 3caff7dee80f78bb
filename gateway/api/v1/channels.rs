//! The channels linked to an app user.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use heliograph_connectors::channel::Confirmations;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Named};
use crate::api::{Api, route};
use crate::core::{CoreError, Link, Linking, Thing, Which};
use crate::model::{Client, Id, Integration, Tenant};
use crate::wire::v1;

use super::UserPath;

/// `GET /appusers/{user}/channels`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
) -> Result<Json<Value>, Problem> {
    let user = api.core.user(&tenant, &user).await?;
    let live = user.clients.iter().filter(|client| tenant.integration(&client.integration).is_some());
    let channels: Vec<Value> = live.map(|client| shown(&api, client)).collect();
    Ok(Json(json!({ "channels": channels })))
}

fn shown(api: &Api, client: &Client) -> Value {
    let mut shown = json!({ "type": client.kind, "integrationId": client.integration.as_str() });
    // Under which name the address stands is the channel's to say; one whose settings are not complete has none.
    if let Some(channel) = api.channels.get(&client.integration) {
        shown[channel.capabilities().entity_key] = Value::from(client.address.as_str());
    }
    shown
}

/// `POST /appusers/{user}/channels`
pub(super) async fn link(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let asked = v1::LinkChannel::parse(&body, api.core.now())?;
    if !api.channels.knows(&asked.kind) {
        return Err(Problem::invalid("type", &format!("`{}` is not a channel of this gateway", asked.kind)));
    }
    let integration = chosen(&tenant, &asked.kind, asked.integration.as_ref())?;
    let channel = api.live(integration)?;
    let can = channel.capabilities();
    if can.confirmations == Confirmations::NONE {
        let why = format!(
            "nobody is linked on {} by what a business knows of them: its provider has retired customer matching. \
             `GET /appusers/{{user}}/linkrequest` gives an address for the person to open",
            can.word
        );
        return Err(Problem::invalid("type", &why));
    }
    let key = can.destination_key;
    let address = match asked.fields.get(key) {
        Some(Value::String(address)) => address.clone(),
        Some(_) => return Err(Problem::invalid(key, "must be a string")),
        None => return Err(Problem::required(key)),
    };
    let link = Link {
        address,
        criteria: asked.fields,
        confirmation: asked.confirmation,
        conversation: None,
        secondary: false,
    };
    api.intake.admission.send(&api.core, &tenant).await?;
    let once = marked.once(StatusCode::OK, linked);
    let linking = api.core.link(route(&tenant, integration, &*channel), &user, link, once).await?;
    Ok(Json(linked(&linking)))
}

fn linked(linking: &Linking) -> Value {
    json!({ "appUser": v1::app_user(&linking.user) })
}

/// The integration named, or the app's first of that type.
fn chosen<'a>(
    tenant: &'a Tenant,
    kind: &str,
    named: Option<&Id<Integration>>,
) -> Result<&'a Integration, Problem> {
    let missing = CoreError::NotFound(Thing::Integration);
    let Some(id) = named else {
        let first = tenant.integrations.iter().find(|integration| integration.kind == kind);
        return first.ok_or_else(|| missing.into());
    };
    let integration = tenant.integration(id).ok_or(missing)?;
    if integration.kind != kind {
        return Err(Problem::invalid("integrationId", &format!("is not of type `{kind}`")));
    }
    Ok(integration)
}

/// A user and one of their channels, by its type.
#[derive(Debug, Deserialize)]
pub(super) struct LinkedPath {
    user: String,
    channel: String,
}

/// `DELETE /appusers/{user}/channels/{channel}`
pub(super) async fn unlink(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<LinkedPath>,
) -> Result<Json<Value>, Problem> {
    api.core.unlink(&tenant, &path.user, Which::Kind(&path.channel)).await?;
    Ok(Json(json!({})))
}

/// `GET /appusers/{user}/businesssystems`: none is ever connected here.
pub(super) async fn business_systems(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
) -> Result<Json<Value>, Problem> {
    api.core.user(&tenant, &user).await?;
    Ok(Json(json!({ "businessSystems": [] })))
}
