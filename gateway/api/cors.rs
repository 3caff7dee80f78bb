//! Calls from a page in a browser: a person's own token may come from anywhere, the keys of a business belong on its
//! servers. So a page may read what was answered to the one, and not what was answered to the others.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::{self, MethodRouter};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
};
use http::{HeaderValue, Method, StatusCode};

use super::auth;

/// What a page may send along.
const SENT: &str = "authorization, content-type, idempotency-key";

/// Seconds for which a browser need not ask again.
const REMEMBERED: &str = "600";

/// Around the API: lets a page read what its person's token was answered, refusals too. A token that was not proven is
/// believed for that: its refusal is no secret, and the page must see that it needs a new one.
pub(super) async fn readable(request: Request, next: Next) -> Response {
    let is_page = auth::says_user(request.headers());
    let mut response = next.run(request).await;
    if is_page {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    }
    response
}

/// `OPTIONS` of a path that a person's token opens to these methods. Browsers ask so, without a credential.
pub(super) fn asked<S: Clone + Send + Sync + 'static>(methods: &[Method]) -> MethodRouter<S> {
    let methods = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    let headers = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*".to_owned()),
        (ACCESS_CONTROL_ALLOW_METHODS, methods),
        (ACCESS_CONTROL_ALLOW_HEADERS, SENT.to_owned()),
        (ACCESS_CONTROL_MAX_AGE, REMEMBERED.to_owned()),
    ];
    routing::options(async move || (StatusCode::NO_CONTENT, headers.clone()))
}
