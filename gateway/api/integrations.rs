//! Integrations made, changed and taken away while the gateway runs: what both versions do, each showing them in its way.

use std::sync::Arc;
use std::time::Duration;

use heliograph_connectors::channel::{Channel, ChannelError, Fate};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::Api;
use super::once::Marked;
use super::problem::Problem;
use crate::core::{CoreError, Thing};
use crate::model::{Deployment, Id, Integration, IntegrationStatus, NewJob, SwitchboardIntegration, Tenant};
use crate::settings::SettingsError;
use crate::wire::v1::{IntegrationChange, NewIntegration};

/// How long a provider may take to say whether credentials are good.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Settings that no provider has to be asked about.
const OWN: [&str; 3] = ["hsmFallbackLanguage", "hideUnsubscribeLink", "fromAddress"];

/// The fact that says which deployment an integration was made from.
pub(super) const DEPLOYMENT: &str = "deploymentId";

/// The channel whose numbers can be set up before.
pub(super) const DEPLOYED: &str = "whatsapp";

/// How a version writes an integration: with the settings named, which are no secrets, and where its provider calls.
pub(super) type Writer = fn(&Integration, &[&str], &str) -> Value;

/// Makes an integration when its provider says that the credentials are good.
pub(super) async fn make(
    api: &Api,
    tenant: &Tenant,
    given: NewIntegration,
    marked: &Marked,
    write: Writer,
) -> Result<Value, Problem> {
    if !api.channels.knows(&given.kind) {
        return Err(Problem::bad_request("Invalid integration type"));
    }
    refuse_responder(tenant, given.responder.as_ref())?;
    let deployment = deployment(api, &given).await?;
    let mut settings = api.channels.known(&given.kind, given.settings);
    settings.extend(deployment.iter().flat_map(|deployment| deployment.settings.clone()));
    let id = Id::fresh(api.core.now());
    let mut integration = Integration::new(id, tenant.app.id.clone(), given.kind, settings);
    integration.display_name = given.display_name;
    integration.default_responder = given.responder;
    let channel = built(api, &integration)?;
    integration.facts = connected(api, &*channel).await?;
    if let Some(deployment) = &deployment {
        integration.facts.insert(DEPLOYMENT.into(), deployment.id.as_str().into());
    }
    let (once, now) = (marked.once(StatusCode::CREATED, Value::clone), api.core.now());
    let has_menu = has_menu(api, &integration, &*channel).await?;
    let made = api
        .settings
        .create_integration(integration, &|batch, made| {
            once.enter(batch, now, &shown_by(api, made, &*channel, write));
            if has_menu {
                batch.job(NewJob::show_menu(&made.id, now));
            }
        })
        .await?;
    follow(api, &made.id);
    Ok(shown_by(api, &made, &*channel, write))
}

/// Changes an integration. Where its credentials change, its provider is asked again.
pub(super) async fn change(
    api: &Api,
    current: &Integration,
    mut change: IntegrationChange,
) -> Result<Integration, Problem> {
    refuse_declared(current)?;
    let tenant = api.settings.tenant(&current.app).ok_or(SettingsError::NotFound)?;
    refuse_responder(&tenant, change.responder.as_ref().and_then(Option::as_ref))?;
    let mut wanted = Integration { facts: Map::new(), ..current.clone() };
    change.apply(&mut wanted.settings);
    wanted.settings = api.channels.known(&wanted.kind, wanted.settings);
    let channel = built(api, &wanted)?;
    change.settings.retain(|name, _| current.settings.get(name) != wanted.settings.get(name));
    let facts = match change.settings.keys().all(|name| OWN.contains(&name.as_str())) {
        true => None,
        false => Some(connected(api, &*channel).await?),
    };
    // With other credentials it may be another page, which shows no menu yet.
    let shows_anew = facts.is_some() && has_menu(api, current, &*channel).await?;
    let now = api.core.now();
    let change = |stored: &mut Integration| {
        change.apply(&mut stored.settings);
        if let Some(name) = change.display_name {
            stored.display_name = name;
        }
        if let Some(responder) = change.responder {
            stored.default_responder = responder;
        }
        if let Some(facts) = facts {
            let deployment = stored.facts.remove_entry(DEPLOYMENT);
            stored.facts = facts.into_iter().chain(deployment).collect();
            stored.status = IntegrationStatus::Active;
        }
    };
    let changed = api
        .settings
        .update_integration(&current.app, &current.id, change, &|batch| {
            if shows_anew {
                batch.job(NewJob::show_menu(&current.id, now));
            }
        })
        .await?;
    follow(api, &changed.id);
    Ok(changed)
}

