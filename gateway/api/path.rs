//! Paths as clients write them: `/appUsers/` and `/appusers/` are the same place.

use axum::extract::Request;
use http::Uri;

/// Lowers the fixed words of an API path, so that routing need not care for their case.
pub(super) fn normalised(mut request: Request) -> Request {
    if let Some(path) = lowered(request.uri().path()) {
        let path_and_query = match request.uri().query() {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        let mut parts = request.uri().clone().into_parts();
        // Lower case of what was a path is a path; were it not, the request keeps the one it had.
        parts.path_and_query = path_and_query.parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// The path with its words in lower case; `None` when they are already. Ids keep their case.
///
/// After the version, words and ids take turns: `/v1.1/apps/{id}/appusers/{id}/messages`.
fn lowered(path: &str) -> Option<String> {
    let is_word = |at: usize| at == 0 || at % 2 == 1;
    let segments = || path.strip_prefix('/').unwrap_or(path).split('/').enumerate();
    let version = segments().next().map(|(_, segment)| segment)?;
    if !version.eq_ignore_ascii_case("v1.1") && !version.eq_ignore_ascii_case("v1") {
        return None;
    }
    let is_upper = |byte: u8| byte.is_ascii_uppercase();
    if !segments().any(|(at, segment)| is_word(at) && segment.bytes().any(is_upper)) {
        return None;
    }
    let mut lowered = String::with_capacity(path.len());
    for (at, segment) in segments() {
        lowered.push('/');
        lowered.push_str(segment);
        if is_word(at) {
            let start = lowered.len() - segment.len();
            lowered[start..].make_ascii_lowercase();
        }
    }
    Some(lowered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_lowered_and_ids_are_not() {
        let check = |given: &str, expected: Option<&str>| {
            assert_eq!(lowered(given).as_deref(), expected, "{given}");
        };
        check("/v1.1/apps/5963/appUsers/Steve/Messages", Some("/v1.1/apps/5963/appusers/Steve/messages"));
        check("/V1.1/AppUsers/%2B1Ab/channels/Twilio", Some("/v1.1/appusers/%2B1Ab/channels/Twilio"));
        check("/v1/Apps/5963/Notifications", Some("/v1/apps/5963/notifications"));
        check("/v1.1/appusers/STEVE", None);
        check("/v1.1/appusers/STEVE/messages/", None);
        check("/hooks/Twilio/ABC", None);
        check("/", None);
        check("", None);
    }

    #[test]
    fn query_and_plus_signs_stay() {
        let request = Request::builder().uri("/v1.1/AppUsers/+1?before=A+b%2B");
        let request = normalised(request.body(axum::body::Body::empty()).expect("is a request"));
        assert_eq!(request.uri(), "/v1.1/appusers/+1?before=A+b%2B");
    }
}
