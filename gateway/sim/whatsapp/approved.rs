//! The message templates of accounts: asked for, listed page by page, deleted.

use std::{collections::HashMap, sync::Mutex};

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, Method},
};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Answered, Asked, Desk, Line};
use crate::sim::{
    lock,
    meta::{self, Refusal},
};

/// What Meta lets an account without a verified business have.
const TEMPLATES_MAX: usize = 250;

/// How many are on a page when nobody says how many.
const LISTED: usize = 25;

/// Content in this language already exists; there is no such template.
const TWICE: i64 = 2_388_024;
const UNKNOWN: i64 = 2_593_002;

/// The templates of accounts, by their ids: no more accounts than there are integrations.
#[derive(Default)]
pub(super) struct Templates(Mutex<HashMap<String, Vec<Map<String, Value>>>>);

impl Templates {
    /// Whether a number may send a template. Whose account nobody manages here may send any.
    pub(super) fn approves(&self, line: &Line, name: &str, language: &str) -> bool {
        if line.account_token.is_none() {
            return true;
        }
        let templates = lock(&self.0);
        let mut all = templates.get(&line.business).into_iter().flatten();
        all.any(|one| one["name"] == name && one["language"] == language && one["status"] == "APPROVED")
    }
}

/// Whether the caller may manage the account.
fn enter(desk: &Desk, method: &Method, version: &str, account: &str, headers: &HeaderMap) -> Answered<()> {
    if !meta::is_version(version) {
        return Err(Refusal::no_such_call());
    }
    let token = meta::bearer(headers).ok_or_else(Refusal::unauthorised)?;
    let lines = desk.whatsapp.lines.filter(|line| line.account_token.as_deref() == Some(token));
    match lines.iter().any(|line| line.business == account) {
        true => Ok(()),
        false if lines.is_empty() => Err(Refusal::unauthorised()),
        false => Err(Refusal::no_such_object(method, account)),
    }
}

/// `GET /{version}/{account}/message_templates`
pub(super) async fn list(
    State(desk): State<Desk>,
    Path((version, account)): Path<(String, String)>,
    axum::extract::Query(asked): Asked,
    headers: HeaderMap,
) -> Answered<Json<Value>> {
    enter(&desk, &Method::GET, &version, &account, &headers)?;
    let templates = lock(&desk.whatsapp.templates.0);
    let all = templates.get(&account).map(Vec::as_slice).unwrap_or_default();
    let is = |template: &Map<String, Value>, name: &str| {
        asked.get(name).is_none_or(|value| template[name].as_str() == Some(value))
    };
    let found: Vec<_> = all.iter().filter(|one| is(one, "name") && is(one, "status")).collect();
    let number = |name: &str| match asked.get(name).map(|text| text.parse::<usize>()) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => Err(Refusal::parameter(&format!("Param {name} is invalid"))),
    };
    let limit = number("limit")?.unwrap_or(LISTED).clamp(1, TEMPLATES_MAX);
    let from = match (number("before")?, number("after")?) {
        (Some(before), _) => before.saturating_sub(limit),
        (None, Some(after)) => after.saturating_add(1),
        (None, None) => 0,
    };
    let page: Vec<_> = found.iter().skip(from).take(limit).collect();
    let mut paging = json!({});
    if let Some(last) = (from + page.len()).checked_sub(1).filter(|_| !page.is_empty()) {
        paging["cursors"] = json!({"before": from.to_string(), "after": last.to_string()});
        let address = |cursor: &str| format!("https://graph.facebook.com/{version}/{account}/{cursor}");
        if from > 0 {
            paging["previous"] = address(&format!("message_templates?before={from}")).into();
        }
        if last + 1 < found.len() {
            paging["next"] = address(&format!("message_templates?after={last}")).into();
        }
    }
    Ok(Json(json!({"data": page, "paging": paging})))
}

/// `POST /{version}/{account}/message_templates`
pub(super) async fn create(
    State(desk): State<Desk>,
    Path((version, account)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered<Json<Value>> {
    enter(&desk, &Method::POST, &version, &account, &headers)?;
    let mut template = meta::object(&headers, &body)?;
    check(&template)?;
    let mut templates = lock(&desk.whatsapp.templates.0);
    let all = templates.entry(account).or_default();
    if all.iter().any(|one| one["name"] == template["name"] && one["language"] == template["language"]) {
        return Err(Refusal::parameter("Invalid parameter").with_subcode(TWICE));
    }
    if all.len() >= TEMPLATES_MAX {
        return Err(Refusal::new(80008, "There have been too many templates for this account."));
    }
    let id = meta::id_of(&format!("{:032x}", rand::random::<u128>()));
    // Meta looks at it while nobody looks at Meta.
    let is_refused = template["name"].as_str().is_some_and(|name| name.starts_with("rejected"));
    template.insert("id".into(), id.as_str().into());
    template.insert("status".into(), if is_refused { "REJECTED" } else { "APPROVED" }.into());
    let category = template["category"].clone();
    all.push(template);
    Ok(Json(json!({"id": id, "status": "PENDING", "category": category})))
}

fn check(template: &Map<String, Value>) -> Answered<()> {
    let text = |name: &str| template.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let wrong = |name: &str| Err(Refusal::parameter(&format!("Param {name} is invalid")));
    if text("name").is_empty() || !text("name").chars().all(is_name) {
        return wrong("name");
    }
    if text("language").is_empty() {
        return wrong("language");
    }
    if !["MARKETING", "UTILITY", "AUTHENTICATION"].contains(&text("category")) {
        return wrong("category");
    }
    let components = template.get("components").and_then(Value::as_array);
    let has_body = components.is_some_and(|all| all.iter().any(|part| part["type"] == "BODY"));
    if has_body { Ok(()) } else { wrong("components") }
}

/// `DELETE /{version}/{account}/message_templates?name=…`
pub(super) async fn delete(
    State(desk): State<Desk>,
    Path((version, account)): Path<(String, String)>,
    axum::extract::Query(asked): Asked,
    headers: HeaderMap,
) -> Answered<Json<Value>> {
    enter(&desk, &Method::DELETE, &version, &account, &headers)?;
    let name = asked.get("name").ok_or_else(|| Refusal::parameter("Param name is required"))?;
    let mut templates = lock(&desk.whatsapp.templates.0);
    let all = templates.entry(account).or_default();
    let before = all.len();
    all.retain(|template| template["name"].as_str() != Some(name));
    if all.len() == before {
        return Err(Refusal::parameter("Invalid parameter").with_subcode(UNKNOWN));
    }
    Ok(Json(json!({"success": true})))
}
