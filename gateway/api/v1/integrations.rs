//! Integrations: an app's channels, made, changed and taken away while the gateway runs.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use heliograph_connectors::channel::{Channel, ChannelError, Fate};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::page::Page;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Asked, Named, commas};
use crate::core::{CoreError, Thing};
use crate::model::{Deployment, Id, Integration, IntegrationStatus, NewJob, Tenant};
use crate::wire::v1::{self, IntegrationChange, NewIntegration};

use super::deployments;

/// How long a provider may take to say whether credentials are good.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Settings that no provider has to be asked about.
const OWN: [&str; 3] = ["hsmFallbackLanguage", "hideUnsubscribeLink", "fromAddress"];

/// The fact that says which deployment an integration was made from.
pub(super) const DEPLOYMENT: &str = "deploymentId";

/// The integration a path names.
#[derive(Debug, Deserialize)]
pub(super) struct IntegrationPath {
    pub(super) integration: String,
}

/// Which integrations are wanted.
#[derive(Debug, Deserialize)]
pub(super) struct KindsQuery {
    types: Option<String>,
}

/// `POST /integrations`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let given = NewIntegration::parse(&body)?;
    if !api.channels.knows(&given.kind) {
        return Err(Problem::bad_request("Invalid integration type"));
    }
    let deployment = deployment(&api, &given).await?;
    let mut settings = api.channels.known(&given.kind, given.settings);
    settings.extend(deployment.iter().flat_map(|deployment| deployment.settings.clone()));
    let id = Id::fresh(api.core.now());
    let mut integration = Integration::new(id, tenant.app.id.clone(), given.kind, settings);
    integration.display_name = given.display_name;
    let channel = built(&api, &integration)?;
    integration.facts = connected(&api, &*channel).await?;
    if let Some(deployment) = &deployment {
        integration.facts.insert(DEPLOYMENT.into(), deployment.id.as_str().into());
    }
    let (once, now) = (marked.once(StatusCode::CREATED, Value::clone), api.core.now());
    let has_menu = has_menu(&api, &integration, &*channel).await?;
    let made = api
        .settings
        .create_integration(integration, &|batch, made| {
            once.enter(batch, now, &shown_by(&api, made, &*channel));
            if has_menu {
                batch.job(NewJob::show_menu(&made.id, now));
            }
        })
        .await?;
    follow(&api, &made.id);
    Ok((StatusCode::CREATED, Json(shown_by(&api, &made, &*channel))))
}

/// `GET /integrations`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    page: Page,
    Asked(query): Asked<KindsQuery>,
) -> Json<Value> {
    let kinds: Vec<&str> = query.types.as_deref().map(|types| commas(types).collect()).unwrap_or_default();
    let wanted = tenant.integrations.iter().filter(|one| kinds.is_empty() || kinds.contains(&&*one.kind));
    Json(page.of("integrations", wanted.map(|integration| view(&api, integration))))
}

/// `GET /integrations/{integration}`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<IntegrationPath>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "integration": view(&api, named(&tenant, &path)?) })))
}

/// `PUT /integrations/{integration}`
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<IntegrationPath>,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let current = named(&tenant, &path)?;
    refuse_declared(current)?;
    let mut change = IntegrationChange::parse(&body)?;
    let mut wanted = Integration { facts: Map::new(), ..current.clone() };
    change.apply(&mut wanted.settings);
    wanted.settings = api.channels.known(&wanted.kind, wanted.settings);
    let channel = built(&api, &wanted)?;
    change.settings.retain(|name, _| current.settings.get(name) != wanted.settings.get(name));
    let facts = match change.settings.keys().all(|name| OWN.contains(&name.as_str())) {
        true => None,
        false => Some(connected(&api, &*channel).await?),
    };
    // With other credentials it may be another page, which shows no menu yet.
    let shows_anew = facts.is_some() && has_menu(&api, current, &*channel).await?;
    let now = api.core.now();
    let change = |stored: &mut Integration| {
        change.apply(&mut stored.settings);
        if let Some(name) = change.display_name {
            stored.display_name = name;
        }
        if let Some(facts) = facts {
            let deployment = stored.facts.remove_entry(DEPLOYMENT);
            stored.facts = facts.into_iter().chain(deployment).collect();
            stored.status = IntegrationStatus::Active;
        }
    };
    let changed = api
        .settings
        .update_integration(&tenant.app.id, &current.id, change, &|batch| {
            if shows_anew {
                batch.job(NewJob::show_menu(&current.id, now));
            }
        })
        .await?;
    follow(&api, &changed.id);
    Ok(Json(json!({ "integration": view(&api, &changed) })))
}

