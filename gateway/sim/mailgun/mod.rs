//! Mailgun: the calls the gateway makes, checked, and the events and mails that Mailgun posts.

mod answer;
mod hook;
mod letter;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, RawQuery, Request, State},
    http::HeaderMap,
    response::Response,
    routing::{get, post},
};
use heliograph_connectors::channel::Secret;
use serde_json::Value;

use self::answer::Refusal;
use super::{
    Account, Sim,
    behaviour::Answer,
    outbox::Sent,
    places::{Place, Places},
    provider::{Fate, Hook, Provider, Report, Signature, Written},
};

/// What `fail` reports: there is no such mailbox.
const NO_MAILBOX: &str = "550";

/// Bytes of a request, 52.4 MiB.
const REQUEST_LIMIT: usize = 54_945_382;

/// The domains Mailgun knows, by the addresses that integrations have in them.
pub(super) struct Mailgun {
    mailboxes: Places<Mailbox>,
}

/// One integration's place at Mailgun: a domain and an address in it.
struct Mailbox {
    account: Arc<Account>,
    domain: String,
    address: String,
    sender: String,
    key: Secret,
    signing_key: Secret,
}

impl Place for Mailbox {
    fn new(account: &Arc<Account>) -> Option<Mailbox> {
        let lower = |name| account.setting(name).map(|value: &str| value.trim().to_ascii_lowercase());
        let key = account.setting("apiKey")?;
        let address = lower("incomingAddress")?;
        Some(Mailbox {
            domain: lower("domain")?,
            sender: lower("fromAddress").unwrap_or_else(|| address.clone()),
            address,
            key: Secret::new(key),
            signing_key: Secret::new(account.setting("signingKey").unwrap_or(key)),
            account: Arc::clone(account),
        })
    }

    fn account(&self) -> &Arc<Account> {
        &self.account
    }
}

impl Mailgun {
    /// Knows the Mailgun integrations among these.
    pub(super) fn new(accounts: &[Arc<Account>]) -> Mailgun {
        Mailgun { mailboxes: Places::of(accounts, "mailgun") }
    }
}

impl Provider for Mailgun {
    fn routes(self: Arc<Self>, sim: Arc<Sim>) -> Router {
        Router::new()
            .route("/v3/{domain}/messages.mime", post(send))
            .route("/v3/{domain}/events", get(list_events))
            .route("/v3/domains/{domain}", get(show_domain))
            .fallback(answer::greeting)
            .method_not_allowed_fallback(answer::greeting)
            .layer(DefaultBodyLimit::max(REQUEST_LIMIT))
            .with_state(Desk { mailgun: self, sim })
    }

    fn admit(&self, account: &Arc<Account>) -> bool {
        self.mailboxes.admit(account)
    }

    fn reports(&self, fate: &Fate) -> Vec<Report> {
        fate.told("accepted", "delivered", "failed", NO_MAILBOX)
    }

    fn new_id(&self, _has_media: bool) -> String {
        format!("{:032x}@mail.example.com", rand::random::<u128>())
    }

    fn written(&self, written: &Written, signature: Signature) -> Result<Hook, String> {
        let mailbox = self
            .mailboxes
            .place_of(&written.account)
            .ok_or("the integration has no apiKey, domain and incomingAddress")?;
        hook::written(&mailbox, written, signature)
    }

    fn receipt(&self, sent: &Sent, report: &Report, signature: Signature) -> Option<Hook> {
        let mailbox = self.mailboxes.place_of(&sent.draft.account)?;
        Some(hook::about(&mailbox, &hook::event(&mailbox, sent, report), signature))
    }
}

/// What a call needs: the books and the simulator.
#[derive(Clone)]
struct Desk {
    mailgun: Arc<Mailgun>,
    sim: Arc<Sim>,
}

impl Desk {
    /// The domain's mailboxes, once the caller has shown that they are theirs.
    fn enter(&self, domain: &str, headers: &HeaderMap) -> Result<Vec<Arc<Mailbox>>, Refusal> {
        let credentials = request::credentials(headers).ok_or_else(Refusal::forbidden)?;
        let is_theirs = |mailbox: &Mailbox| credentials == format!("api:{}", mailbox.key.expose());
        let mut theirs = self.mailgun.mailboxes.filter(is_theirs);
        if theirs.is_empty() {
            return Err(Refusal::forbidden());
        }
        theirs.retain(|mailbox| mailbox.domain.eq_ignore_ascii_case(domain));
        if theirs.is_empty() { Err(Refusal::no_domain(domain)) } else { Ok(theirs) }
    }
}

type Answered<T> = Result<T, Refusal>;

async fn send(State(desk): State<Desk>, Path(domain): Path<String>, request: Request) -> Answered<Response> {
    let mailboxes = desk.enter(&domain, request.headers())?;
    let draft = request::order(request).await?.draft(&mailboxes)?;
    let served = desk.sim.take(draft).await;
    let answer = match served.answer.clone() {
        Answer::Accepted => Ok(Json(answer::queued(&served.sent))),
        Answer::Refused { status, code } => Err(Refusal::by_rule(status, code.as_ref(), &domain)),
        // Mailgun has no limit for one recipient that it would tell apart.
        Answer::Throttled { retry_after } | Answer::PairLimited { retry_after } => {
            Err(Refusal::throttled(&domain, retry_after))
        }
        Answer::Broken { status } => Err(Refusal::broken(status)),
    };
    Ok(served.carry(answer))
}

async fn show_domain(
    State(desk): State<Desk>,
    Path(domain): Path<String>,
    headers: HeaderMap,
) -> Answered<Json<Value>> {
    let mailboxes = desk.enter(&domain, &headers)?;
    Ok(Json(answer::domain(&mailboxes[0].domain)))
}

async fn list_events(
    State(desk): State<Desk>,
    Path(domain): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answered<Json<Value>> {
    let mailboxes = desk.enter(&domain, &headers)?;
    let id = request::message_id(query.as_deref().unwrap_or_default())?;
    let of = |sent: &Sent| mailboxes.iter().find(|mailbox| is_from(mailbox, sent)).cloned();
    let known = desk.sim.outbox.get(&id).and_then(|sent| Some((of(&sent)?, sent)));
    let items = known.map(|(mailbox, sent)| {
        let accepted = Report { status: "accepted".into(), error: None };
        hook::event(&mailbox, &sent, &accepted)
    });
    Ok(Json(answer::page(items)))
}

fn is_from(mailbox: &Mailbox, sent: &Sent) -> bool {
    mailbox.account.integration_id == sent.draft.account.integration_id
}