/// Conversations are led by somebody who is there.
fn refuse_responder(tenant: &Tenant, responder: Option<&Id<SwitchboardIntegration>>) -> Result<(), Problem> {
    let board = tenant.switchboard.as_ref();
    match responder {
        Some(id) if board.and_then(|board| board.named(id)).is_none() => {
            let message = "must be the id of a switchboardIntegration of the app";
            Err(Problem::invalid("defaultResponderId", message))
        }
        _ => Ok(()),
    }
}

/// Takes an integration away.
pub(super) async fn remove(api: &Api, integration: &Integration) -> Result<(), Problem> {
    let last = match api.channels.get(&integration.id) {
        Some(channel) if has_menu(api, integration, &*channel).await? => {
            Some(NewJob::show_menu(&integration.id, api.core.now()))
        }
        _ => None,
    };
    api.settings.delete_integration(&integration.app, &integration.id, last).await?;
    follow(api, &integration.id);
    Ok(())
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
    let Some(id) = given.deployment.as_deref().filter(|_| given.kind == DEPLOYED) else {
        return Ok(None);
    };
    let found = api.settings.deployment(&Id::new(id)).await?;
    let found = found.ok_or_else(|| Problem::invalid(DEPLOYMENT, "is no deployment of this account"))?;
    if made_from(api, &found.id).is_some() {
        return Err(Problem::conflict("Another integration uses the deployment"));
    }
    Ok(Some(found))
}

/// The integration of the app with this id.
pub(super) fn named<'a>(tenant: &'a Tenant, id: &Id<Integration>) -> Result<&'a Integration, Problem> {
    tenant.integration(id).ok_or_else(|| CoreError::NotFound(Thing::Integration).into())
}

/// The integration made from a deployment.
pub(super) fn made_from(api: &Api, deployment: &Id<Deployment>) -> Option<Integration> {
    let is_it = |one: &Integration| one.facts.get(DEPLOYMENT).is_some_and(|used| used == deployment.as_str());
    numbers(api).into_iter().find(is_it)
}

/// Every app's numbers of the channel that has deployments.
pub(super) fn numbers(api: &Api) -> Vec<Integration> {
    let tenants = api.settings.tenants();
    let all = tenants.iter().flat_map(|tenant| &tenant.integrations);
    all.filter(|integration| integration.kind == DEPLOYED).cloned().collect()
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
        if let [problem] = problems.as_slice() {
            return Problem::invalid(&problem.path, &problem.message);
        }
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

fn shown_by(api: &Api, integration: &Integration, channel: &dyn Channel, write: Writer) -> Value {
    let hooks = api.channels.hook_url(integration);
    json!({ "integration": write(integration, channel.capabilities().shown, hooks.as_str()) })
}

/// An integration as a version shows it. One whose settings make no channel shows nothing but that.
pub(super) fn view(api: &Api, integration: &Integration, write: Writer) -> Value {
    let hooks = api.channels.hook_url(integration);
    match api.channels.get(&integration.id) {
        Some(channel) => write(integration, channel.capabilities().shown, hooks.as_str()),
        None => {
            let status = IntegrationStatus::Error("its settings are not complete".into());
            let integration = Integration { status, ..integration.clone() };
            write(&integration, &[], hooks.as_str())
        }
    }
}