/// `DELETE /integrations/{integration}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<IntegrationPath>,
) -> Result<Json<Value>, Problem> {
    let integration = named(&tenant, &path)?;
    let last = match api.channels.get(&integration.id) {
        Some(channel) if has_menu(&api, integration, &*channel).await? => {
            Some(NewJob::show_menu(&integration.id, api.core.now()))
        }
        _ => None,
    };
    api.settings.delete_integration(&tenant.app.id, &integration.id, last).await?;
    follow(&api, &integration.id);
    Ok(Json(json!({})))
}

/// Whether an integration shows a menu: its own or the app's.
async fn has_menu(api: &Api, integration: &Integration, channel: &dyn Channel) -> Result<bool, Problem> {
    if channel.menus().is_none() {
        return Ok(false);
    }
    let shown = api.settings.menu_shown(&integration.app, &integration.id).await;
    Ok(shown.map_err(CoreError::from)?.is_some())
}

/// The number set up before that an integration is to take; another has it already, then this is refused.
async fn deployment(api: &Api, given: &NewIntegration) -> Result<Option<Deployment>, Problem> {
    let Some(id) = given.deployment.as_deref().filter(|_| given.kind == deployments::KIND) else {
        return Ok(None);
    };
    let found = api.settings.deployment(&Id::new(id)).await?;
    let found = found.ok_or_else(|| Problem::invalid(DEPLOYMENT, "is no deployment of this account"))?;
    if deployments::user_of(api, &found.id).is_some() {
        return Err(Problem::conflict("Another integration uses the deployment"));
    }
    Ok(Some(found))
}

/// The integration of the app that a path names.
pub(super) fn named<'a>(tenant: &'a Tenant, path: &IntegrationPath) -> Result<&'a Integration, Problem> {
    let found = tenant.integrations.iter().find(|one| one.id.as_str() == path.integration);
    found.ok_or_else(|| CoreError::NotFound(Thing::Integration).into())
}

fn refuse_declared(integration: &Integration) -> Result<(), Problem> {
    match integration.declared {
        true => Err(Problem::forbidden("The integration is declared in the configuration file")),
        false => Ok(()),
    }
}

/// The channel that an integration would be. What is wrong with its settings is said all at once.
pub(super) fn built(api: &Api, integration: &Integration) -> Result<Arc<dyn Channel>, Problem> {
    api.channels.build(integration).map_err(|problems| {
        let told = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message));
        Problem::bad_request(told.collect::<Vec<_>>().join("; "))
    })
}

/// What the provider says about the integration, when its credentials are good.
pub(super) async fn connected(api: &Api, channel: &dyn Channel) -> Result<Map<String, Value>, Problem> {
    Ok(within(CONNECT_TIME, channel, channel.connect(api.media.providers())).await?.facts)
}

/// What a channel's provider answers, if it does so in time.
pub(super) async fn within<T>(
    time: Duration,
    channel: &dyn Channel,
    asked: impl Future<Output = Result<T, ChannelError>>,
) -> Result<T, Problem> {
    match tokio::time::timeout(time, asked).await {
        Ok(answered) => answered.map_err(|error| refused(channel, &error)),
        Err(_) => Err(Problem::unavailable(&format!("{} did not answer; try again", word(channel)))),
    }
}

/// What a provider's refusal is to the caller: theirs to put right, or to be tried again.
pub(super) fn refused(channel: &dyn Channel, error: &ChannelError) -> Problem {
    let word = word(channel);
    match error.fate {
        Fate::Permanent => Problem::bad_request(format!("{word} refused this: {}", error.detail)),
        Fate::Transient { .. } | Fate::Throttled { .. } => {
            Problem::unavailable(&format!("{word} could not be asked, try again: {}", error.detail))
        }
    }
}

fn word(channel: &dyn Channel) -> &'static str {
    channel.capabilities().word
}

/// Makes live what the settings now say.
pub(super) fn follow(api: &Api, id: &Id<Integration>) {
    api.channels.follow(id, || api.settings.owner(id)?.integration(id).cloned());
}

fn shown_by(api: &Api, integration: &Integration, channel: &dyn Channel) -> Value {
    let hooks = api.channels.hook_url(integration);
    json!({ "integration": v1::integration(integration, channel.capabilities().shown, hooks.as_str()) })
}

/// One whose settings make no channel shows nothing but that.
fn view(api: &Api, integration: &Integration) -> Value {
    let hooks = api.channels.hook_url(integration);
    match api.channels.get(&integration.id) {
        Some(channel) => v1::integration(integration, channel.capabilities().shown, hooks.as_str()),
        None => {
            let status = IntegrationStatus::Error("its settings are not complete".into());
            let integration = Integration { status, ..integration.clone() };
            v1::integration(&integration, &[], hooks.as_str())
        }
    }
}
