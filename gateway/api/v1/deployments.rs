//! WhatsApp deployments: numbers at Meta, set up for the account before an app takes them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::integrations::{DEPLOYED, DEPLOYMENT, built, connected, made_from, numbers};
use crate::api::once::Marked;
use crate::api::page::Page;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Named};
use crate::model::{Deployment, Id, Integration};
use crate::settings::ACCOUNT;
use crate::wire::v1::{self, NewDeployment};

/// The deployment a path names.
#[derive(Debug, Deserialize)]
pub(super) struct DeploymentPath {
    deployment: String,
}

/// `POST /whatsapp/deployments`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let given = NewDeployment::parse(&body)?;
    let (now, settings) = (api.core.now(), api.channels.known(DEPLOYED, given.settings));
    let (id, account) = (Id::<Deployment>::fresh(now), Id::new(ACCOUNT));
    let number = Integration::new(Id::new(id.as_str()), account, DEPLOYED, settings);
    let facts = connected(&api, &*built(&api, &number)?).await?;
    let deployment =
        Deployment { id, hosting: given.hosting, settings: number.settings, facts, created: now };
    let once = marked.once(StatusCode::CREATED, shown_new);
    let made =
        api.settings.create_deployment(deployment, &|batch, made| once.enter(batch, now, made)).await?;
    Ok((StatusCode::CREATED, Json(shown_new(&made))))
}

/// `GET /whatsapp/deployments`
pub(super) async fn list(State(api): State<Arc<Api>>, page: Page) -> Result<Json<Value>, Problem> {
    let deployments = api.settings.deployments().await?;
    let own = deployments.iter().map(|one| v1::deployment(one, made_from(&api, &one.id).as_ref()));
    let others = numbers(&api).into_iter().filter(|one| !one.facts.contains_key(DEPLOYMENT));
    Ok(Json(page.of("deployments", own.chain(others.map(|one| v1::as_deployment(&one))))))
}

/// `GET /whatsapp/deployments/{deployment}`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    Named(path): Named<DeploymentPath>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "deployment": find(&api, &path).await? })))
}

/// `DELETE /whatsapp/deployments/{deployment}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Named(path): Named<DeploymentPath>,
) -> Result<Json<Value>, Problem> {
    if find(&api, &path).await?.get("integrationId").is_some() {
        return Err(Problem::conflict("An integration uses the deployment; remove that first"));
    }
    api.settings.delete_deployment(&Id::new(path.deployment)).await?;
    Ok(Json(json!({})))
}

/// `POST /whatsapp/deployments/{deployment}/activate` and `…/code/confirm`
pub(super) async fn verify(
    State(api): State<Arc<Api>>,
    Named(path): Named<DeploymentPath>,
) -> Result<Json<Value>, Problem> {
    find(&api, &path).await?;
    Err(Problem::bad_request(
        "Cloud API numbers are verified in Meta Business Manager, before they are set up here",
    ))
}

/// A deployment, or a number that goes for one, as it is shown.
async fn find(api: &Api, path: &DeploymentPath) -> Result<Value, Problem> {
    let id = Id::new(&*path.deployment);
    if let Some(found) = api.settings.deployment(&id).await? {
        return Ok(v1::deployment(&found, made_from(api, &id).as_ref()));
    }
    let number = numbers(api).into_iter().find(|one| one.id.as_str() == path.deployment);
    number.map(|one| v1::as_deployment(&one)).ok_or_else(Problem::not_found)
}

fn shown_new(deployment: &Deployment) -> Value {
    json!({ "deployment": v1::deployment(deployment, None) })
}
