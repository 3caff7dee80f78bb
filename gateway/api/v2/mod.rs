//! v2: the route table.

mod apps;
mod control;
mod devices;
mod keys;
mod switchboards;
mod users;

use serde::Deserialize;

use super::gate::Access::{Account, AccountOrApp, App};
use super::table::{Shapes, Table};

/// The routes of `/v2`.
pub(super) fn table() -> Table {
    switchboards(people(apps_and_keys(Table::at("/v2", Shapes::Long))))
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
        .get("/apps/{app}/users/{user}", App, users::read)
        .patch("/apps/{app}/users/{user}", App, users::update)
        .delete("/apps/{app}/users/{user}/personalinformation", App, users::forget_profile)
        .post("/apps/{app}/users/{user}/sync", App, users::sync)
        .get("/apps/{app}/users/{user}/devices", App, devices::list)
        .get("/apps/{app}/users/{user}/devices/{device}", App, devices::read)
}

fn switchboards(table: Table) -> Table {
    const ONE: &str = "/apps/{app}/switchboards/{switchboard}";
    const SEATS: &str = "/apps/{app}/switchboards/{switchboard}/switchboardIntegrations";
    const SEAT: &str =
        "/apps/{app}/switchboards/{switchboard}/switchboardIntegrations/{switchboardIntegration}";
    table
        .post("/apps/{app}/conversations/{conversation}/passControl", App, control::pass)
        .post("/apps/{app}/conversations/{conversation}/offerControl", App, control::offer)
        .post("/apps/{app}/conversations/{conversation}/acceptControl", App, control::accept)
        .post("/apps/{app}/conversations/{conversation}/releaseControl", App, control::release)
        .post("/apps/{app}/switchboards", App, switchboards::create)
        .get("/apps/{app}/switchboards", App, switchboards::list)
        .patch(ONE, App, switchboards::update)
        .delete(ONE, App, switchboards::delete)
        .post(SEATS, App, switchboards::create_seat)
        .get(SEATS, App, switchboards::list_seats)
        .patch(SEAT, App, switchboards::update_seat)
        .delete(SEAT, App, switchboards::delete_seat)
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
