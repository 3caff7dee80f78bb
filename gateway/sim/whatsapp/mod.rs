//! WhatsApp's Cloud API: sends, files and the number itself, checked, and the hooks Meta posts.

mod approved;
mod business;
mod content;
mod files;
mod hook;
mod order;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use serde_json::{Value, json};

use self::{approved::Templates, business::Businesses, files::Held, order::Status};
use super::{
    Account, Sim,
    behaviour::Answer,
    kept::Kept,
    lock,
    meta::{self, Refusal},
    outbox::Sent,
    places::{Place, Places},
    provider::{Fate, Hook, Provider, Report, Signature, Written},
};

/// What `fail` reports and `refuse` answers: the message cannot be delivered to this person.
const UNDELIVERABLE: i64 = 131026;

/// How many files are held, and how many bytes of them.
const HELD_LIMIT: (usize, usize) = (10_000, 256 << 20);

/// The longest upload: a document and the form around it.
const UPLOAD_LIMIT: usize = (100 << 20) + 4096;

/// The numbers Meta knows, by their ids, and the files it holds.
pub(super) struct WhatsApp {
    lines: Places<Line>,
    held: Mutex<Kept<Held>>,
    templates: Templates,
    businesses: Businesses,
}

/// One integration's number.
struct Line {
    account: Arc<Account>,
    number_id: String,
    token: String,
    app_secret: String,
    number: String,
    business: String,
    account_token: Option<String>,
}

impl Place for Line {
    fn new(account: &Arc<Account>) -> Option<Line> {
        let number_id = account.setting("phoneNumberId")?;
        let invented = || format!("+1500555{}", &meta::id_of(number_id)[..4]);
        Some(Line {
            token: account.setting("accessToken")?.to_owned(),
            account_token: account.setting("accountManagementAccessToken").map(str::to_owned),
            app_secret: account.setting("appSecret")?.to_owned(),
            number: account.setting("phoneNumber").map_or_else(invented, str::to_owned),
            business: account.setting("accountId").map_or_else(|| meta::id_of("account"), str::to_owned),
            number_id: number_id.to_owned(),
            account: Arc::clone(account),
        })
    }

    fn account(&self) -> &Arc<Account> {
        &self.account
    }
}

impl WhatsApp {
    /// Knows the WhatsApp integrations among these.
    pub(super) fn new(accounts: &[Arc<Account>]) -> WhatsApp {
        WhatsApp {
            lines: Places::of(accounts, "whatsapp"),
            held: Mutex::new(Kept::new(HELD_LIMIT)),
            templates: Templates::default(),
            businesses: Businesses::new(),
        }
    }

    /// Keeps a file of a number.
    fn hold(&self, id: &str, file: Held) {
        let size = file.bytes.len();
        lock(&self.held).push(Some(id.to_owned()), size, Arc::new(file));
    }
}

impl Provider for WhatsApp {
    fn routes(self: Arc<Self>, sim: Arc<Sim>) -> Router {
        Router::new()
            .route("/{version}/{id}", get(show).post(business::upload))
            .route("/{version}/app/uploads", post(business::open))
            .route(
                "/{version}/{number}/whatsapp_business_profile",
                get(business::show).post(business::change),
            )
            .route(
                "/{version}/{number}/message_templates",
                get(approved::list).post(approved::create).delete(approved::delete),
            )
            .route("/{version}/{number}/messages", post(send))
            .route("/{version}/{number}/media", post(upload).layer(DefaultBodyLimit::max(UPLOAD_LIMIT)))
            .route("/lookaside/{number}/{id}", get(download))
            .fallback(|| async { Refusal::no_such_call() })
            .with_state(Desk { whatsapp: self, sim })
    }

    fn admit(&self, account: &Arc<Account>) -> bool {
        self.lines.admit(account)
    }

