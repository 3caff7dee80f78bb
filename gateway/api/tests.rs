//! The routers without a network and with a store that keeps nothing: refusals, path shapes, who reaches what.

mod gate;

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, Bytes, HttpBody};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use heliograph_connectors::Registry;
use heliograph_connectors::channel::Secret;
use heliograph_connectors::channel::signature::hmac_sha1;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Frame;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use url::Url;

use super::*;
use crate::core::Policy;
use crate::egress::ProviderEgress;
use crate::media::Media;
use crate::model::{App, Id, Integration, Job, Key, KeyScope, NewJob, SystemClock, Tenant, Timestamp, Work};
use crate::settings::{Declared, Sealer};
use crate::spool::Spool;
use crate::store::{
    Batch, Cut, Epoch, Key as StoreKey, ListEntry, Met, Queue, Razed, Settlement, Store, StoreError, Stored,
    Tally, Waiting, Walk,
};

const APP: &str = "5963c0d619a30a2e00de36b8";
const OTHER: &str = "5963c0d619a30a2e00de36b9";
const TWILIO: &str = "5e1f438bf99fb467810c0ab9";

/// Holds nothing and takes nothing.
#[derive(Debug)]
struct Empty;

fn gone<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable("it is only a test".into()))
}

#[async_trait]
impl Store for Empty {
    async fn read(&self, _: &Id<App>, keys: &[StoreKey]) -> Result<Vec<Option<Stored>>, StoreError> {
        Ok(keys.iter().map(|_| None).collect())
    }
    async fn page(&self, _: &Id<App>, _: &str, _: Cut) -> Result<Vec<ListEntry>, StoreError> {
        Ok(Vec::new())
    }
    async fn tally(&self, _: &Id<App>, _: &str, _: &[String]) -> Result<Tally, StoreError> {
        Ok(Tally::default())
    }
    async fn is_queued(&self, _: &Id<App>, _: &NewJob) -> Result<bool, StoreError> {
        gone()
    }
    async fn commit(&self, _: Batch) -> Result<(), StoreError> {
        gone()
    }
    fn queues(&self) -> Vec<Queue> {
        Vec::new()
    }
    async fn lease(&self, _: Queue) -> Result<Epoch, StoreError> {
        gone()
    }
    async fn groups(&self, _: Queue, _: usize) -> Result<Vec<(String, Timestamp)>, StoreError> {
        gone()
    }
    async fn backlog(&self, _: Queue) -> Result<Vec<Waiting>, StoreError> {
        Ok(Vec::new())
    }
    async fn claim(
        &self,
        _: Queue,
        _: Epoch,
        _: &str,
        _: Timestamp,
        _: usize,
    ) -> Result<Vec<Job>, StoreError> {
        gone()
    }
    async fn settle(&self, _: Queue, _: Epoch, _: &Job, _: Settlement, _: Batch) -> Result<(), StoreError> {
        gone()
    }
    fn bell(&self, _: Queue) -> Arc<Notify> {
        Arc::default()
    }
    async fn walk(
        &self,
        _: &Id<App>,
        _: &[&'static str],
        _: Option<&str>,
        _: usize,
    ) -> Result<Walk<Met>, StoreError> {
        gone()
    }
    async fn jobs(&self, _: &Id<App>, _: Option<&str>, _: usize) -> Result<Walk<Job>, StoreError> {
        gone()
    }
    async fn strike(&self, _: &Id<App>, _: &[Id<Job>]) -> Result<usize, StoreError> {
        gone()
    }
    async fn revise(&self, _: &Id<App>, _: &Id<Job>, _: &Work) -> Result<(), StoreError> {
        gone()
    }
    async fn raze(&self, _: &Id<App>, _: Option<&str>, _: usize) -> Result<Razed, StoreError> {
        gone()
    }
    async fn compact(&self) -> Result<(), StoreError> {
        gone()
    }
    async fn healthy(&self) -> Result<(), StoreError> {
        gone()
    }
    async fn close(&self) {}
}

/// A body that does not say how long it is, for a reason.
struct Endless;

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"        ")))))
    }
}

fn twilio() -> Integration {
    let settings = json!({
        "accountSid": "AC00000000000000000000000000000001",
        "authToken": "fake-auth-token",
        "phoneNumber": "+15145550100",
    });
    let settings = settings.as_object().cloned().unwrap_or_default();
    Integration::new(Id::new(TWILIO), Id::new(APP), "twilio", settings)
}

