//! Codes by which a person shows who they are: link requests and auth codes.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use crate::api::Api;
use crate::api::gate::Caller;
use crate::api::problem::Problem;
use crate::api::receive::{Asked, Named, commas};
use crate::core::{CoreError, Thing};
use crate::model::{Id, Integration};

use super::UserPath;

/// For which integrations.
#[derive(Debug, Deserialize)]
pub(super) struct LinkRequestQuery {
    #[serde(rename = "integrationIds")]
    integrations: Option<String>,
}

/// `GET /appusers/{user}/linkrequest`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
    Asked(query): Asked<LinkRequestQuery>,
) -> Result<Json<Value>, Problem> {
    let missing = || Problem::required("integrationIds");
    let named = query.integrations.ok_or_else(missing)?;
    let named: Vec<Id<Integration>> = commas(&named).map(Id::new).collect();
    if named.is_empty() {
        return Err(missing());
    }
    let found = |id: &Id<Integration>| tenant.integration(id).ok_or(CoreError::NotFound(Thing::Integration));
    let integrations = named.iter().map(found).collect::<Result<Vec<_>, _>>()?;
    let codes = api.core.request_links(&tenant, &user, &integrations).await?;
    let shown: Vec<Value> =
        integrations.into_iter().zip(&codes).map(|(integration, code)| shown(integration, code)).collect();
    Ok(Json(json!({ "linkRequests": shown })))
}

fn shown(integration: &Integration, code: &str) -> Value {
    let mut shown =
        json!({ "integrationId": integration.id.as_str(), "type": integration.kind, "code": code });
    if let Some(url) = address(integration, code) {
        shown["url"] = url.into();
    }
    shown
}

/// Where the person opens the channel with the code already written; `None` where our own address there is not known.
fn address(integration: &Integration, code: &str) -> Option<String> {
    let known = |key| {
        let value = integration.facts.get(key).or_else(|| integration.settings.get(key))?;
        value.as_str().filter(|text| !text.is_empty())
    };
    Some(match integration.kind.as_str() {
        "messenger" => format!("https://m.me/{}?ref={code}", known("pageId")?),
        "whatsapp" => {
            let digits: String = known("phoneNumber")?.chars().filter(char::is_ascii_digit).collect();
            format!("https://wa.me/{digits}?text={code}")
        }
        "mailgun" => {
            let incoming: String = byte_serialize(known("incomingAddress")?.as_bytes()).collect();
            format!("mailto:{}?subject={code}&body={code}", incoming.replace("%40", "@"))
        }
        _ => format!("sms:{}?body={code}", known("phoneNumber").or_else(|| known("originator"))?),
    })
}

/// `GET /appusers/{user}/authcode`
pub(super) async fn auth_code(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
) -> Result<Json<Value>, Problem> {
    let code = api.core.auth_code(&tenant, &user).await?;
    Ok(Json(json!({ "authCode": code })))
}
