//! What one request may cost: its address, its head, the time it takes, and a place among those worked on.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use tokio::time::timeout;

use super::Api;
use super::problem::Problem;
use super::receive::BODY_TIME;
use super::upload::is_upload;

/// Bytes of an address, its query included.
const ADDRESS_MAX: usize = 2_048;

/// Header fields of a request.
const FIELDS_MAX: usize = 64;

/// Bytes of all of them.
const HEAD_MAX: usize = 32 * 1024;

/// How long a request may be worked on, once its body is there.
const WORK_TIME: Duration = Duration::from_secs(30);

/// Around the routes of the API.
pub(super) async fn request(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let room = match is_upload(&request) {
        true => api.intake.admission.upload(),
        false => api.intake.admission.request(),
    };
    within(room, request, next).await
}

/// Around the routes of the hooks.
pub(super) async fn hook(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let room = api.intake.admission.hook();
    within(room, request, next).await
}

async fn within<T>(room: Result<T, Problem>, request: Request, next: Next) -> Response {
    let fits = room.and_then(|room| measure(&request).map(|()| room));
    let _room = match fits {
        Ok(room) => room,
        Err(problem) => return problem.into_response(),
    };
    if is_upload(&request) {
        // As long as it goes on coming.
        return next.run(request).await;
    }
    match timeout(BODY_TIME + WORK_TIME, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable("The request took too long").into_response(),
    }
}

fn measure(request: &Request) -> Result<(), Problem> {
    let address = request.uri().path_and_query().map_or(0, |address| address.as_str().len());
    if address > ADDRESS_MAX {
        return Err(Problem::address_too_long(ADDRESS_MAX));
    }
    if request.headers().len() > FIELDS_MAX || size(request.headers()) > HEAD_MAX {
        return Err(Problem::head_too_large(FIELDS_MAX, HEAD_MAX));
    }
    Ok(())
}

fn size(headers: &HeaderMap) -> usize {
    // As they stand in the request: name, colon, space, value, end of line.
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}
