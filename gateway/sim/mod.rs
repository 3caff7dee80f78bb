//! The provider simulator: answers as the providers do, tells back what became of each message, and keeps
//! the webhooks it receives. For development, tests and the demo; `README.md` beside this file is its contract.
//!
//! What differs between providers is behind `provider::Provider`, one folder each; the rest is shared. It
//! knows nothing of the gateway but what an [`Account`] says.

mod acts;
mod behaviour;
mod control;
mod counter;
mod files;
mod inbox;
mod kept;
mod limits;
mod mailgun;
mod messagebird;
mod messenger;
mod meta;
mod outbox;
mod places;
mod provider;
mod rules;
mod server;
mod sms;
mod twilio;
mod whatsapp;
mod wire;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{StatusCode, Uri},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::{
    acts::Acts, counter::Calls, inbox::Inbox, kept::Kept, limits::Limits, outbox::Outbox, provider::Provider,
    provider::Written, rules::Rules, server::Door, wire::Wire,
};

/// How many messages people wrote are remembered for repeating, and how many bytes of them.
const WRITTEN_LIMIT: (usize, usize) = (50_000, 64 << 20);

/// How many integrations may be told of.
const ACCOUNTS_MAX: usize = 10_000;

/// One integration as the simulator needs to know it.
pub struct Account {
    /// The channel's type, `twilio`.
    pub kind: String,
    /// The integration's id.
    pub integration_id: String,
    /// Where the provider posts this integration's hooks: `{publicUrl}/hooks/{type}/{integrationId}`.
    pub hook_url: String,
    /// The integration's settings by their names in the v1.1 API.
    pub settings: Map<String, Value>,
}

impl Account {
    /// A setting that is a text and not empty.
    fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name)?.as_str().filter(|text| !text.is_empty())
    }
}

// Written by hand because the settings hold secrets.
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("kind", &self.kind)
            .field("integration_id", &self.integration_id)
            .field("hook_url", &self.hook_url)
            .finish_non_exhaustive()
    }
}

/// Serves until cancelled. Receipts still owed then are forgotten.
pub async fn serve(listener: TcpListener, accounts: Vec<Account>, stop: CancellationToken) -> io::Result<()> {
    let sim = Arc::new(Sim::new(accounts, stop.clone())?);
    let app = router(&sim);
    server::serve(listener, app, Arc::clone(&sim.door), stop).await;
    sim.outbox.ended().await;
    Ok(())
}

/// Everything the simulator holds, all of it in memory and bounded.
struct Sim {
    accounts: Mutex<HashMap<String, Arc<Account>>>,
    providers: HashMap<&'static str, Arc<dyn Provider>>,
    door: Arc<Door>,
    rules: Mutex<Rules>,
    limits: Mutex<Limits>,
    calls: Calls,
    outbox: Outbox,
    written: Mutex<Kept<Written>>,
    inbox: Inbox,
    acts: Acts,
}

impl Sim {
    fn new(accounts: Vec<Account>, stop: CancellationToken) -> io::Result<Sim> {
        let accounts: Vec<Arc<Account>> = accounts.into_iter().map(Arc::new).collect();
        Ok(Sim {
            providers: provider::all(&accounts),
            accounts: Mutex::new(
                accounts.into_iter().map(|account| (account.integration_id.clone(), account)).collect(),
            ),
            door: Arc::default(),
            rules: Mutex::default(),
            limits: Mutex::default(),
            calls: Calls::new(),
            outbox: Outbox::new(stop)?,
            written: Mutex::new(Kept::new(WRITTEN_LIMIT)),
            inbox: Inbox::new(),
            acts: Acts::new(),
        })
    }

    /// An integration and its provider, if both are known here.
    fn integration(&self, id: &str) -> Option<(Arc<Account>, &Arc<dyn Provider>)> {
        let account = lock(&self.accounts).get(id).cloned()?;
        let provider = self.providers.get(account.kind.as_str())?;
        Some((account, provider))
    }

    /// Knows an integration from now on, or anew.
    fn admit(&self, account: Account) -> Result<(), String> {
        let provider = self.providers.get(account.kind.as_str());
        let provider = provider.ok_or_else(|| format!("no provider {} here", account.kind))?;
        let mut accounts = lock(&self.accounts);
        match accounts.get(&account.integration_id) {
            Some(known) if known.kind != account.kind => {
                return Err(format!("integration {} is of type {}", known.integration_id, known.kind));
            }
            None if accounts.len() >= ACCOUNTS_MAX => {
                return Err(format!("no more than {ACCOUNTS_MAX} integrations"));
            }
            _ => {}
        }
        let account = Arc::new(account);
        if !provider.admit(&account) {
            return Err(format!("settings: incomplete for {}", account.kind));
        }
        accounts.insert(account.integration_id.clone(), account);
        Ok(())
    }
}

fn router(sim: &Arc<Sim>) -> Router {
    let mut app = Router::new()
        .route("/", get(|| async { include_str!("README.md") }))
        .merge(inbox::routes())
        .merge(control::routes())
        .merge(files::routes())
        .fallback(no_such_call)
        .method_not_allowed_fallback(no_such_call)
        .with_state(Arc::clone(sim));
    for (kind, provider) in &sim.providers {
        let routes = Arc::clone(provider).routes(Arc::clone(sim));
        let guarded = routes.layer(from_fn_with_state((Arc::clone(sim), *kind), cut_off));
        app = app.nest(&format!("/{kind}"), guarded);
    }
    app
}

/// Where a rule cuts calls off before anybody reads them.
async fn cut_off(
    State((sim, kind)): State<(Arc<Sim>, &'static str)>,
    request: Request,
    provider: Next,
) -> Response {
    if lock(&sim.rules).cuts(kind) {
        return Wire::Reset.carry(());
    }
    provider.run(request).await
}

async fn no_such_call(uri: Uri) -> impl IntoResponse {
    let error =
        format!("{} is not a call of the simulator, or not with this method; GET / lists them", uri.path());
    (StatusCode::NOT_FOUND, Json(json!({ "error": error })))
}

/// Locks, also after a panic elsewhere: what is kept here is never half written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A moment as the API writes it.
fn iso(at: jiff::Timestamp) -> String {
    format!("{at:.3}")
}
