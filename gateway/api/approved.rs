//! Asks a provider what a template says that is not known here, before a message made of it is taken.

use std::time::Duration;

use heliograph_connectors::channel::{ApprovedTemplate, Body, TemplateName, TemplateQuery};
use tokio::sync::Semaphore;
use tracing::info;

use super::Api;
use super::problem::Problem;
use crate::core::Route;

/// Providers asked at once. Whoever waits for that mostly finds the answer when their turn comes.
const AT_ONCE: usize = 4;

/// How long a caller waits for their turn, and then for the answer; the message is taken all the same, and reads like its fallback.
const PATIENCE: Duration = Duration::from_secs(3);

/// Templates on the page that is asked for: a name has one per language.
const PAGE: u32 = 100;

/// The right to ask.
#[derive(Debug)]
pub struct Inquiries(Semaphore);

impl Default for Inquiries {
    fn default() -> Inquiries {
        Inquiries(Semaphore::new(AT_ONCE))
    }
}

/// Sees to it that what a message's template says is known, if its provider can be asked and answers soon.
pub(super) async fn learn(api: &Api, route: Route<'_>, body: &Body) -> Result<(), Problem> {
    if api.core.unknown_template(route, body).await?.is_none() {
        return Ok(());
    }
    let turn = tokio::time::timeout(PATIENCE, api.intake.inquiries.0.acquire());
    let Ok(Ok(_turn)) = turn.await else { return Ok(()) };
    // Somebody before us may have asked the same.
    let Some(name) = api.core.unknown_template(route, body).await? else { return Ok(()) };
    let template = tokio::time::timeout(PATIENCE, told(api, route, &name)).await.unwrap_or_default();
    Ok(api.core.keep_approved(&route.tenant.app.id, &route.integration.id, name, template).await?)
}

/// The template, if its provider knows it.
async fn told(api: &Api, route: Route<'_>, name: &TemplateName) -> Option<ApprovedTemplate> {
    let face = route.channel.templates()?;
    let asked =
        TemplateQuery { name: Some(name.name.clone()), limit: Some(PAGE), ..TemplateQuery::default() };
    match face.list(&asked, api.media.providers()).await {
        Ok(page) => {
            let is_it = |one: &ApprovedTemplate| one.name == name.name && one.language == name.language;
            page.templates.into_iter().find(is_it)
        }
        Err(error) => {
            info!(integration = %route.integration.id, %error, "the provider did not tell what a template says");
            None
        }
    }
}
