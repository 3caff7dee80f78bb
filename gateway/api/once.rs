//! `Idempotency-Key`: a POST made again under the same key is answered as it was the first time.
//!
//! The mark is committed by the use case, together with the effect. Here a key is read, looked up, and kept from
//! being used by two requests at once.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::Value;

use super::Api;
use super::admin::AppQuery;
use super::auth::{Authority, operator, reach};
use super::gate::Passed;
use super::limits::owner_of;
use super::problem::Problem;
use super::receive::{Asked, whole};
use super::upload::is_upload;
use crate::core::{Earlier, Mark, Once};
use crate::model::{App, Id};

const HEADER: &str = "idempotency-key";

/// Characters of a key.
const KEY_MAX: usize = 255;

/// The marks of requests being worked on. There are never more than connections.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<HashSet<String>>);

/// The right to work on a request, until it is dropped.
struct Turn<'a> {
    marks: &'a InFlight,
    id: String,
}

impl InFlight {
    fn take(&self, mark: &Mark) -> Option<Turn<'_>> {
        let id = mark.id().to_owned();
        let is_free = self.lock().insert(id.clone());
        is_free.then(|| Turn { marks: self, id })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.marks.lock().remove(&self.id);
    }
}

/// The mark of the request in hand, for the use case.
#[derive(Debug, Clone)]
pub(super) struct Marked(Option<Mark>);

impl Marked {
    /// What the use case is to remember with what it does.
    pub(super) fn once<T>(&self, status: StatusCode, answer: fn(&T) -> Value) -> Once<'_, T> {
        Once { mark: self.0.as_ref(), status: status.as_u16(), answer }
    }
}

impl FromRequestParts<Arc<Api>> for Marked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Marked, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or(Marked(None)))
    }
}

/// Around every route, behind its gate: lets a POST that names a key through to its use case once.
pub(super) async fn guard(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    // A form is never held whole, so it is not known again.
    if request.method() != Method::POST || !request.headers().contains_key(HEADER) || is_upload(&request) {
        return next.run(request).await;
    }
    match guarded(&api, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn guarded(api: &Arc<Api>, request: Request, next: Next) -> Result<Response, Problem> {
    let key = key(request.headers())?.to_owned();
    let (mut parts, body) = request.into_parts();
    let (caller, home) = caller(api, &mut parts).await?;
    let body = whole(body, api.intake.limits.api).await?;
    let mark = Mark::new(api.settings.seal(), &caller, parts.uri.path(), &key, &body);
    let Some(_turn) = api.intake.in_flight.take(&mark) else {
        return Err(Problem::conflict("A request with this Idempotency-Key is being worked on"));
    };
    if let Some(earlier) = api.core.earlier(&home, &mark).await? {
        return again(earlier);
    }
    parts.extensions.insert(Marked(Some(mark.clone())));
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    // A first request whose caller went away may have been committed while this one was worked on.
    if response.status() == StatusCode::CONFLICT
        && let Some(earlier) = api.core.earlier(&home, &mark).await?
    {
        return again(earlier);
    }
    Ok(response)
}

/// Whose keys these are, and where what the request does is kept.
async fn caller(api: &Arc<Api>, parts: &mut Parts) -> Result<(String, Id<App>), Problem> {
    if let Some(Passed { principal, home, .. }) = parts.extensions.get() {
        return Ok((name(&principal.authority), home.clone()));
    }
    // The operator's socket has no gate: an app is named by the query, or by an integration of it.
    let authority = operator(&api.settings, &parts.headers, api.core.now())?;
    let named = RawPathParams::from_request_parts(parts, api)
        .await
        .map_err(|_| Problem::bad_request("The path is not UTF-8"))?;
    let tenant = match named.iter().find(|(name, _)| *name == "integration") {
        Some((_, id)) => owner_of(api, &authority, id)?,
        None => {
            let Asked(query) = Asked::<AppQuery>::from_request_parts(parts, api).await?;
            reach(&api.settings, &authority, query.app.as_deref())?
        }
    };
    Ok((name(&authority), tenant.app.id.clone()))
}

/// The name of all who may do the same: their keys are one caller's.
fn name(authority: &Authority) -> String {
    match authority {
        Authority::Account => String::new(),
        Authority::ServiceAccount(id) => id.to_string(),
        Authority::App(app) => app.to_string(),
        Authority::User { app, external_id } => format!("{app}/{external_id}"),
        Authority::Integration { app, integration } => format!("{app}/{integration}"),
    }
}

fn key(headers: &HeaderMap) -> Result<&str, Problem> {
    let invalid = || Problem::bad_request("Idempotency-Key must be 1 to 255 printable ASCII characters");
    let mut given = headers.get_all(HEADER).iter();
    let (Some(key), None) = (given.next(), given.next()) else { return Err(invalid()) };
    let key = std::str::from_utf8(key.as_bytes()).map_err(|_| invalid())?;
    let is_printable = key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if is_printable && (1..=KEY_MAX).contains(&key.len()) { Ok(key) } else { Err(invalid()) }
}

/// The answer to a request that was done before.
fn again(earlier: Earlier) -> Result<Response, Problem> {
    match earlier {
        Earlier::Answered { status, body } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            let kind = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
            Ok((status, kind, body).into_response())
        }
        Earlier::NotKept => Err(Problem::conflict("This was done before; its answer is not kept")),
        Earlier::Another => {
            Err(Problem::unprocessable("This Idempotency-Key was used for a request with another body"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(keys: &[&[u8]]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for key in keys {
            headers.append(HEADER, HeaderValue::from_bytes(key).expect("a header"));
        }
        key(&headers).ok().map(str::to_owned)
    }

    #[test]
    fn a_key_is_printable_ascii_of_bounded_length() {
        assert_eq!(read(&[b"a key, with ~!"]).as_deref(), Some("a key, with ~!"));
        assert!(read(&[&[b'x'; KEY_MAX]]).is_some());
        for odd in [&[b'x'; KEY_MAX + 1][..], b"", "\u{e9}".as_bytes(), b"tab\there"] {
            assert_eq!(read(&[odd]), None, "{odd:?}");
        }
        assert_eq!(read(&[b"one", b"two"]), None, "two keys");
    }

    #[test]
    fn a_key_is_worked_on_by_one_at_a_time() {
        let marks = InFlight::default();
        let seal = crate::settings::Sealer::new(None).expect("no key is fine");
        let mark = Mark::new(Arc::new(seal), "app", "/", "key", b"");
        let turn = marks.take(&mark).expect("it is free");
        assert!(marks.take(&mark).is_none());
        drop(turn);
        assert!(marks.take(&mark).is_some());
    }
}
