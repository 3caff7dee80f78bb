//! The profile of a number, and the upload session through which its photo comes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, Method, header},
};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Answered, Asked, Desk};
use crate::sim::{
    kept::Kept,
    lock,
    meta::{self, Refusal},
};

/// The texts of a profile with the characters each may have.
const TEXTS: [(&str, usize); 5] =
    [("about", 139), ("address", 256), ("description", 512), ("email", 128), ("vertical", 128)];
const WEBSITES: usize = 2;
const WEBSITE_LIMIT: usize = 256;

/// How many uploads are remembered, and how many bytes of their names.
const UPLOADS_LIMIT: (usize, usize) = (1_000, 1 << 20);

/// The profiles of numbers, by their ids, and what was put at Meta for them.
pub(super) struct Businesses {
    profiles: Mutex<HashMap<String, Map<String, Value>>>,
    /// What a session waits for; under its handle, what it got.
    uploads: Mutex<Kept<usize>>,
}

impl Businesses {
    /// Bare numbers.
    pub(super) fn new() -> Businesses {
        Businesses { profiles: Mutex::default(), uploads: Mutex::new(Kept::new(UPLOADS_LIMIT)) }
    }

    fn expect(&self, name: &str, bytes: usize) {
        lock(&self.uploads).push(Some(name.to_owned()), name.len(), Arc::new(bytes));
    }
}

/// `GET /{version}/{number}/whatsapp_business_profile`
pub(super) async fn show(
    State(desk): State<Desk>,
    Path((version, number)): Path<(String, String)>,
    Query(asked): Asked,
    headers: HeaderMap,
) -> Answered<Json<Value>> {
    desk.enter(&Method::GET, &version, &number, &headers)?;
    let profiles = lock(&desk.whatsapp.businesses.profiles);
    let mut shown = json!({"messaging_product": "whatsapp"});
    let fields = asked.get("fields").map_or("about", String::as_str).split(',');
    for (field, value) in fields.filter_map(|field| Some((field, profiles.get(&number)?.get(field)?))) {
        shown[field] = value.clone();
    }
    Ok(Json(json!({ "data": [shown] })))
}

/// `POST /{version}/{number}/whatsapp_business_profile`
pub(super) async fn change(
    State(desk): State<Desk>,
    Path((version, number)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered<Json<Value>> {
    desk.enter(&Method::POST, &version, &number, &headers)?;
    let mut given = meta::object(&headers, &body)?;
    if given.remove("messaging_product") != Some("whatsapp".into()) {
        return Err(Refusal::parameter("messaging_product must be whatsapp"));
    }
    for (name, value) in &given {
        check(&desk, name, value)?;
    }
    if given.remove("profile_picture_handle").is_some() {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
        let url = format!("http://{host}/files/profile-{number}.png");
        given.insert("profile_picture_url".into(), url.into());
    }
    lock(&desk.whatsapp.businesses.profiles).entry(number).or_default().extend(given);
    Ok(Json(json!({"success": true})))
}

fn check(desk: &Desk, name: &str, value: &Value) -> Answered<()> {
    let within = |value: &Value, most| value.as_str().is_some_and(|text| text.chars().count() <= most);
    let fits = match (name, TEXTS.iter().find(|(text, _)| *text == name)) {
        ("email", _) => {
            within(value, 128) && value.as_str().is_some_and(|at| at.is_empty() || at.contains('@'))
        }
        (_, Some((_, most))) => within(value, *most),
        ("websites", _) => {
            let is_site = |site: &Value| {
                within(site, WEBSITE_LIMIT) && site.as_str().is_some_and(|site| site.starts_with("http"))
            };
            value.as_array().is_some_and(|all| all.len() <= WEBSITES && all.iter().all(is_site))
        }
        ("profile_picture_handle", _) => {
            value.as_str().is_some_and(|handle| lock(&desk.whatsapp.businesses.uploads).get(handle).is_some())
        }
        _ => false,
    };
    if fits { Ok(()) } else { Err(Refusal::parameter(&format!("Param {name} is invalid"))) }
}

/// `POST /{version}/app/uploads?file_length=…&file_type=…`
pub(super) async fn open(
    State(desk): State<Desk>,
    Path(version): Path<String>,
    Query(asked): Asked,
    headers: HeaderMap,
) -> Answered<Json<Value>> {
    let token = meta::bearer(&headers).ok_or_else(Refusal::unauthorised)?;
    if !meta::is_version(&version) || desk.whatsapp.lines.find(|line| line.token == token).is_none() {
        return Err(Refusal::unauthorised());
    }
    let length = asked.get("file_length").and_then(|length| length.parse().ok());
    let length = length.ok_or_else(|| Refusal::parameter("Param file_length is invalid"))?;
    if !asked.get("file_type").is_some_and(|kind| matches!(kind.as_str(), "image/jpeg" | "image/png")) {
        return Err(Refusal::parameter("Param file_type is invalid"));
    }
    let session = format!("upload:{:032x}", rand::random::<u128>());
    desk.whatsapp.businesses.expect(&session, length);
    Ok(Json(json!({ "id": format!("{session}?sig=ARsimulated") })))
}

/// `POST /{version}/{session}?sig=…`: the whole file at once.
pub(super) async fn upload(
    State(desk): State<Desk>,
    Path((version, session)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered<Json<Value>> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let token = text("authorization").and_then(|value| value.strip_prefix("OAuth "));
    let opens = token.is_some_and(|token| desk.whatsapp.lines.find(|line| line.token == token).is_some());
    if !meta::is_version(&version) || !opens {
        return Err(Refusal::unauthorised());
    }
    let expected = lock(&desk.whatsapp.businesses.uploads).get(&session);
    let expected = expected.ok_or_else(|| Refusal::no_such_object(&Method::POST, &session))?;
    if text("file_offset") != Some("0") || body.len() != *expected {
        return Err(Refusal::parameter("the file does not end where the session expects it"));
    }
    let handle = format!("4::{}", &session["upload:".len()..]);
    desk.whatsapp.businesses.expect(&handle, body.len());
    Ok(Json(json!({ "h": handle })))
}
