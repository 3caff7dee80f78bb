//! The HTTP front: who calls, what they may reach, and how answers and refusals look.
//!
//! Meaning lives below: bodies are understood by `wire`, everything is done by `core`.

mod admin;
mod admission;
mod approved;
mod auth;
mod bounds;
mod cors;
mod cursor;
mod deep;
mod gate;
mod hooks;
mod integrations;
mod jwt;
mod limits;
mod media;
mod once;
mod openapi;
mod page;
mod path;
mod phrases;
mod problem;
mod receive;
mod spooled;
mod table;
#[cfg(test)]
mod tests;
mod upload;
mod v1;
mod v2;

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::Method;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::error;

use heliograph_connectors::channel::Channel;

use crate::channels::Channels;
use crate::core::{Core, Route};
use crate::media::Media;
use crate::model::{Integration, Tenant};
use crate::recorder::Recorder;
use crate::settings::Settings;
use crate::spool::Spool;

pub use admission::Admission;
pub use approved::Inquiries;
pub use gate::Access;
pub use once::InFlight;
use path::Paths;
use problem::Problem;
pub use spooled::take_in_spooled;
use table::Table;

/// What the API works on.
pub struct Api {
    /// The use cases.
    pub core: Core,
    /// Apps, keys, integrations and webhooks.
    pub settings: Arc<Settings>,
    /// The live channels.
    pub channels: Arc<Channels>,
    /// Who writes down what providers tell, when somebody does.
    pub recorder: Option<Arc<Recorder>>,
    /// Files that came with messages.
    pub media: Arc<Media>,
    /// What is taken in, and how much of it.
    pub intake: Intake,
    /// Whether traffic is wanted: false while draining.
    pub ready: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Api {
    /// The channel of an integration.
    fn live(&self, integration: &Integration) -> Result<Arc<dyn Channel>, Problem> {
        let inactive = || Problem::unavailable(&format!("integration {} is not active", integration.id));
        self.channels.get(&integration.id).ok_or_else(inactive)
    }
}

/// The way through an integration of a tenant.
fn route<'a>(tenant: &'a Tenant, integration: &'a Integration, channel: &'a dyn Channel) -> Route<'a> {
    Route { tenant, integration, channel }
}

/// What is taken in, and how much of it.
#[derive(Debug)]
pub struct Intake {
    /// How big bodies may be.
    pub limits: BodyLimits,
    /// Who is let in.
    pub admission: Admission,
    /// The idempotency keys being worked on.
    pub in_flight: InFlight,
    /// Providers being asked about templates.
    pub inquiries: Inquiries,
    /// Hooks that wait for the store.
    pub spool: Spool,
}

/// How many bytes a body may have.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// To the API.
    pub api: usize,
    /// A file, uploaded to the API.
    pub upload: usize,
    /// From a provider.
    pub hook: usize,
    /// From Mailgun, whose hooks carry attachments.
    pub mail_hook: usize,
}

impl BodyLimits {
    fn hook_of(&self, kind: &str) -> usize {
        if kind == "mailgun" { self.mail_hook } else { self.hook }
    }
}

/// What customers and providers call: `/v1.1`, the notifications of `/v1`, `/v2`, `/hooks`, `/media` and `/openapi`.
pub fn public_router(api: Arc<Api>) -> Router {
    let table = table();
    let paths = Arc::new(Paths::of(table.entries().map(|(method, path, _)| (method, path))));
    let customers = table.router(&api).layer(from_fn_with_state(api.clone(), bounds::request));
    let customers = customers.layer(from_fn(cors::readable));
    let hooks = hooks::routes().layer(from_fn_with_state(api.clone(), bounds::hook));
    let others = hooks.merge(media::routes()).merge(openapi::routes());
    let routes = finished(customers.merge(others), api.clone());
    let routes = routes.layer(from_fn_with_state(api, counted)).layer(from_fn(problem::in_its_version));
    // Around the routes, not on them: a path must be normalised before it is matched.
    Router::new().fallback_service(routes.map_request(move |request| paths.normalised(request)))
}

fn table() -> Table {
    v1::table().and(v2::table())
}

/// Every route of the API: its method, its path as a pattern, and whom it is for.
pub fn routes() -> Vec<(Method, String, Access)> {
    table().entries().map(|(method, path, access)| (method.clone(), path.to_owned(), access)).collect()
}

/// Every route of the admin socket: its method, and its path as a pattern.
pub fn admin_routes() -> Vec<(Method, &'static str)> {
    operators().map(|(method, path, _)| (method, path)).collect()
}

fn operators() -> impl Iterator<Item = admin::Row> {
    admin::rows().into_iter().chain(limits::rows())
}

/// What the operator calls: health and `/heliograph/v1`.
pub fn admin_router(api: Arc<Api>) -> Router {
    let routes = operators().fold(Router::new(), |router, (_, path, route)| router.route(path, route));
    finished(routes.layer(from_fn_with_state(api.clone(), once::guard)), api)
}

/// Counts a request under the route it matched: never under its own words, of which there is no end.
async fn counted(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    api.core.metrics().request(method_word(&method), route, response.status().as_u16(), began.elapsed());
    response
}

/// A method's name; a caller may invent any, and the page of what is counted must not grow with them.
fn method_word(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE => {
            method.as_str()
        }
        _ => "other",
    }
}

/// Refusals in our shape for everything the routes themselves do not answer.
fn finished(routes: Router<Arc<Api>>, api: Arc<Api>) -> Router {
    routes
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(api)
}

/// The panic itself is in the log through the panic hook; the caller learns only that it was our fault.
fn panicked(_panic: Box<dyn Any + Send>) -> Response {
    error!("a request panicked");
    Problem::internal().into_response()
}
