//! Switchboards: one per app, a document that holds those who take turns.

use crate::model::{App, Id, Integration, Switchboard, SwitchboardIntegration, Tenant};
use crate::store::{Batch, Record, StoreError, Versioned};

use super::{Also, KeyOwner, Settings, SettingsError};

/// Integrations that may take turns (`reference: Sunshine v2, limits`).
pub const SEATS_MAX: usize = 10;

/// The type of what customers make themselves.
const CUSTOM: &str = "custom";

/// A switchboard as a caller describes it; what is unset stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SwitchboardChange {
    /// Whether turns are taken.
    pub enabled: Option<bool>,
    /// Who leads where nobody was given the lead.
    pub default: Option<Id<SwitchboardIntegration>>,
}

/// A switchboard integration as a caller describes it; what is unset stays as it is, or takes its default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeatChange {
    /// Its name, which a new one must have.
    pub name: Option<String>,
    /// The integration, which a new one must have.
    pub integration: Option<Sought>,
    /// Whether it hears what is said while others lead.
    pub standby: Option<bool>,
    /// Whom it passes to; nobody where that is `None`.
    pub next: Option<Option<Id<SwitchboardIntegration>>>,
    /// How many messages it is shown; none where that is `None`.
    pub history: Option<Option<usize>>,
}

/// How a caller says which integration is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought {
    /// By its id.
    Id(Id<Integration>),
    /// By a type of which the app has one.
    Kind(String),
}

/// Why a change of a switchboard was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SwitchboardRefused {
    /// There is no such switchboard.
    #[error("Switchboard not found")]
    NoSwitchboard,
    /// There is no such switchboard integration.
    #[error("SwitchboardIntegration not found")]
    NoSeat,
    /// There is no such integration.
    #[error("Integration not found")]
    NoIntegration,
    /// The app has one.
    #[error("Only one switchboard can be created per app")]
    Second,
    /// It has as many as it may have.
    #[error("Switchboard has reached the max number of switchboard integrations ({SEATS_MAX})")]
    Full,
    /// It is named where it must not vanish.
    #[error("{0}")]
    Needed(String),
    /// A field makes no sense.
    #[error("{field}: {message}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
}

fn invalid(field: &'static str, message: impl Into<String>) -> SwitchboardRefused {
    SwitchboardRefused::Invalid { field, message: message.into() }
}

impl Record for Switchboard {
    const KIND: &'static str = "switchboard";

    /// An app has one, so two that are made at once meet.
    fn record_id(&self) -> String {
        self.app.to_string()
    }
}

impl Settings {
    /// Makes the app's switchboard. What `also` adds is committed with it.
    pub async fn create_switchboard(
        &self,
        app: &Id<App>,
        also: Also<'_, Switchboard>,
    ) -> Result<Switchboard, SettingsError> {
        let mut changes = self.changes().await?;
        self.tenant(app).ok_or(SettingsError::NotFound)?;
        if self.stored_switchboard(app).await?.is_some() {
            return Err(SwitchboardRefused::Second.into());
        }
        let made = Switchboard::new(Id::fresh(self.clock.now()), app.clone());
        let mut batch = Batch::new(app);
        batch.insert(&made);
        also(&mut batch, &made);
        self.commit(&mut changes, batch, &KeyOwner::App(app.clone())).await?;
        Ok(made)
    }

    /// Changes a switchboard.
    pub async fn update_switchboard(
        &self,
        app: &Id<App>,
        id: &str,
        change: SwitchboardChange,
    ) -> Result<Switchboard, SettingsError> {
        let changed = self.change_switchboard(app, id, |_, board| {
            if let Some(default) = change.default {
                board.named(&default).ok_or_else(|| unknown("defaultSwitchboardIntegrationId"))?;
                board.default = Some(default);
            }
            board.enabled = change.enabled.unwrap_or(board.enabled);
            if board.enabled && board.default.is_none() {
                return Err(invalid("enabled", "needs a defaultSwitchboardIntegrationId"));
            }
            Ok(board.clone())
        });
        changed.await
    }