    fn reports(&self, fate: &Fate) -> Vec<Report> {
        fate.told("sent", "delivered", "failed", &UNDELIVERABLE.to_string())
    }

    fn new_id(&self, _has_media: bool) -> String {
        format!("wamid.{:032X}", rand::random::<u128>())
    }

    fn written(&self, written: &Written, signature: Signature) -> Result<Hook, String> {
        let line = self
            .lines
            .place_of(&written.account)
            .ok_or("the integration has no phoneNumberId, accessToken and appSecret")?;
        if written.media.len() > 1 {
            return Err("a message has one file at most".into());
        }
        let file = match written.media.first() {
            Some(media) => {
                let id = meta::id_of(&format!("{} {}", written.provider_id, media.url));
                let file = Held::written(&line.number_id, media)?;
                let sha256 = file.sha256();
                self.hold(&id, file);
                Some(hook::HeldFile { id, sha256, media })
            }
            None => None,
        };
        let value = hook::written(&line, written, file)?;
        Ok(meta::signed(&line.app_secret, &written.account.hook_url, &value, signature))
    }

    fn receipt(&self, sent: &Sent, report: &Report, signature: Signature) -> Option<Hook> {
        let line = self.lines.place_of(&sent.draft.account)?;
        Some(meta::signed(
            &line.app_secret,
            &line.account.hook_url,
            &hook::receipt(&line, sent, report),
            signature,
        ))
    }
}

/// What a call needs: the books and the simulator.
#[derive(Clone)]
struct Desk {
    whatsapp: Arc<WhatsApp>,
    sim: Arc<Sim>,
}

impl Desk {
    /// The number's line, once the caller has shown a token that opens it.
    fn enter(
        &self,
        method: &Method,
        version: &str,
        number: &str,
        headers: &HeaderMap,
    ) -> Answered<Arc<Line>> {
        if !meta::is_version(version) {
            return Err(Refusal::no_such_call());
        }
        let token = meta::bearer(headers).ok_or_else(Refusal::unauthorised)?;
        let opened = self.whatsapp.lines.filter(|line| line.token == token);
        if opened.is_empty() {
            return Err(Refusal::unauthorised());
        }
        let own = opened.into_iter().find(|line| line.number_id == number);
        own.ok_or_else(|| Refusal::no_such_object(method, number))
    }

    fn held(&self, line: &Line, id: &str) -> Option<Arc<Held>> {
        lock(&self.whatsapp.held).get(id).filter(|held| held.number_id == line.number_id)
    }
}

type Answered<T> = Result<T, Refusal>;
type Asked = Query<HashMap<String, String>>;

