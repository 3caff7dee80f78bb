//! What callers are told when something is wrong: the one table from errors to HTTP statuses.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::{CONTENT_LENGTH, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use tracing::{error, warn};

use crate::core::{CoreError, Thing};
use crate::settings::{SettingsError, SwitchboardRefused};
use crate::wire::{Invalid, MISSING};

/// A refusal. Whoever makes one need not know which version was called: it is written as v1.1 has it,
/// `{"error":{"code","description"}}`, and [`in_its_version`] writes it anew where that is not what was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    /// The field of the request that is wrong.
    field: Option<String>,
    message: String,
}

/// Around everything that customers call: refusals in v2's shape, `{"errors":[{"code","title"}]}`, for whoever called v2.
pub(super) async fn in_its_version(request: Request, next: Next) -> Response {
    let is_v2 = is_v2(request.uri().path());
    let mut response = next.run(request).await;
    if !is_v2 {
        return response;
    }
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let body = json!({ "errors": [{ "code": problem.code, "title": problem.title() }] });
    let (mut head, _) = response.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    (head, Json(body)).into_response()
}

fn is_v2(path: &str) -> bool {
    ["/v2", "/oauth"].iter().any(|version| {
        path.strip_prefix(version).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Problem {
        Problem { status, code, field: None, message: message.into() }
    }

    /// What is wrong, in v1.1's words.
    fn description(&self) -> String {
        match &self.field {
            Some(field) => format!("{field}: {}", self.message),
            None => self.message.clone(),
        }
    }

    /// What is wrong, in v2's words: those of the library that the platform validates with
    /// (`reference: Sunshine v2, errors`).
    fn title(&self) -> String {
        match &self.field {
            Some(field) if self.message == MISSING => match field.rsplit_once('.') {
                Some((parent, key)) => format!(".{parent} should have required property '{key}'"),
                None => format!("should have required property '{field}'"),
            },
            Some(field) => format!(".{field}: {}", self.message),
            None => capitalised(&self.message),
        }
    }

    /// Whether it is the caller's to change something: then nothing was done.
    pub(super) fn is_refusal(&self) -> bool {
        self.status.is_client_error()
    }

    /// 400; the path names the field.
    pub(super) fn invalid(path: &str, message: &str) -> Problem {
        Problem { field: Some(path.to_owned()), ..Problem::bad_request(message) }
    }

    /// 400; a field is not there.
    pub(super) fn required(path: &str) -> Problem {
        Problem::invalid(path, MISSING)
    }

    /// 400
    pub(super) fn bad_request(description: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "bad_request", description)
    }

    /// 401
    pub(super) fn unauthorized(description: &str) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", description)
    }

    /// 403
    pub(super) fn forbidden(description: &str) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, "forbidden", description)
    }

    /// 404 with one of the platform's words for what is missing.
    pub(super) fn missing(code: &'static str, description: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, code, description)
    }

    /// 404 for a path that means nothing.
    pub(super) fn not_found() -> Problem {
        Problem::missing("not_found", "Resource not found")
    }

    /// 405
    pub(super) fn method_not_allowed() -> Problem {
        let description = "The resource does not take this method";
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", description)
    }

    /// 408
    pub(super) fn too_slow() -> Problem {
        let description = "The body took too long to arrive";
        Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", description)
    }

    /// 409
    pub(super) fn conflict(description: &str) -> Problem {
        Problem::new(StatusCode::CONFLICT, "conflict", description)
    }

    /// 413
    pub(super) fn too_large(limit: usize) -> Problem {
        let description = format!("A body may have at most {limit} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", description)
    }

    /// 414
    pub(super) fn address_too_long(limit: usize) -> Problem {
        let description = format!("An address may have at most {limit} bytes");
        Problem::new(StatusCode::URI_TOO_LONG, "uri_too_long", description)
    }

    /// 415
    pub(super) fn unsupported_media_type(description: &str) -> Problem {
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", description)
    }

    /// 422
    pub(super) fn unprocessable(description: &str) -> Problem {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable_entity", description)
    }

    /// 429, to be tried again when there is room.
    pub(super) fn too_many(description: &str) -> Problem {
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", description)
    }

    /// 431
    pub(super) fn head_too_large(fields: usize, bytes: usize) -> Problem {
        let description =
            format!("A request may have at most {fields} header fields of {bytes} bytes in all");
        Problem::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "request_header_fields_too_large",
            description,
        )
    }

    /// 500; what went wrong stands in the log.
    pub(super) fn internal() -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_server_error", "Something went wrong here")
    }

    /// 503 because too much is going on at once.
    pub(super) fn overloaded() -> Problem {
        Problem::unavailable("The gateway is overloaded; try again")
    }

    /// 503, to be tried again soon.
    pub(super) fn unavailable(description: &str) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", description)
    }
}

