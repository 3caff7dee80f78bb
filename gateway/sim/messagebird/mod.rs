//! MessageBird's classic SMS API: the calls the gateway makes, checked, and the hooks MessageBird sends.

mod answer;
mod hook;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::{get, post},
};
use bytes::Bytes;
use heliograph_connectors::channel::Secret;
use serde_json::Value;

use self::answer::Refusal;
use self::request::Listing;
use super::{
    Account, Sim,
    behaviour::Answer,
    outbox::Sent,
    places::{Place, Places},
    provider::{Fate, Hook, Provider, Report, Signature, Written},
};

/// Messages on a page when nobody says how many.
const LISTED: usize = 20;

/// What `fail` reports: nobody has this number.
const UNKNOWN_SUBSCRIBER: &str = "1";

/// The integrations' places at MessageBird. Several may share an access key, which is what names an account.
pub(super) struct MessageBird {
    lines: Places<Line>,
}

/// One integration's place at MessageBird: an account and an originator of it.
struct Line {
    account: Arc<Account>,
    access_key: Secret,
    /// Digits without a plus sign, or a name.
    originator: String,
    signing_key: Option<Secret>,
}

impl Place for Line {
    fn new(account: &Arc<Account>) -> Option<Line> {
        let given = account.setting("originator")?;
        let is_number = given.starts_with('+');
        let originator: String = given.chars().filter(|c| !is_number || c.is_ascii_digit()).collect();
        Some(Line {
            access_key: Secret::new(account.setting("accessKey")?),
            signing_key: account.setting("signingKey").map(Secret::new),
            originator,
            account: Arc::clone(account),
        })
    }

    fn account(&self) -> &Arc<Account> {
        &self.account
    }
}

impl Line {
    /// A name can be written to by nobody.
    fn is_name(&self) -> bool {
        !self.originator.bytes().all(|byte| byte.is_ascii_digit())
    }
}

impl MessageBird {
    /// Knows the MessageBird integrations among these.
    pub(super) fn new(accounts: &[Arc<Account>]) -> MessageBird {
        MessageBird { lines: Places::of(accounts, "messagebird") }
    }
}

impl Provider for MessageBird {
    fn routes(self: Arc<Self>, sim: Arc<Sim>) -> Router {
        Router::new()
            .route("/messages", post(send).get(list_messages))
            .route("/messages/{id}", get(show_message))
            .route("/balance", get(show_balance))
            .fallback(|| async { Refusal::no_such_call() })
            .method_not_allowed_fallback(|| async { Refusal::no_such_call() })
            .with_state(Desk { messagebird: self, sim })
    }

    fn admit(&self, account: &Arc<Account>) -> bool {
        self.lines.admit(account)
    }

    fn reports(&self, fate: &Fate) -> Vec<Report> {
        fate.told("buffered", "delivered", "delivery_failed", UNKNOWN_SUBSCRIBER)
    }

    fn new_id(&self, _has_media: bool) -> String {
        format!("{:032x}", rand::random::<u128>())
    }

    fn written(&self, written: &Written, signature: Signature) -> Result<Hook, String> {
        let line =
            self.lines.place_of(&written.account).ok_or("the integration has no accessKey and originator")?;
        if line.is_name() {
            return Err(format!("nobody can write to the name {}", line.originator));
        }
        let now = jiff::Timestamp::now();
        Ok(hook::post(&line, &hook::written(&line, written, now), signature, now))
    }

    fn receipt(&self, sent: &Sent, report: &Report, signature: Signature) -> Option<Hook> {
        let line = self.lines.place_of(&sent.draft.account)?;
        let url = hook::report_url(sent, report)?;
        Some(hook::get(&line, url, signature, jiff::Timestamp::now()))
    }
}

/// What a call needs: the books and the simulator.
#[derive(Clone)]
struct Desk {
    messagebird: Arc<MessageBird>,
    sim: Arc<Sim>,
}

impl Desk {
    /// The lines of the account that the access key opens.
    fn enter(&self, headers: &HeaderMap) -> Result<Vec<Arc<Line>>, Refusal> {
        let key = request::access_key(headers).ok_or_else(Refusal::unauthorised)?;
        let lines = self.messagebird.lines.filter(|line| line.access_key.expose() == key);
        if lines.is_empty() { Err(Refusal::unauthorised()) } else { Ok(lines) }
    }
}

type Answered<T> = Result<T, Refusal>;

async fn send(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Answered<Response> {
    let lines = desk.enter(&headers)?;
    let draft = request::draft(&headers, &body, &lines, desk.messagebird.new_id(false))?;
    let served = desk.sim.take(draft).await;
    let answer = match served.answer.clone() {
        Answer::Accepted => Ok((StatusCode::CREATED, Json(answer::created(&served.sent)))),
        Answer::Refused { status, code } => Err(Refusal::by_rule(status, code)),
        // MessageBird has no limit for one recipient that it would tell apart.
        Answer::Throttled { retry_after } | Answer::PairLimited { retry_after } => {
            Err(Refusal::throttled(retry_after))
        }
        Answer::Broken { status } => Err(Refusal::broken(status)),
    };
    Ok(served.carry(answer))
}

async fn show_message(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answered<Json<Value>> {
    let lines = desk.enter(&headers)?;
    let is_theirs = |sent: &Arc<Sent>| {
        lines.iter().any(|line| line.account.integration_id == sent.draft.account.integration_id)
    };
    let sent = desk.sim.outbox.get(&id).filter(is_theirs);
    Ok(Json(answer::fetched(&*sent.ok_or_else(Refusal::not_found)?)))
}

async fn list_messages(
    State(desk): State<Desk>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answered<Json<Value>> {
    let lines = desk.enter(&headers)?;
    let listing = Listing::parse(query.as_deref().unwrap_or_default())?;
    let is_theirs = |sent: &Sent| {
        lines.iter().any(|line| line.account.integration_id == sent.draft.account.integration_id)
    };
    let found = desk.sim.outbox.find(|sent| is_theirs(sent) && listing.wants(sent), 0, LISTED);
    Ok(Json(answer::listed(&found[..found.len().min(LISTED)])))
}

async fn show_balance(State(desk): State<Desk>, headers: HeaderMap) -> Answered<Json<Value>> {
    desk.enter(&headers)?;
    Ok(Json(answer::balance()))
}
