//! Facebook Messenger: the calls the gateway makes, checked, and the hooks Meta posts.

mod hook;
mod menu;
mod order;
mod profile;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, Method},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use heliograph_connectors::channel::Secret;
use jiff::Timestamp;
use serde_json::{Value, json};

use self::menu::Profiles;
use self::profile::{Fields, People};
use super::{
    Account, Sim,
    behaviour::Answer,
    kept::Kept,
    lock,
    meta::{self, Refusal},
    outbox::Sent,
    places::{Place, Places},
    provider::{ErrorCode, Fate, Hook, Provider, Report, Signature, Written},
};

/// What `refuse` answers when it names no code: nobody has this id.
const NO_SUCH_PERSON: &str = "100/2018001";
/// Too many calls for one page.
const RATE_LIMIT: i64 = 613;
/// Of these, too many to one person.
const ONE_PERSON: i64 = 2_018_338;
/// Meta's own word for a fault of its own.
const UNEXPECTED: i64 = 2;

/// How many times of writing are remembered for repeating, and how many bytes of them.
const WRITTEN_LIMIT: (usize, usize) = (50_000, 8 << 20);

/// The pages Meta knows, and who wrote to them.
pub(super) struct Messenger {
    pages: Places<Page>,
    people: People,
    profiles: Profiles,
    written_at: Mutex<Kept<i64>>,
}

/// One integration's place at Meta: a page with its token, and the app that hears of it.
struct Page {
    account: Arc<Account>,
    id: String,
    token: Secret,
    app_id: String,
    app_secret: Secret,
}

impl Place for Page {
    fn new(account: &Arc<Account>) -> Option<Page> {
        let token = account.setting("pageAccessToken")?;
        Some(Page {
            id: account.setting("pageId").map_or_else(|| meta::id_of(token), str::to_owned),
            token: Secret::new(token),
            app_id: account.setting("appId")?.to_owned(),
            app_secret: Secret::new(account.setting("appSecret")?),
            account: Arc::clone(account),
        })
    }

    fn account(&self) -> &Arc<Account> {
        &self.account
    }
}

impl Page {
    fn signed(&self, hook: &Value, signature: Signature) -> Hook {
        meta::signed(self.app_secret.expose(), &self.account.hook_url, hook, signature)
    }
}

impl Messenger {
    /// Knows the Messenger integrations among these.
    pub(super) fn new(accounts: &[Arc<Account>]) -> Messenger {
        Messenger {
            pages: Places::of(accounts, "messenger"),
            people: People::new(),
            profiles: Profiles::default(),
            written_at: Mutex::new(Kept::new(WRITTEN_LIMIT)),
        }
    }

    /// When a message was written: a repeated hook says the same again.
    fn written_at(&self, provider_id: &str) -> i64 {
        let mut written_at = lock(&self.written_at);
        if let Some(at) = written_at.get(provider_id) {
            return *at;
        }
        let now = Timestamp::now().as_millisecond();
        written_at.push(Some(provider_id.to_owned()), 2 * provider_id.len(), Arc::new(now));
        now
    }

    /// The page whose token this is, once the call names a version.
    fn enter(&self, version: &str, headers: &HeaderMap) -> Result<Arc<Page>, Refusal> {
        if !meta::is_version(version) {
            return Err(Refusal::no_such_call());
        }
        let given = meta::bearer(headers).map(Secret::new).ok_or_else(Refusal::unauthorised)?;
        self.pages.find(|page| page.token == given).ok_or_else(Refusal::unauthorised)
    }
}

impl Provider for Messenger {
    fn routes(self: Arc<Self>, sim: Arc<Sim>) -> Router {
        Router::new()
            .route("/{version}/{page}/messages", post(send))
            .route("/{version}/me/messenger_profile", get(menu::show).post(menu::put).delete(menu::remove))
            .route("/{version}/{object}", get(show))
            .fallback(|| async { Refusal::no_such_call() })
            .method_not_allowed_fallback(|| async { Refusal::no_such_call() })
            .with_state(Desk { messenger: self, sim })
    }