/// With a capital first letter, as v2's titles have.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code, "description": self.description() } });
        let mut response = (self.status, Extension(self.clone()), Json(body)).into_response();
        // In seconds: the store is soon back, a backlog takes a while.
        let wait = match self.status {
            StatusCode::SERVICE_UNAVAILABLE => Some("1"),
            StatusCode::TOO_MANY_REQUESTS => Some("5"),
            _ => None,
        };
        if let Some(wait) = wait {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(wait));
        }
        response
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Problem {
        if invalid.path.is_empty() {
            return Problem::bad_request(invalid.message);
        }
        Problem::invalid(&invalid.path, &invalid.message)
    }
}

impl From<CoreError> for Problem {
    fn from(error: CoreError) -> Problem {
        let description = error.to_string();
        match &error {
            CoreError::NotFound(thing) => Problem::missing(code_of(*thing), description),
            CoreError::NotAMember => Problem::missing("not_found", description),
            CoreError::Conflict(_) => Problem::new(StatusCode::CONFLICT, "conflict", description),
            CoreError::Invalid(_) => Problem::bad_request(description),
            CoreError::Forbidden => Problem::forbidden(&description),
            CoreError::ConversationFull => Problem::new(StatusCode::LOCKED, "locked", description),
            CoreError::Store(_) if error.is_conflict() => {
                let description = "Others kept changing the same resource; try again";
                Problem::new(StatusCode::CONFLICT, "conflict", description)
            }
            CoreError::Store(_) if error.is_unavailable() => {
                warn!(%error, "the store did not answer a request");
                Problem::unavailable("The store is unavailable; try again")
            }
            CoreError::Store(_) => {
                error!(%error, "the store failed a request");
                Problem::internal()
            }
        }
    }
}

impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Problem {
        let description = error.to_string();
        match error {
            SettingsError::NotFound => Problem::not_found(),
            SettingsError::Declared { .. } => Problem::forbidden(&description),
            SettingsError::TooMany { .. } | SettingsError::LastWebhook => Problem::bad_request(description),
            SettingsError::Switchboard(refused) => refused.into(),
            SettingsError::Store(error) => Problem::from(CoreError::from(error)),
        }
    }
}

impl From<SwitchboardRefused> for Problem {
    fn from(refused: SwitchboardRefused) -> Problem {
        let description = refused.to_string();
        match refused {
            SwitchboardRefused::NoSwitchboard => Problem::missing("switchboard_not_found", description),
            SwitchboardRefused::NoSeat => Problem::missing("switchboard_integration_not_found", description),
            SwitchboardRefused::NoIntegration => Problem::missing("integration_not_found", description),
            SwitchboardRefused::Full => {
                Problem::new(StatusCode::BAD_REQUEST, "too_many_switchboard_integrations", description)
            }
            SwitchboardRefused::Second | SwitchboardRefused::Needed(_) => Problem::bad_request(description),
            SwitchboardRefused::Invalid { field, message } => Problem::invalid(field, &message),
        }
    }
}