async fn send(
    State(desk): State<Desk>,
    Path((version, number)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered<Response> {
    let line = desk.enter(&Method::POST, &version, &number, &headers)?;
    if let Some(status) = Status::read(&headers, &body)? {
        let key = format!("{}/{}", line.account.integration_id, status.message_id);
        if lock(&desk.sim.written).get(&key).is_none() {
            return Err(Refusal::parameter("Invalid parameter").with_details("Message ID is invalid."));
        }
        desk.sim.acts.note(&line.account, status.word(), &status.message_id);
        return Ok(Json(json!({"success": true})).into_response());
    }
    let order = order::read(&headers, &body)?;
    if let Some(id) = order.files().find(|id| desk.held(&line, id).is_none()) {
        return Err(Refusal::parameter("Invalid parameter").with_details(format!("there is no media {id}")));
    }
    if let Some((name, language)) = order.template()
        && !desk.whatsapp.templates.approves(&line, name, language)
    {
        return Err(Refusal::new(132001, "Template name does not exist in the translation"));
    }
    let input = order.input().to_owned();
    let is_template = order.template().is_some();
    let draft = order.draft(&line, desk.whatsapp.new_id(false))?;
    let served = desk.sim.take(draft).await;
    let answer = match served.answer.clone() {
        Answer::Accepted => Ok(Json(accepted(&served.sent, &input, is_template))),
        Answer::Refused { status, code } => Err(Refusal::by_rule(status, code, UNDELIVERABLE)),
        Answer::Throttled { retry_after } => Err(Refusal::throttled(130429, "Rate limit hit", retry_after)),
        Answer::PairLimited { retry_after } => {
            Err(Refusal::new(131056, "(Business Account, Consumer Account) pair rate limit hit")
                .with_retry_after(retry_after))
        }
        Answer::Broken { status } => Err(Refusal::broken(status, 131000)),
    };
    Ok(served.carry(answer))
}

/// The 200 of a send.
fn accepted(sent: &Sent, input: &str, is_template: bool) -> Value {
    let mut contact = json!({ "input": input });
    match hook::wa_id(&sent.draft.to) {
        Some(number) => contact["wa_id"] = number.into(),
        None => contact["user_id"] = sent.draft.to.as_str().into(),
    }
    let mut message = json!({ "id": sent.draft.provider_id });
    if is_template {
        message["message_status"] = "accepted".into();
    }
    json!({"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]})
}

async fn upload(
    State(desk): State<Desk>,
    Path((version, number)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered<Json<Value>> {
    let line = desk.enter(&Method::POST, &version, &number, &headers)?;
    let file = files::uploaded(&line.number_id, &headers, &body)?;
    let id = meta::id_of(&format!("{:032x}", rand::random::<u128>()));
    desk.whatsapp.hold(&id, file);
    Ok(Json(json!({ "id": id })))
}

/// A number, or a file of one: the Graph API tells them apart by their ids.
async fn show(
    State(desk): State<Desk>,
    Path((version, id)): Path<(String, String)>,
    Query(asked): Asked,
    headers: HeaderMap,
) -> Answered<Json<Value>> {
    if desk.whatsapp.lines.find(|line| line.number_id == id).is_some() {
        let line = desk.enter(&Method::GET, &version, &id, &headers)?;
        return show_number(&line, &asked).map(Json);
    }
    let missing = || Refusal::no_such_object(&Method::GET, &id);
    let number = asked.get("phone_number_id").cloned();
    let number = number.or_else(|| Some(lock(&desk.whatsapp.held).get(&id)?.number_id.clone()));
    let number = number.ok_or_else(missing)?;
    let line = desk.enter(&Method::GET, &version, &number, &headers)?;
    let held = desk.held(&line, &id).ok_or_else(missing)?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    Ok(Json(held.shown(&id, &format!("http://{host}/whatsapp/lookaside/{number}/{id}"))))
}

/// The number with the fields asked for.
fn show_number(line: &Line, asked: &HashMap<String, String>) -> Answered<Value> {
    let fields =
        asked.get("fields").map_or("display_phone_number,verified_name,quality_rating", String::as_str);
    let mut shown = json!({ "id": line.number_id });
    for field in fields.split(',') {
        shown[field] = match field {
            "id" => continue,
            "display_phone_number" => line.number.as_str().into(),
            "verified_name" => "Simulated business".into(),
            "quality_rating" => "GREEN".into(),
            unknown => {
                let message = format!("Tried accessing nonexisting field ({unknown})");
                return Err(Refusal::parameter(&message));
            }
        };
    }
    Ok(shown)
}

/// Where `lookaside.fbsbx.com` hands out files: to who shows the number's token.
async fn download(
    State(desk): State<Desk>,
    Path((number, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let token = meta::bearer(&headers);
    let opens = |line: &Line| line.number_id == number && Some(line.token.as_str()) == token;
    let Some(line) = desk.whatsapp.lines.find(opens) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let held = desk.held(&line, &id);
    if let Some(gone) = held.as_ref().and_then(|held| held.gone) {
        return gone.into_response();
    }
    match held {
        Some(held) => ([(header::CONTENT_TYPE, held.kind.clone())], held.bytes.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
