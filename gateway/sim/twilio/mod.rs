//! Twilio's Programmable Messaging: the calls the gateway makes, checked, and the hooks Twilio posts.

mod answer;
mod hook;
mod request;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
    routing::{get, post},
};
use bytes::Bytes;
use heliograph_connectors::channel::{Secret, signature};
use serde_json::Value;

use self::{answer::Refusal, request::Listing};
use super::{
    Account, Sim,
    behaviour::Answer,
    outbox::Sent,
    places::{Place, Places},
    provider::{Fate, Hook, Provider, Report, Signature, Written},
};

/// What `fail` reports: the handset cannot be reached.
const UNREACHABLE: &str = "30003";

/// The accounts Twilio knows, by their SID.
pub(super) struct Twilio {
    lines: Places<Line>,
}

/// One integration's place at Twilio: an account and a sender of it.
struct Line {
    account: Arc<Account>,
    sid: String,
    token: Secret,
    number: String,
    number_sid: Option<String>,
    service: Option<String>,
}

impl Place for Line {
    fn new(account: &Arc<Account>) -> Option<Line> {
        let number_sid = account.setting("phoneNumberSid");
        let service = account.setting("messagingServiceSid");
        let named = number_sid.or(service).map(number_of);
        Some(Line {
            sid: account.setting("accountSid")?.to_owned(),
            token: Secret::new(account.setting("authToken")?),
            number: account.setting("phoneNumber").map(str::to_owned).or(named)?,
            number_sid: number_sid.map(str::to_owned),
            service: service.map(str::to_owned),
            account: Arc::clone(account),
        })
    }

    fn account(&self) -> &Arc<Account> {
        &self.account
    }
}

/// The number behind a SID: always the same one of a range that rings nowhere.
fn number_of(sid: &str) -> String {
    let hash = signature::sha256(sid.as_bytes());
    format!("+1500555{:04}", u16::from_be_bytes([hash[0], hash[1]]) % 10_000)
}

impl Twilio {
    /// Knows the Twilio integrations among these.
    pub(super) fn new(accounts: &[Arc<Account>]) -> Twilio {
        Twilio { lines: Places::of(accounts, "twilio") }
    }
}

impl Provider for Twilio {
    fn routes(self: Arc<Self>, sim: Arc<Sim>) -> Router {
        Router::new()
            .route("/2010-04-01/Accounts/{account}", get(show_account))
            .route("/2010-04-01/Accounts/{account}/Messages.json", post(send).get(list_messages))
            .route("/2010-04-01/Accounts/{account}/Messages/{file}", get(show_message))
            .route("/2010-04-01/Accounts/{account}/IncomingPhoneNumbers/{file}", get(show_number))
            .fallback(|| async { Refusal::not_found() })
            .with_state(Desk { twilio: self, sim })
    }

    fn admit(&self, account: &Arc<Account>) -> bool {
        self.lines.admit(account)
    }

    fn reports(&self, fate: &Fate) -> Vec<Report> {
        fate.told("sent", "delivered", "undelivered", UNREACHABLE)
    }

    fn new_id(&self, has_media: bool) -> String {
        let kind = if has_media { "MM" } else { "SM" };
        format!("{kind}{:032x}", rand::random::<u128>())
    }

    fn written(&self, written: &Written, signature: Signature) -> Result<Hook, String> {
        let line = self
            .lines
            .place_of(&written.account)
            .ok_or("the integration has no accountSid, authToken and sender")?;
        if written.media.len() > request::MEDIA_LIMIT {
            return Err(format!("at most {} media", request::MEDIA_LIMIT));
        }
        Ok(hook::signed(&line, &written.account.hook_url, &hook::written(&line, written), signature))
    }

    fn receipt(&self, sent: &Sent, report: &Report, signature: Signature) -> Option<Hook> {
        let line = self.lines.place_of(&sent.draft.account)?;
        let callback = sent.draft.callback.as_deref()?;
        Some(hook::signed(&line, callback, &hook::receipt(&line, sent, report), signature))
    }
}

