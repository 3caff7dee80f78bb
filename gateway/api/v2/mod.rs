//! v2: the route table.

mod activities;
mod apps;
mod attachments;
mod clients;
mod control;
mod conversations;
mod devices;
mod integration_keys;
mod integrations;
mod keys;
mod messages;
mod notifications;
mod oauth;
mod participants;
mod switchboards;
mod users;
mod webhooks;

use serde::Deserialize;

use super::gate::Access::{Account, AccountOrApp, Anybody, App, AppOrIntegration, Integration, OneApp};
use super::table::{Shapes, Table};
use super::v1::remove_attachment;

/// The routes of `/v2` and `/oauth`.
pub(super) fn table() -> Table {
    let table =
        notifications(switchboards(talks(outlets(people(apps_and_keys(Table::at("/v2", Shapes::Long)))))));
    table
        .get("/tokenInfo", OneApp, oauth::token_info)
        .then_at("/oauth")
        .get("/authorize", Anybody, oauth::refuse)
        .post("/token", Anybody, oauth::refuse)
        .delete("/authorization", Integration, oauth::revoke)
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
        .post("/apps/{app}/users", AppOrIntegration, users::create)
        .get("/apps/{app}/users", AppOrIntegration, users::list)
        .get("/apps/{app}/users/{user}", AppOrIntegration, users::read)
        .patch("/apps/{app}/users/{user}", AppOrIntegration, users::update)
        .delete("/apps/{app}/users/{user}", AppOrIntegration, users::delete)
        .delete("/apps/{app}/users/{user}/personalinformation", AppOrIntegration, users::forget_profile)
        .post("/apps/{app}/users/{user}/sync", AppOrIntegration, users::sync)
        .post("/apps/{app}/users/{user}/clients", AppOrIntegration, clients::create)
        .get("/apps/{app}/users/{user}/clients", AppOrIntegration, clients::list)
        .delete("/apps/{app}/users/{user}/clients/{client}", AppOrIntegration, clients::delete)
        .get("/apps/{app}/users/{user}/devices", AppOrIntegration, devices::list)
        .get("/apps/{app}/users/{user}/devices/{device}", AppOrIntegration, devices::read)
}

fn outlets(table: Table) -> Table {
    table
        .post("/apps/{app}/attachments", AppOrIntegration, attachments::create)
        .post("/apps/{app}/attachments/remove", AppOrIntegration, remove_attachment)
        .post("/apps/{app}/integrations", App, integrations::create)
        .get("/apps/{app}/integrations", App, integrations::list)
        .get("/apps/{app}/integrations/{integration}", App, integrations::read)
        .patch("/apps/{app}/integrations/{integration}", App, integrations::update)
        .delete("/apps/{app}/integrations/{integration}", App, integrations::delete)
        .post("/apps/{app}/integrations/{integration}/keys", App, integration_keys::create)
        .get("/apps/{app}/integrations/{integration}/keys", App, integration_keys::list)
        .get("/apps/{app}/integrations/{integration}/keys/{key}", App, integration_keys::read)
        .delete("/apps/{app}/integrations/{integration}/keys/{key}", App, integration_keys::delete)
        .post("/apps/{app}/integrations/{integration}/webhooks", AppOrIntegration, webhooks::create)
        .get("/apps/{app}/integrations/{integration}/webhooks", AppOrIntegration, webhooks::list)
        .get("/apps/{app}/integrations/{integration}/webhooks/{webhook}", AppOrIntegration, webhooks::read)
        .patch(
            "/apps/{app}/integrations/{integration}/webhooks/{webhook}",
            AppOrIntegration,
            webhooks::update,
        )
        .delete(
            "/apps/{app}/integrations/{integration}/webhooks/{webhook}",
            AppOrIntegration,
            webhooks::delete,
        )
}

fn switchboards(table: Table) -> Table {
    const ONE: &str = "/apps/{app}/switchboards/{switchboard}";
    const SEATS: &str = "/apps/{app}/switchboards/{switchboard}/switchboardIntegrations";
    const SEAT: &str =
        "/apps/{app}/switchboards/{switchboard}/switchboardIntegrations/{switchboardIntegration}";
    table
        .post("/apps/{app}/conversations/{conversation}/passControl", AppOrIntegration, control::pass)
        .post("/apps/{app}/conversations/{conversation}/offerControl", AppOrIntegration, control::offer)
        .post("/apps/{app}/conversations/{conversation}/acceptControl", AppOrIntegration, control::accept)
        .post("/apps/{app}/conversations/{conversation}/releaseControl", AppOrIntegration, control::release)
        .post("/apps/{app}/switchboards", App, switchboards::create)
        .get("/apps/{app}/switchboards", App, switchboards::list)
        .patch(ONE, App, switchboards::update)
        .delete(ONE, App, switchboards::delete)
        .post(SEATS, App, switchboards::create_seat)
        .get(SEATS, App, switchboards::list_seats)
        .patch(SEAT, App, switchboards::update_seat)
        .delete(SEAT, App, switchboards::delete_seat)
}

fn talks(table: Table) -> Table {
    table
        .post("/apps/{app}/conversations", AppOrIntegration, conversations::create)
        .get("/apps/{app}/conversations", AppOrIntegration, conversations::list)
        .get("/apps/{app}/conversations/{conversation}", AppOrIntegration, conversations::read)
        .patch("/apps/{app}/conversations/{conversation}", AppOrIntegration, conversations::update)
        .delete("/apps/{app}/conversations/{conversation}", AppOrIntegration, conversations::delete)
        .post("/apps/{app}/conversations/{conversation}/join", AppOrIntegration, participants::join)
        .get("/apps/{app}/conversations/{conversation}/participants", AppOrIntegration, participants::list)
        .post("/apps/{app}/conversations/{conversation}/leave", AppOrIntegration, participants::leave)
        .post("/apps/{app}/conversations/{conversation}/messages", AppOrIntegration, messages::create)
        .get("/apps/{app}/conversations/{conversation}/messages", AppOrIntegration, messages::list)
        .delete("/apps/{app}/conversations/{conversation}/messages", AppOrIntegration, messages::delete_all)
        .delete(
            "/apps/{app}/conversations/{conversation}/messages/{message}",
            AppOrIntegration,
            messages::delete,
        )
        .post("/apps/{app}/conversations/{conversation}/activity", AppOrIntegration, activities::create)
        .post("/apps/{app}/conversations/{conversation}/download", AppOrIntegration, conversations::download)
        .post(
            "/apps/{app}/conversations/{conversation}/conversionEvents",
            AppOrIntegration,
            conversations::convert,
        )
}

fn notifications(table: Table) -> Table {
    table.post("/apps/{app}/notifications", App, notifications::create)
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