fn tenant(id: &str, integrations: Vec<Integration>) -> Tenant {
    Tenant { integrations, ..Tenant::new(App::new(Id::new(id), "Demo")) }
}

fn key(id: &str, scope: KeyScope) -> Key {
    Key::declared(id, Secret::new(format!("fake-{id}")), scope)
}

async fn api() -> Arc<Api> {
    let declared = Declared {
        tenants: vec![tenant(APP, vec![twilio()]), tenant(OTHER, Vec::new())],
        keys: vec![
            key("app_1", KeyScope::App(Id::new(APP))),
            key("act_1", KeyScope::Account),
            key("svc_1", KeyScope::ServiceAccount(Id::new("5963c0d619a30a2e00de36c0"))),
        ],
    };
    let hour = Duration::from_secs(3600);
    let policy = Policy { public_base: "https://hub.example.org".into(), ..Policy::lasting(hour) };
    let (store, clock) = (Arc::new(Empty), Arc::new(SystemClock));
    let seal = Arc::new(Sealer::new(None).expect("no key is fine"));
    let public = Url::parse("https://hub.example.org").expect("is a URL");
    let provider = HashMap::from([("twilio".to_owned(), Map::new())]);
    let channels = Channels::new(Registry::builtin(), provider, public);
    let broken = channels.replace([twilio()].iter());
    assert!(broken.is_empty(), "{broken:?}");
    // Gone from its folder when this returns, and open all the same.
    let spool = tempfile::NamedTempFile::new().expect("a file");
    let egress = ProviderEgress::new(Vec::new()).expect("a client");
    Arc::new(Api {
        core: Core::new(store.clone(), clock.clone(), policy, crate::wire::subscribes, Arc::default()),
        settings: Arc::new(Settings::open(store, clock, seal, declared).await.expect("nothing is written")),
        channels: Arc::new(channels),
        recorder: None,
        media: Arc::new(Media::open(std::env::temp_dir(), Arc::new(egress)).expect("a directory")),
        intake: Intake {
            limits: BodyLimits { api: 1_000, upload: 1_000, hook: 2_000, mail_hook: 4_000 },
            admission: Admission::new(1_000),
            in_flight: InFlight::default(),
            inquiries: Inquiries::default(),
            spool: Spool::open(spool.path()).expect("a file"),
        },
        ready: Arc::new(|| true),
    })
}

fn basic(key: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{key}:fake-{key}")))
}

fn asked(method: Method, uri: &str, key: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::builder().method(method).uri(uri);
    let request = if key.is_empty() { request } else { request.header("authorization", basic(key)) };
    request.header("content-type", "application/json").body(body.into()).expect("is a request")
}

async fn answer(router: Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = router.oneshot(request).await.expect("routers do not fail");
    let status = response.status();
    assert_eq!(response.headers()["content-type"], "application/json", "{status}");
    let body = response.into_body().collect().await.expect("is whole").to_bytes();
    (status, serde_json::from_slice(&body).expect("is JSON"))
}

/// What the public router says, as status and code (`ok` where there is none).
async fn said(request: Request<Body>) -> (u16, String) {
    let (status, body) = answer(public_router(api().await), request).await;
    (status.as_u16(), code(&body))
}

fn code(body: &Value) -> String {
    if let Some(description) = body.pointer("/error/description") {
        assert!(description.as_str().is_some_and(|text| !text.is_empty()), "{body}");
    }
    body.pointer("/error/code").and_then(Value::as_str).unwrap_or("ok").to_owned()
}

async fn check_get(uri: &str, key: &str, status: u16, code: &str) {
    let said = said(asked(Method::GET, uri, key, "")).await;
    assert_eq!(said, (status, code.to_owned()), "{uri} as {key}");
}