/// What a call needs: the books and the simulator.
#[derive(Clone)]
struct Desk {
    twilio: Arc<Twilio>,
    sim: Arc<Sim>,
}

impl Desk {
    /// The account's lines, once the caller has shown that it is theirs.
    fn enter(&self, sid: &str, headers: &HeaderMap) -> Result<Vec<Arc<Line>>, Refusal> {
        let lines = self.twilio.lines.filter(|line| line.sid == sid);
        if lines.is_empty() {
            return Err(Refusal::not_found());
        }
        let credentials = request::credentials(headers).ok_or_else(Refusal::unauthorised)?;
        let is_theirs = |line: &Arc<Line>| credentials == format!("{sid}:{}", line.token.expose());
        if lines.iter().any(is_theirs) { Ok(lines) } else { Err(Refusal::unauthorised()) }
    }
}

type Answered<T> = Result<T, Refusal>;

async fn send(
    State(desk): State<Desk>,
    Path(sid): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered<Response> {
    let lines = desk.enter(&sid, &headers)?;
    let order = request::order(&headers, &body)?;
    let is_mms = !order.media.is_empty();
    let draft = order.draft(&lines, desk.twilio.new_id(is_mms))?;
    let served = desk.sim.take(draft).await;
    let answer = match served.answer.clone() {
        Answer::Accepted => Ok((StatusCode::CREATED, Json(answer::created(&sid, &served.sent)))),
        Answer::Refused { status, code } => Err(Refusal::by_rule(status, code)),
        Answer::Throttled { retry_after } => Err(Refusal::throttled(retry_after)),
        Answer::PairLimited { retry_after } => Err(Refusal::queue_full(retry_after)),
        Answer::Broken { status } => Err(Refusal::broken(status)),
    };
    Ok(served.carry(answer))
}

async fn show_message(
    State(desk): State<Desk>,
    Path((sid, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answered<Json<Value>> {
    let lines = desk.enter(&sid, &headers)?;
    let sent = file.strip_suffix(".json").and_then(|id| desk.sim.outbox.get(id));
    let own = sent.filter(|sent| is_of(&lines, sent)).ok_or_else(Refusal::not_found)?;
    Ok(Json(answer::fetched(&sid, &own)))
}

async fn list_messages(
    State(desk): State<Desk>,
    Path(sid): Path<String>,
    RawQuery(query): RawQuery,
    uri: Uri,
    headers: HeaderMap,
) -> Answered<Json<Value>> {
    let lines = desk.enter(&sid, &headers)?;
    let listing = Listing::parse(query.as_deref().unwrap_or_default())?;
    let matches = |sent: &Sent| is_of(&lines, sent) && listing.wants(sent);
    let found = desk.sim.outbox.find(matches, listing.skipped(), listing.page_size);
    Ok(Json(answer::listed(&sid, &uri, &listing, &found)))
}

async fn show_account(
    State(desk): State<Desk>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Answered<Json<Value>> {
    let sid = file.strip_suffix(".json").ok_or_else(Refusal::not_found)?;
    let lines = desk.enter(sid, &headers)?;
    Ok(Json(answer::account(&lines[0])))
}

async fn show_number(
    State(desk): State<Desk>,
    Path((sid, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answered<Json<Value>> {
    let lines = desk.enter(&sid, &headers)?;
    let asked = file.strip_suffix(".json").ok_or_else(Refusal::not_found)?;
    let line = lines.iter().find(|line| line.number_sid.as_deref() == Some(asked));
    Ok(Json(answer::number(line.ok_or_else(Refusal::not_found)?, asked)))
}

/// Whether a message was sent from this account.
fn is_of(lines: &[Arc<Line>], sent: &Sent) -> bool {
    lines.iter().any(|line| line.account.integration_id == sent.draft.account.integration_id)
}
