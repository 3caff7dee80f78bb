//! The identities of a person on channels: linked, listed and taken away.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::cursor::Pages;
use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Named};
use crate::api::{Api, route};
use crate::core::{CoreError, Link, Linking, Thing, Which};
use crate::wire::v2;

use super::UserPath;

/// `POST …/users/{user}/clients`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let asked = v2::NewClient::parse(&body, api.core.now())?;
    let missing = CoreError::NotFound(Thing::Integration);
    let integration = tenant.integration(&asked.integration).ok_or(missing)?;
    if integration.kind != asked.kind {
        let why = format!("is not of type `{}`", asked.kind);
        return Err(Problem::invalid("matchCriteria.integrationId", &why));
    }
    let channel = api.live(integration)?;
    let link = Link {
        address: asked.address,
        criteria: asked.criteria,
        confirmation: asked.confirmation,
        conversation: Some(asked.conversation),
        secondary: !asked.is_primary,
    };
    api.intake.admission.send(&api.core, &tenant).await?;
    let once = marked.once(StatusCode::CREATED, shown);
    let linking = api.core.link(route(&tenant, integration, &*channel), &user, link, once).await?;
    Ok((StatusCode::CREATED, Json(shown(&linking))))
}

/// `GET …/users/{user}/clients`: those linked and those that wait.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
    pages: Pages,
) -> Result<Json<Value>, Problem> {
    let user = tenant.reaching(api.core.user(&tenant, &user).await?);
    let all = user.clients.iter().chain(user.pending.iter().map(|link| &link.client));
    let known = all.filter(|client| v2::is_client_type(&client.kind));
    let entries = known.map(|client| (client.id.to_string(), v2::client(client))).collect();
    Ok(Json(pages.of_all("clients", api.channels.public_base(), entries)))
}

/// A user and one of their clients.
#[derive(Debug, Deserialize)]
pub(super) struct ClientPath {
    user: String,
    client: String,
}

/// `DELETE …/users/{user}/clients/{client}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<ClientPath>,
) -> Result<Json<Value>, Problem> {
    api.core.unlink(&tenant, &path.user, Which::Client(&path.client)).await?;
    Ok(Json(json!({})))
}

fn shown(linking: &Linking) -> Value {
    json!({ "client": v2::client(&linking.client) })
}