#[tokio::test]
async fn a_key_reaches_what_is_its_own() {
    let long = format!("/v1.1/apps/{APP}/webhooks");
    let other = format!("/v1.1/apps/{OTHER}/webhooks");
    check_get(&long, "", 401, "unauthorized").await;
    check_get(&long, "app_2", 401, "unauthorized").await;
    check_get(&long, "app_1", 200, "ok").await;
    check_get("/v1.1/webhooks", "app_1", 200, "ok").await;
    check_get(&other, "app_1", 403, "forbidden").await;
    check_get("/v1.1/apps/0000/webhooks", "app_1", 403, "forbidden").await;
    check_get(&long, "act_1", 200, "ok").await;
    check_get(&other, "act_1", 200, "ok").await;
    check_get("/v1.1/webhooks", "act_1", 403, "forbidden").await;
    check_get("/v1.1/apps/0000/webhooks", "act_1", 404, "app_not_found").await;
    check_get("/v1.1/apps/account/webhooks", "act_1", 404, "app_not_found").await;
    check_get(&other, "svc_1", 200, "ok").await;
}

#[tokio::test]
async fn tokens_must_match_their_keys() {
    let said = async |kid: &str, scope: &str, authorization: &str| {
        let header = json!({ "alg": "HS256", "kid": kid });
        let claims = json!({ "scope": scope, "userId": "u" });
        let token = jwt::tests::token(&header, &claims, &format!("fake-{kid}"));
        let request = Request::get(format!("/v1.1/apps/{APP}/webhooks"))
            .header("authorization", format!("{authorization} {token}").trim());
        said(request.body(Body::empty()).expect("is a request")).await.0
    };
    assert_eq!(said("app_1", "app", "Bearer").await, 200);
    assert_eq!(said("act_1", "account", "bearer").await, 200);
    assert_eq!(said("app_1", "account", "Bearer").await, 401);
    assert_eq!(said("act_1", "app", "Bearer").await, 401);
    assert_eq!(said("act_1", "appUser", "Bearer").await, 401);
    assert_eq!(said("app_1", "appUser", "Bearer").await, 403);
    assert_eq!(said("app_3", "app", "Bearer").await, 401);
    assert_eq!(said("app_1", "app", "Digest").await, 401);
    assert_eq!(said("app_1", "app", "").await, 200, "a token alone");
    assert_eq!(said("app_3", "app", "").await, 401);
}

#[tokio::test]
async fn refusals_have_one_shape() {
    check_get("/", "app_1", 404, "not_found").await;
    check_get("/v1.1/nothing", "app_1", 404, "not_found").await;
    check_get("/v1.1/notifications", "app_1", 405, "method_not_allowed").await;
    check_get("/v1.1/appUsers/nobody", "app_1", 404, "user_not_found").await;
    check_get(&format!("/v1.1/Apps/{APP}/AppUsers/%2B1/Messages"), "app_1", 404, "user_not_found").await;
    check_get("/v1.1/appusers/%ff", "app_1", 400, "bad_request").await;
    check_get("/v1.1/appusers/u/messages?before=1&after=2", "app_1", 400, "bad_request").await;
    check_get("/v1.1/appusers/u/messages?before=then", "app_1", 400, "bad_request").await;
    check_get("/v1.1/webhooks/nothing", "app_1", 404, "not_found").await;
}

#[tokio::test]
async fn bodies_are_bounded_and_named_where_wrong() {
    let post = async |uri: &str, body: String| said(asked(Method::POST, uri, "app_1", body)).await;
    let bad = (400, "bad_request".to_owned());
    assert_eq!(post("/v1.1/notifications", "{".into()).await, bad);
    assert_eq!(post("/v1.1/appusers", String::new()).await, bad);
    assert_eq!(post("/v1.1/webhooks", "{}".into()).await, bad);
    assert_eq!(post("/v1.1/appusers", " ".repeat(1_001)).await, (413, "payload_too_large".to_owned()));
    let chunked = said(asked(Method::POST, "/v1.1/appusers", "app_1", Body::new(Endless))).await;
    assert_eq!(chunked, (413, "payload_too_large".to_owned()));
}

#[tokio::test]
async fn notifications_are_taken_at_every_address() {
    let body = |integration: &str| {
        let destination = json!({ "integrationId": integration, "destinationId": "+15145550101" });
        json!({ "destination": destination, "message": { "type": "text", "text": "Hi" } }).to_string()
    };
    // This store keeps nothing, so getting as far as 503 is getting through.
    for uri in ["/v1/notifications", "/v1.1/notifications", &format!("/V1/Apps/{APP}/Notifications")] {
        let through = said(asked(Method::POST, uri, "app_1", body(TWILIO))).await;
        assert_eq!(through, (503, "service_unavailable".to_owned()), "{uri}");
        let unknown = said(asked(Method::POST, uri, "app_1", body("0000"))).await;
        assert_eq!(unknown, (404, "integration_not_found".to_owned()), "{uri}");
    }
}