fn code_of(thing: Thing) -> &'static str {
    match thing {
        Thing::User => "user_not_found",
        Thing::Client => "client_not_found",
        Thing::Integration => "integration_not_found",
        Thing::Conversation => "conversation_not_found",
        Thing::Delivery | Thing::Message | Thing::Action | Thing::Template => "not_found",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    fn check(problem: impl Into<Problem>, status: u16, code: &str) {
        let problem = problem.into();
        assert_eq!((problem.status.as_u16(), problem.code), (status, code), "{problem:?}");
    }

    #[test]
    fn every_error_has_its_status_and_code() {
        check(CoreError::NotFound(Thing::User), 404, "user_not_found");
        check(CoreError::NotFound(Thing::Client), 404, "client_not_found");
        check(CoreError::NotFound(Thing::Integration), 404, "integration_not_found");
        check(CoreError::NotFound(Thing::Delivery), 404, "not_found");
        check(CoreError::NotFound(Thing::Template), 404, "not_found");
        check(CoreError::Conflict("User already exists".into()), 409, "conflict");
        check(CoreError::Invalid("destination: no".into()), 400, "bad_request");
        check(CoreError::Forbidden, 403, "forbidden");
        check(CoreError::ConversationFull, 423, "locked");
        check(CoreError::Store(StoreError::Conflict("user".into())), 409, "conflict");
        check(CoreError::Store(StoreError::Unavailable("gone".into())), 503, "service_unavailable");
        check(CoreError::Store(StoreError::Corrupt("odd".into())), 500, "internal_server_error");
        check(SettingsError::NotFound, 404, "not_found");
        check(SettingsError::Declared { what: "webhook", id: "w".into() }, 403, "forbidden");
        check(SettingsError::TooMany { owner: "an app", most: 10, what: "webhooks" }, 400, "bad_request");
        check(SwitchboardRefused::NoSwitchboard, 404, "switchboard_not_found");
        check(SwitchboardRefused::NoSeat, 404, "switchboard_integration_not_found");
        check(SwitchboardRefused::NoIntegration, 404, "integration_not_found");
        check(SwitchboardRefused::Full, 400, "too_many_switchboard_integrations");
        check(SwitchboardRefused::Second, 400, "bad_request");
        check(SettingsError::LastWebhook, 400, "bad_request");
        check(SettingsError::Store(StoreError::Unavailable("gone".into())), 503, "service_unavailable");
    }

    #[tokio::test]
    async fn each_version_is_told_in_its_own_shape() {
        use axum::{Router, middleware::from_fn, routing::get};
        use http_body_util::BodyExt;
        use tower::ServiceExt;

        let told = async |path: &str, problem: Problem| {
            let router: Router = Router::new().fallback_service(get(async move || problem));
            let request = Request::builder().uri(path).body(axum::body::Body::empty()).expect("a request");
            let answer = router.layer(from_fn(in_its_version)).oneshot(request).await.expect("an answer");
            let body = answer.into_body().collect().await.expect("a body").to_bytes();
            serde_json::from_slice::<serde_json::Value>(&body).expect("JSON")
        };
        for (problem, description, title) in [
            (Problem::required("name"), "name: is required", "should have required property 'name'"),
            (
                Problem::required("content.items[0].title"),
                "content.items[0].title: is required",
                ".content.items[0] should have required property 'title'",
            ),
            (Problem::invalid("a.b", "must be true"), "a.b: must be true", ".a.b: must be true"),
            (Problem::bad_request("not so: no"), "not so: no", "Not so: no"),
        ] {
            let v1 = json!({ "error": { "code": "bad_request", "description": description } });
            let v2 = json!({ "errors": [{ "code": "bad_request", "title": title }] });
            for path in ["/v1.1/apps", "/v22", "/"] {
                assert_eq!(told(path, problem.clone()).await, v1, "{path}");
            }
            for path in ["/v2/apps", "/v2", "/oauth/token"] {
                assert_eq!(told(path, problem.clone()).await, v2, "{path}");
            }
        }
    }

    #[test]
    fn what_can_be_tried_again_says_when() {
        let response = Problem::unavailable("later").into_response();
        assert_eq!(response.headers().get(RETRY_AFTER), Some(&HeaderValue::from_static("1")));
        assert_eq!(response.headers()[http::header::CONTENT_TYPE], "application/json");
        let full = Problem::too_many("later").into_response();
        assert_eq!(full.headers().get(RETRY_AFTER), Some(&HeaderValue::from_static("5")));
        assert!(Problem::not_found().into_response().headers().get(RETRY_AFTER).is_none());
    }
}