    /// Removes a switchboard: everybody hears everything again.
    pub async fn delete_switchboard(&self, app: &Id<App>, id: &str) -> Result<(), SettingsError> {
        let mut changes = self.changes().await?;
        let read = self.switchboard_named(app, id).await?;
        let mut batch = Batch::new(app);
        batch.delete(Switchboard::KIND, read.value.record_id());
        self.commit(&mut changes, batch, &KeyOwner::App(app.clone())).await
    }

    /// Lets an integration take turns. What `also` adds is committed with it.
    pub async fn create_seat(
        &self,
        app: &Id<App>,
        id: &str,
        change: SeatChange,
        also: Also<'_, SwitchboardIntegration>,
    ) -> Result<SwitchboardIntegration, SettingsError> {
        let seat = Id::fresh(self.clock.now());
        let add = |tenant: &Tenant, board: &mut Switchboard| added(tenant, board, seat, change);
        self.change_switchboard_and(app, id, add, also).await
    }

    /// Changes how an integration takes turns.
    pub async fn update_seat(
        &self,
        app: &Id<App>,
        id: &str,
        seat: &Id<SwitchboardIntegration>,
        change: SeatChange,
    ) -> Result<SwitchboardIntegration, SettingsError> {
        let changed = self.change_switchboard(app, id, |tenant, board| {
            let current = board.named(seat).cloned().ok_or(SwitchboardRefused::NoSeat)?;
            let changed = applied(tenant, board, current, change)?;
            for one in board.integrations.iter_mut().filter(|one| one.id == changed.id) {
                *one = changed.clone();
            }
            Ok(changed)
        });
        changed.await
    }

    /// Lets an integration take no more turns: it hears everything. What it led goes to the default.
    pub async fn delete_seat(
        &self,
        app: &Id<App>,
        id: &str,
        seat: &Id<SwitchboardIntegration>,
    ) -> Result<(), SettingsError> {
        let removed = self.change_switchboard(app, id, |_, board| {
            board.named(seat).ok_or(SwitchboardRefused::NoSeat)?;
            if board.default.as_ref() == Some(seat) {
                let told = "The switchboardIntegration is the default of its switchboard";
                return Err(SwitchboardRefused::Needed(told.to_owned()));
            }
            if let Some(before) = board.integrations.iter().find(|one| one.next.as_ref() == Some(seat)) {
                let told = format!("The switchboardIntegration is the next one of {}", before.name);
                return Err(SwitchboardRefused::Needed(told));
            }
            board.integrations.retain(|one| one.id != *seat);
            Ok(())
        });
        removed.await
    }

    /// Refuses to let go of an integration that takes turns.
    pub(super) fn refuse_seated(&self, app: &Id<App>, id: &Id<Integration>) -> Result<(), SettingsError> {
        let tenant = self.tenant(app).ok_or(SettingsError::NotFound)?;
        match tenant.switchboard.as_ref().and_then(|board| board.seat_of(id)) {
            None => Ok(()),
            Some(seat) => {
                let told =
                    format!("The integration is switchboardIntegration {}; remove that first", seat.name);
                Err(SwitchboardRefused::Needed(told).into())
            }
        }
    }

    /// The switchboard of an app, with those marked whose integration is not there.
    pub(super) async fn switchboard_for(&self, tenant: &Tenant) -> Result<Option<Switchboard>, StoreError> {
        let read = self.stored_switchboard(&tenant.app.id).await?;
        Ok(read.map(|read| {
            let mut board = read.value;
            for seat in &mut board.integrations {
                seat.absent = kind_of(tenant, &seat.integration).is_none();
            }
            board
        }))
    }

    async fn change_switchboard<T>(
        &self,
        app: &Id<App>,
        id: &str,
        change: impl FnOnce(&Tenant, &mut Switchboard) -> Result<T, SwitchboardRefused> + Send,
    ) -> Result<T, SettingsError> {
        self.change_switchboard_and(app, id, change, &|_, _| {}).await
    }

    async fn change_switchboard_and<T>(
        &self,
        app: &Id<App>,
        id: &str,
        change: impl FnOnce(&Tenant, &mut Switchboard) -> Result<T, SwitchboardRefused> + Send,
        also: Also<'_, T>,
    ) -> Result<T, SettingsError> {
        let mut changes = self.changes().await?;
        let tenant = self.tenant(app).ok_or(SettingsError::NotFound)?;
        let mut read = self.switchboard_named(app, id).await?;
        let done = change(&tenant, &mut read.value)?;
        let mut batch = Batch::new(app);
        batch.update(&read);
        also(&mut batch, &done);
        self.commit(&mut changes, batch, &KeyOwner::App(app.clone())).await?;
        Ok(done)
    }