#[tokio::test]
async fn hooks_are_proven_first() {
    let hook = async |uri: &str| {
        let form = "MessageSid=SM1&From=%2B15145550101&To=%2B15145550100&Body=Hi";
        said(asked(Method::POST, uri, "", form)).await.0
    };
    assert_eq!(hook(&format!("/hooks/twilio/{TWILIO}")).await, 401);
    assert_eq!(hook("/hooks/twilio").await, 401);
    assert_eq!(hook(&format!("/hooks/whatsapp/{TWILIO}")).await, 404);
    assert_eq!(hook("/hooks/twilio/0000").await, 404);
    assert_eq!(hook("/hooks/whatsapp").await, 404);
    let big = asked(Method::POST, "/hooks/twilio", "", "a".repeat(2_001));
    assert_eq!(said(big).await.0, 413);
}

#[tokio::test]
async fn a_hook_is_proven_against_the_public_address() {
    let form = [
        ("Body", "Hi"),
        ("From", "+15145550101"),
        ("MessageSid", "SM1"),
        ("SmsStatus", "received"),
        ("To", "+15145550100"),
    ];
    let hook = async |called: &str, signed: &str| {
        let fields: String = form.iter().map(|(name, value)| format!("{name}{value}")).collect();
        let mac = hmac_sha1(&Secret::new("fake-auth-token"), format!("{signed}{fields}").as_bytes());
        let body: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={}", value.replace('+', "%2B"))).collect();
        let request = Request::post(called)
            .header("host", "elsewhere.example.net")
            .header("x-twilio-signature", STANDARD.encode(mac))
            .header("content-type", "application/x-www-form-urlencoded");
        let request = request.body(Body::from(body.join("&"))).expect("is a request");
        public_router(api().await).oneshot(request).await.expect("routers do not fail").status().as_u16()
    };
    // Proven; since this store keeps nothing, they are kept on disk for it.
    let long = format!("/hooks/twilio/{TWILIO}?a=%41");
    assert_eq!(hook(&long, &format!("https://hub.example.org{long}")).await, 200);
    assert_eq!(hook("/hooks/twilio", "https://hub.example.org/hooks/twilio").await, 200);
    assert_eq!(hook(&long, &format!("https://elsewhere.example.net{long}")).await, 401);
}

#[tokio::test]
async fn the_admin_socket_is_the_operators() {
    let get = async |uri: &str, key: &str| {
        let (status, body) = answer(admin_router(api().await), asked(Method::GET, uri, key, "")).await;
        (status.as_u16(), code(&body))
    };
    let says = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(get("/healthz", "").await, says(200, "ok"));
    assert_eq!(get("/readyz", "").await, says(503, "service_unavailable"));
    assert_eq!(get("/heliograph/v1/nothing", "act_1").await, says(404, "not_found"));
    assert_eq!(get("/heliograph/v1/deadletters", "").await, says(401, "unauthorized"));
    assert_eq!(get("/heliograph/v1/deadletters", "act_1").await, says(400, "bad_request"));
    assert_eq!(get("/heliograph/v1/deadletters", "svc_1").await, says(400, "bad_request"));
    assert_eq!(get("/heliograph/v1/audit", "svc_1").await, says(200, "ok"));
    assert_eq!(get("/heliograph/v1/deadletters", "app_1").await, says(200, "ok"));
    assert_eq!(get("/heliograph/v1/deadletters?from=then", "app_1").await, says(400, "bad_request"));
    assert_eq!(
        get(&format!("/heliograph/v1/notifications/n?app={APP}"), "act_1").await,
        says(404, "not_found")
    );
    assert_eq!(
        get(&format!("/heliograph/v1/deadletters?app={OTHER}"), "app_1").await,
        says(403, "forbidden")
    );
}

#[tokio::test]
async fn a_panic_is_our_fault_and_nobody_elses() {
    let routes =
        Router::new().route("/", axum::routing::get(async || -> &'static str { panic!("on purpose") }));
    let request = asked(Method::GET, "/", "", "");
    let (status, body) = answer(finished(routes, api().await), request).await;
    assert_eq!((status.as_u16(), code(&body)), (500, "internal_server_error".to_owned()));
}
