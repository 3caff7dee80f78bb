//! Message templates that a provider has to approve: WhatsApp's, asked for, listed and deleted through an integration.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use heliograph_connectors::channel::{
    ApprovedTemplate, Channel, ChannelError, Fate, TemplateName, TemplatePage, TemplateQuery,
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Asked, Named};
use crate::core::{CoreError, Thing};
use crate::model::{Id, Integration, Tenant};
use crate::wire::v1;

/// How long the provider may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The integration a path names.
#[derive(Debug, Deserialize)]
pub(super) struct IntegrationPath {
    integration: String,
}

/// The integration a path names, and the template.
#[derive(Debug, Deserialize)]
pub(super) struct NamePath {
    integration: String,
    name: String,
}

/// `POST /integrations/{integration}/messageTemplates`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<IntegrationPath>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let asked = v1::message_template(&body)?;
    let (integration, channel) = with_templates(&api, &tenant, &path.integration)?;
    let face = channel.templates().ok_or_else(no_templates)?;
    let name = TemplateName { name: asked.name.clone(), language: asked.language.clone() };
    let made = in_time(face.create(&asked, api.media.providers())).await?;
    let once = marked.once(StatusCode::CREATED, view);
    api.core.template_made(&tenant.app.id, &integration.id, &name, &made, once).await?;
    Ok((StatusCode::CREATED, Json(view(&made))))
}

/// `GET /integrations/{integration}/messageTemplates`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<IntegrationPath>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let (_, channel) = with_templates(&api, &tenant, &path.integration)?;
    let face = channel.templates().ok_or_else(no_templates)?;
    let TemplatePage { templates, before, after } =
        in_time(face.list(&query.into(), api.media.providers())).await?;
    let mut page = json!({ "messageTemplates": templates });
    for (key, cursor) in [("before", before), ("after", after)] {
        if let Some(cursor) = cursor {
            page[key] = cursor.into();
        }
    }
    Ok(Json(page))
}

/// `DELETE /integrations/{integration}/messageTemplates/{name}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<NamePath>,
) -> Result<Json<Value>, Problem> {
    let (_, channel) = with_templates(&api, &tenant, &path.integration)?;
    let face = channel.templates().ok_or_else(no_templates)?;
    in_time(face.delete(&path.name, api.media.providers())).await?;
    Ok(Json(json!({})))
}

/// Which templates are wanted; what is unknown is ignored.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ListQuery {
    name: Option<String>,
    status: Option<String>,
    limit: Option<u32>,
    before: Option<String>,
    after: Option<String>,
}

impl From<ListQuery> for TemplateQuery {
    fn from(ListQuery { name, status, limit, before, after }: ListQuery) -> TemplateQuery {
        TemplateQuery { name, status, limit, before, after }
    }
}

/// An integration of the caller's, and its channel.
fn with_templates<'a>(
    api: &Api,
    tenant: &'a Tenant,
    id: &str,
) -> Result<(&'a Integration, Arc<dyn Channel>), Problem> {
    let found = tenant.integration(&Id::new(id)).ok_or(CoreError::NotFound(Thing::Integration))?;
    Ok((found, api.live(found)?))
}

fn no_templates() -> Problem {
    Problem::bad_request(
        "The integration has no message templates: it must be of type whatsapp, with accountId and \
         accountManagementAccessToken",
    )
}

/// What a provider answers, if it does so in time; what it refuses is refused in its words.
async fn in_time<T>(call: impl Future<Output = Result<T, ChannelError>>) -> Result<T, Problem> {
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) if error.fate == Fate::Permanent => Err(Problem::bad_request(error.detail)),
        Ok(Err(ChannelError { fate: Fate::Throttled { .. }, .. })) => {
            Err(Problem::too_many("WhatsApp takes no more calls for this account at present; try again"))
        }
        Ok(Err(_)) | Err(_) => Err(Problem::unavailable("WhatsApp did not answer; try again")),
    }
}

fn view(template: &ApprovedTemplate) -> Value {
    json!({ "messageTemplate": template })
}