    async fn switchboard_named(
        &self,
        app: &Id<App>,
        id: &str,
    ) -> Result<Versioned<Switchboard>, SettingsError> {
        let read = self.stored_switchboard(app).await?;
        let named = read.filter(|read| read.value.id.as_str() == id);
        named.ok_or_else(|| SwitchboardRefused::NoSwitchboard.into())
    }

    async fn stored_switchboard(&self, app: &Id<App>) -> Result<Option<Versioned<Switchboard>>, StoreError> {
        self.store.load(app, app.as_str()).await
    }
}

/// A new one at the end of a switchboard.
fn added(
    tenant: &Tenant,
    board: &mut Switchboard,
    id: Id<SwitchboardIntegration>,
    change: SeatChange,
) -> Result<SwitchboardIntegration, SwitchboardRefused> {
    if board.integrations.len() >= SEATS_MAX {
        return Err(SwitchboardRefused::Full);
    }
    let empty = SwitchboardIntegration {
        id,
        name: String::new(),
        integration: Id::new(""),
        kind: String::new(),
        standby: true,
        next: None,
        history: None,
        absent: false,
    };
    let seat = applied(tenant, board, empty, change)?;
    board.integrations.push(seat.clone());
    Ok(seat)
}

/// What a change makes of one of a switchboard's, which may be new.
fn applied(
    tenant: &Tenant,
    board: &Switchboard,
    mut seat: SwitchboardIntegration,
    change: SeatChange,
) -> Result<SwitchboardIntegration, SwitchboardRefused> {
    let others = || board.integrations.iter().filter(|one| one.id != seat.id);
    if let Some(name) = change.name {
        if others().any(|one| one.name == name) {
            return Err(invalid("name", "is taken"));
        }
        seat.name = name;
    }
    if let Some(outlet) = change.integration {
        let (integration, kind) = resolved(tenant, outlet)?;
        if board.integrations.iter().any(|one| one.id != seat.id && one.integration == integration) {
            return Err(invalid("integrationId", "has a switchboardIntegration"));
        }
        (seat.integration, seat.kind, seat.absent) = (integration, kind, false);
    }
    if let Some(next) = change.next {
        if next.as_ref().is_some_and(|next| *next == seat.id || board.named(next).is_none()) {
            return Err(unknown("nextSwitchboardIntegrationId"));
        }
        seat.next = next;
    }
    seat.standby = change.standby.unwrap_or(seat.standby);
    seat.history = change.history.unwrap_or(seat.history);
    Ok(seat)
}

fn unknown(field: &'static str) -> SwitchboardRefused {
    invalid(field, "must be the id of another switchboardIntegration of the switchboard")
}

/// The integration that is meant, and its type.
fn resolved(tenant: &Tenant, outlet: Sought) -> Result<(Id<Integration>, String), SwitchboardRefused> {
    match outlet {
        Sought::Id(id) => {
            let kind = kind_of(tenant, &id).ok_or(SwitchboardRefused::NoIntegration)?.to_owned();
            Ok((id, kind))
        }
        Sought::Kind(kind) => {
            let of_kind = outlets(tenant).filter(|(_, found)| *found == kind);
            match of_kind.map(|(id, _)| id).collect::<Vec<_>>().as_slice() {
                [id] => Ok((id.clone(), kind)),
                [] => Err(invalid("integrationType", "the app has no integration of this type")),
                _ => Err(invalid("integrationType", "the app has several integrations of this type")),
            }
        }
    }
}

fn kind_of<'a>(tenant: &'a Tenant, id: &Id<Integration>) -> Option<&'a str> {
    outlets(tenant).find(|(found, _)| found == id).map(|(_, kind)| kind)
}

/// Every integration that may take turns, with its type.
fn outlets(tenant: &Tenant) -> impl Iterator<Item = (Id<Integration>, &str)> {
    let channels = tenant.integrations.iter().map(|one| (one.id.clone(), one.kind.as_str()));
    channels.chain(tenant.all_customs().into_iter().map(|custom| (custom.id, CUSTOM)))
}
