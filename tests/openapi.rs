//! The OpenAPI documents say what the gateway has: its routes, whom each is for, what webhooks can be told.

use std::collections::{BTreeMap, BTreeSet};

use heliograph::api::{Access, admin_routes, routes};
use heliograph::wire::{v1, v2};
use serde_json::{Value, json};

use crate::harness::config::{KEY, SECRET};
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    the_documents_are_served,
}

const V1: &str = include_str!("../gateway/openapi/v1.1.json");
const V2: &str = include_str!("../gateway/openapi/v2.json");
const ADMIN: &str = include_str!("../gateway/openapi/admin.json");

/// Names that stand for several events.
const UMBRELLAS: [&str; 2] = ["*", "message"];

fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("the document is JSON")
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Method and path of each operation, and the operation.
fn operations(document: &Value) -> BTreeMap<(String, String), Value> {
    let paths = members(&document["paths"]);
    let all = paths.flat_map(|(path, item)| {
        members(item).map(move |(method, told)| ((method.to_uppercase(), path.clone()), told.clone()))
    });
    all.collect()
}

fn words(list: &Value) -> BTreeSet<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Everything in a document that refers to another part of it.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

fn is_v1(path: &str) -> bool {
    path.starts_with("/v1.1/") || path.starts_with("/v1/")
}

#[test]
fn every_route_is_told_and_none_besides() {
    let all = routes();
    for (text, is_told_here) in [(V1, true), (V2, false)] {
        let here = all.iter().filter(|(_, path, _)| is_v1(path) == is_told_here);
        let built: BTreeSet<_> = here.map(|(method, path, _)| (method.to_string(), path.clone())).collect();
        let told: BTreeSet<_> = operations(&read(text)).into_keys().collect();
        assert_eq!(told, built, "the document's operations (left) and the gateway's");
    }
    let built: BTreeSet<_> =
        admin_routes().into_iter().map(|(method, path)| (method.to_string(), path.to_owned())).collect();
    let told: BTreeSet<_> = operations(&read(ADMIN)).into_keys().collect();
    assert_eq!(told, built, "the operator's document (left) and socket");
}

/// Whose credentials open a route.
fn scopes(access: Access, is_short: bool) -> BTreeSet<&'static str> {
    let all: &[&str] = match access {
        Access::Account => &["account"],
        Access::AccountOrApp | Access::App => &["account", "app"],
        Access::AppOrUser => &["account", "app", "appUser"],
        Access::AppOrIntegration => &["account", "app", "integration"],
        Access::OneApp => &["app", "integration"],
        Access::Integration => &["integration"],
        Access::Anybody => &[],
    };
    // Without an app in the path it is that of the key, and the account has none.
    all.iter().copied().filter(|scope| !is_short || *scope != "account").collect()
}

#[test]
fn an_operation_names_whom_it_is_for() {
    let told: BTreeMap<_, _> = [V1, V2].iter().flat_map(|text| operations(&read(text))).collect();
    let paths: BTreeSet<String> = told.keys().map(|(_, path)| path.clone()).collect();
    for (method, path, access) in routes() {
        let operation = &told[&(method.to_string(), path.clone())];
        let (version, rest) = path.split_at(path[1..].find('/').map_or(path.len(), |at| at + 1));
        let is_short = paths.contains(&format!("{version}/apps/{{app}}{rest}"));
        assert_eq!(words(&operation["x-scopes"]), scopes(access, is_short), "{method} {path}");
        let open = (access == Access::Anybody).then(|| json!([]));
        assert_eq!(
            operation.get("security"),
            open.as_ref(),
            "{method} {path}: all that takes a key takes any kind"
        );
    }
}

#[test]
fn an_operation_names_the_parameters_of_its_path() {
    for document in [V1, V2, ADMIN].map(read) {
        for ((method, path), operation) in operations(&document) {
            let named: BTreeSet<&str> =
                path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let of_path = parameters.filter_map(|parameter| {
                let name = parameter["$ref"].as_str()?.trim_start_matches('#');
                let told = document.pointer(name)?;
                (told["in"] == "path").then(|| told["name"].as_str())?
            });
            assert_eq!(of_path.collect::<BTreeSet<_>>(), named, "{method} {path}");
        }
    }
}

#[test]
fn every_trigger_is_told() {
    for (document, triggers) in [(read(V1), v1::TRIGGERS), (read(V2), v2::TRIGGERS)] {
        let told: BTreeSet<&str> = members(&document["webhooks"]).map(|(name, _)| name.as_str()).collect();
        let known = triggers.iter().copied().filter(|name| !UMBRELLAS.contains(name));
        assert_eq!(told, known.collect());
        let names = words(&document["components"]["schemas"]["Trigger"]["enum"]);
        assert_eq!(names, triggers.iter().copied().collect());
    }
}

#[test]
fn a_documents_parts_are_all_there_and_in_order() {
    for document in [V1, V2, ADMIN].map(read) {
        assert_eq!(document["openapi"], "3.1.0");
        let mut found = Vec::new();
        references(&document, &mut found);
        for name in &found {
            assert!(document.pointer(name.trim_start_matches('#')).is_some(), "{name} is not there");
        }
        for (name, schema) in members(&document["components"]["schemas"]) {
            assert!(jsonschema::meta::is_valid(schema), "{name} is no schema");
        }
        let ids: Vec<_> =
            operations(&document).into_values().map(|told| told["operationId"].to_string()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "each id is one operation's");
    }
}

/// What an operation says but for its name and what the app in its path brings.
fn without_app(operation: &Value) -> Value {
    let mut told = operation.clone();
    let fields = told.as_object_mut().expect("an operation");
    fields.remove("operationId");
    fields.remove("x-scopes");
    let parameters = fields.get_mut("parameters").and_then(Value::as_array_mut);
    if let Some(parameters) = parameters {
        parameters.retain(|one| one["$ref"] != "#/components/parameters/app");
    }
    fields.retain(|_, value| !value.as_array().is_some_and(Vec::is_empty));
    told
}

#[test]
fn both_shapes_of_a_path_say_the_same() {
    let told = operations(&read(V1));
    for ((method, path), long) in &told {
        let short = path.replacen("/apps/{app}/", "/", 1);
        if let Some(short) = told.get(&(method.clone(), short)) {
            assert_eq!(without_app(short), without_app(long), "{method} {path}");
        }
    }
}

async fn the_documents_are_served(engine: Engine) {
    let rig = Rig::start(engine).await;
    for (path, text) in [("/openapi/v1.1.json", V1), ("/openapi/v2.json", V2)] {
        let answer = rig.gateway.anonymous().get(path).await;
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(answer.expect(200), read(text));
    }
    let path = "/heliograph/v1/openapi.json";
    rig.gateway.open_admin().get(path).await.refused(401, "unauthorized");
    for admin in [rig.gateway.admin(), rig.gateway.admin_as(KEY, SECRET)] {
        assert_eq!(admin.get(path).await.expect(200), read(ADMIN));
    }
}