    fn admit(&self, account: &Arc<Account>) -> bool {
        self.pages.admit(account)
    }

    fn reports(&self, fate: &Fate) -> Vec<Report> {
        let report = |status: &str| Report { status: status.to_owned(), error: None };
        match fate {
            Fate::Delivered => vec![report("echo"), report("delivered")],
            // What Meta took and cannot deliver it never speaks of again.
            Fate::Failed(_) | Fate::Silent => Vec::new(),
        }
    }

    fn new_id(&self, _has_media: bool) -> String {
        format!("m_{}", BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 24]>()))
    }

    fn written(&self, written: &Written, signature: Signature) -> Result<Hook, String> {
        let page = self
            .pages
            .place_of(&written.account)
            .ok_or("the integration has no pageAccessToken, appId and appSecret")?;
        if !order::is_id(&written.from) {
            return Err("from must be a page-scoped id, which is digits only".into());
        }
        if let Some(name) = &written.name {
            self.people.is_called(&page.id, &written.from, name);
        }
        let at = self.written_at(&written.provider_id);
        Ok(page.signed(&hook::written(&page.id, written, at)?, signature))
    }

    fn receipt(&self, sent: &Sent, report: &Report, signature: Signature) -> Option<Hook> {
        let page = self.pages.place_of(&sent.draft.account)?;
        Some(page.signed(&hook::receipt(&page.id, &page.app_id, sent, report)?, signature))
    }
}

/// What a call needs: the books and the simulator.
#[derive(Clone)]
struct Desk {
    messenger: Arc<Messenger>,
    sim: Arc<Sim>,
}

type Answered = Result<Json<Value>, Refusal>;

async fn send(
    State(desk): State<Desk>,
    Path((version, object)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let page = desk.messenger.enter(&version, &headers)?;
    if object != "me" && object != page.id {
        return Err(Refusal::no_such_object(&Method::POST, &object));
    }
    if let Some((action, person)) = order::action(&headers, &body)? {
        desk.sim.acts.note(&page.account, &action, &person);
        return Ok(Json(json!({ "recipient_id": person })).into_response());
    }
    let order = order::order(&headers, &body)?;
    let provider_id = desk.messenger.new_id(false);
    let served = desk.sim.take(order.draft(&page.account, &page.id, provider_id)).await;
    let draft = &served.sent.draft;
    let answer = match served.answer.clone() {
        Answer::Accepted => Ok(Json(json!({"recipient_id": draft.to, "message_id": draft.provider_id}))),
        Answer::Refused { status, code } => {
            let code = code.unwrap_or_else(|| ErrorCode::from(NO_SUCH_PERSON));
            Err(Refusal::by_rule(status, Some(code), 100))
        }
        Answer::Throttled { retry_after } => {
            let message = "Calls to this api have exceeded the rate limit.";
            Err(Refusal::throttled(RATE_LIMIT, message, retry_after))
        }
        Answer::PairLimited { retry_after } => {
            let message = "Too many messages to this person.";
            Err(Refusal::new(RATE_LIMIT, message).with_subcode(ONE_PERSON).with_retry_after(retry_after))
        }
        Answer::Broken { status } => Err(Refusal::broken(status, UNEXPECTED)),
    };
    Ok(served.carry(answer))
}

async fn show(
    State(desk): State<Desk>,
    Path((version, object)): Path<(String, String)>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Answered {
    let page = desk.messenger.enter(&version, &headers)?;
    let fields = Fields::parse(&query)?;
    if object == "me" || object == page.id {
        return profile::page(&page.id, &fields).map(Json);
    }
    if !order::is_id(&object) {
        return Err(Refusal::no_such_object(&Method::GET, &object));
    }
    desk.messenger.people.profile(&page.id, &object, &fields, &headers).map(Json)
}
