//! v2: the route table.

mod activities;
mod apps;
mod clients;
mod conversations;
mod devices;
mod keys;
mod messages;
mod participants;
mod users;

use serde::Deserialize;

use super::gate::Access::{Account, AccountOrApp, App};
use super::table::{Shapes, Table};

/// The routes of `/v2`.
pub(super) fn table() -> Table {
    talks(people(apps_and_keys(Table::at("/v2", Shapes::Long))))
}

fn apps_and_keys(table: Table) -> Table {
    table
        .post("/apps", Account, apps::create)
        .get("/apps", Account, apps::list)
        .get("/apps/{app}", AccountOrApp, apps::read)
        .patch("/apps/{app}", AccountOrApp, apps::update)
        .delete("/apps/{app}", Account, apps::delete)
        .post("/apps/{app}/keys", Account, keys::create)
        .get("/apps/{app}/keys", Account, keys::list)
        .get("/apps/{app}/keys/{key}", Account, keys::read)
        .delete("/apps/{app}/keys/{key}", Account, keys::delete)
}

fn people(table: Table) -> Table {
    table
        .post("/apps/{app}/users", App, users::create)
        .get("/apps/{app}/users", App, users::list)
        .get("/apps/{app}/users/{user}", App, users::read)
        .patch("/apps/{app}/users/{user}", App, users::update)
        .delete("/apps/{app}/users/{user}", App, users::delete)
        .delete("/apps/{app}/users/{user}/personalinformation", App, users::forget_profile)
        .post("/apps/{app}/users/{user}/sync", App, users::sync)
        .post("/apps/{app}/users/{user}/clients", App, clients::create)
        .get("/apps/{app}/users/{user}/clients", App, clients::list)
        .delete("/apps/{app}/users/{user}/clients/{client}", App, clients::delete)
        .get("/apps/{app}/users/{user}/devices", App, devices::list)
        .get("/apps/{app}/users/{user}/devices/{device}", App, devices::read)
}

fn talks(table: Table) -> Table {
    table
        .post("/apps/{app}/conversations", App, conversations::create)
        .get("/apps/{app}/conversations", App, conversations::list)
        .get("/apps/{app}/conversations/{conversation}", App, conversations::read)
        .patch("/apps/{app}/conversations/{conversation}", App, conversations::update)
        .delete("/apps/{app}/conversations/{conversation}", App, conversations::delete)
        .post("/apps/{app}/conversations/{conversation}/join", App, participants::join)
        .get("/apps/{app}/conversations/{conversation}/participants", App, participants::list)
        .post("/apps/{app}/conversations/{conversation}/leave", App, participants::leave)
        .post("/apps/{app}/conversations/{conversation}/messages", App, messages::create)
        .get("/apps/{app}/conversations/{conversation}/messages", App, messages::list)
        .delete("/apps/{app}/conversations/{conversation}/messages", App, messages::delete_all)
        .delete("/apps/{app}/conversations/{conversation}/messages/{message}", App, messages::delete)
        .post("/apps/{app}/conversations/{conversation}/activity", App, activities::create)
        .post("/apps/{app}/conversations/{conversation}/download", App, conversations::download)
        .post("/apps/{app}/conversations/{conversation}/conversionEvents", App, conversations::convert)
}

/// The conversation a path names.
#[derive(Debug, Deserialize)]
struct ConversationPath {
    conversation: String,
}

/// The user a path names: our id, or the business's own.
#[derive(Debug, Deserialize)]
struct UserPath {
    user: String,
}
