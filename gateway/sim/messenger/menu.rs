//! The profile of a page: its Get Started button and its persistent menu, checked as Meta checks them.

use std::{collections::HashMap, sync::Mutex};

use axum::{
    Json,
    extract::{Path, Query, State},
    http::HeaderMap,
};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Answered, Desk};
use crate::sim::{
    lock,
    meta::{self, Refusal},
};

const PROPERTIES: [&str; 2] = ["get_started", "persistent_menu"];
const TITLE_LIMIT: usize = 30;
const PAYLOAD_LIMIT: usize = 1000;
const ITEMS: usize = 20;

/// The profiles of pages, by their ids: no more than there are pages.
#[derive(Default)]
pub(super) struct Profiles(Mutex<HashMap<String, Map<String, Value>>>);

/// `GET /{version}/me/messenger_profile?fields=…`
pub(super) async fn show(
    State(desk): State<Desk>,
    Path(version): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Answered {
    let page = desk.messenger.enter(&version, &headers)?;
    let asked = query.get("fields").ok_or_else(|| Refusal::parameter("(#100) fields is required"))?;
    let profiles = lock(&desk.messenger.profiles.0);
    let profile = profiles.get(&page.id);
    let mut shown = Map::new();
    for name in asked.split(',') {
        known(name)?;
        if let Some(value) = profile.and_then(|profile| profile.get(name)) {
            shown.insert(name.to_owned(), value.clone());
        }
    }
    let data = if shown.is_empty() { json!([]) } else { json!([shown]) };
    Ok(Json(json!({ "data": data })))
}

/// `POST /{version}/me/messenger_profile`
pub(super) async fn put(
    State(desk): State<Desk>,
    Path(version): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered {
    let page = desk.messenger.enter(&version, &headers)?;
    let given = meta::object(&headers, &body)?;
    let mut profiles = lock(&desk.messenger.profiles.0);
    let profile = profiles.entry(page.id.clone()).or_default();
    for (name, value) in &given {
        known(name)?;
        match name.as_str() {
            "get_started" => text(&value["payload"], "get_started.payload", PAYLOAD_LIMIT)?,
            _ => check_menus(value)?,
        }
    }
    if given.contains_key("persistent_menu")
        && !given.contains_key("get_started")
        && !profile.contains_key("get_started")
    {
        return Err(Refusal::parameter("You must set a Get Started button if you also wish to use menu"));
    }
    profile.extend(given);
    Ok(Json(json!({"result": "success"})))
}

/// `DELETE /{version}/me/messenger_profile`
pub(super) async fn remove(
    State(desk): State<Desk>,
    Path(version): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered {
    let page = desk.messenger.enter(&version, &headers)?;
    let given = meta::object(&headers, &body)?;
    let fields = given.get("fields").and_then(Value::as_array).ok_or_else(|| wrong("fields"))?;
    let mut profiles = lock(&desk.messenger.profiles.0);
    let profile = profiles.entry(page.id.clone()).or_default();
    for field in fields {
        let name = field.as_str().ok_or_else(|| wrong("fields"))?;
        known(name)?;
        profile.remove(name);
    }
    Ok(Json(json!({"result": "success"})))
}

fn known(name: &str) -> Result<(), Refusal> {
    if PROPERTIES.contains(&name) { Ok(()) } else { Err(wrong(name)) }
}

fn wrong(name: &str) -> Refusal {
    Refusal::parameter(&format!("Param {name} is invalid"))
}

fn text(value: &Value, name: &str, limit: usize) -> Result<(), Refusal> {
    let fits = |text: &str| !text.trim().is_empty() && text.encode_utf16().count() <= limit;
    if value.as_str().is_some_and(fits) { Ok(()) } else { Err(wrong(name)) }
}

fn check_menus(menus: &Value) -> Result<(), Refusal> {
    let menus = menus.as_array().ok_or_else(|| wrong("persistent_menu"))?;
    if !menus.iter().any(|menu| menu["locale"] == "default") {
        return Err(Refusal::parameter("persistent_menu must have a menu with the locale default"));
    }
    for entry in menus.iter().flat_map(|menu| menu["call_to_actions"].as_array().into_iter().flatten()) {
        text(&entry["title"], "title", TITLE_LIMIT)?;
        match entry["type"].as_str() {
            Some("postback") => text(&entry["payload"], "payload", PAYLOAD_LIMIT)?,
            Some("web_url") => text(&entry["url"], "url", usize::MAX)?,
            _ => return Err(wrong("type")),
        }
    }
    let fits = |menu: &Value| menu["call_to_actions"].as_array().is_some_and(|all| all.len() <= ITEMS);
    if menus.iter().all(fits) { Ok(()) } else { Err(wrong("call_to_actions")) }
}
