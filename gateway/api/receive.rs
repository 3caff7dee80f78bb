//! What requests carry, read within bounds: bodies, path parameters, query parameters.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::Bytes;
use http::request::Parts;
use http::uri::PathAndQuery;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::Api;
use super::problem::Problem;

/// How long a body may take to arrive.
pub(super) const BODY_TIME: Duration = Duration::from_secs(30);

/// A body of the API, whole.
#[derive(Debug)]
pub(super) struct ApiBody(pub(super) Bytes);

impl FromRequest<Arc<Api>> for ApiBody {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<ApiBody, Problem> {
        whole(request.into_body(), api.intake.limits.api).await.map(ApiBody)
    }
}

/// A whole body, if it is small enough and comes fast enough.
pub(super) async fn whole(body: Body, limit: usize) -> Result<Bytes, Problem> {
    within(BODY_TIME, body, limit).await
}

async fn within(time: Duration, body: Body, limit: usize) -> Result<Bytes, Problem> {
    // Said beforehand: refused before a byte of it is kept.
    if body.size_hint().lower() > limit as u64 {
        return Err(Problem::too_large(limit));
    }
    match tokio::time::timeout(time, Limited::new(body, limit).collect()).await {
        Err(_) => Err(Problem::too_slow()),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::too_large(limit)),
        Ok(Err(_)) => Err(Problem::bad_request("The body broke off")),
    }
}

/// Path parameters, percent-decoded once; a plus sign is a plus sign.
#[derive(Debug)]
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<Api>> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Named<T>, Problem> {
        match Path::<T>::from_request_parts(parts, api).await {
            Ok(Path(named)) => Ok(Named(named)),
            Err(rejection) => Err(Problem::bad_request(rejection.body_text())),
        }
    }
}

/// Query parameters, percent-decoded once; here too a plus sign is a plus sign, since clients send numbers as they are.
#[derive(Debug)]
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Api>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Asked<T>, Problem> {
        asked(parts.uri.query().unwrap_or_default()).map(Asked)
    }
}

pub(super) fn asked<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    // The reader is one of forms, which write a space as a plus sign; an escaped sign stays one.
    let query = PathAndQuery::try_from(format!("/?{}", query.replace('+', "%2B")));
    let query = query.map_err(|_| Problem::bad_request("The query is malformed"))?;
    match Query::<T>::try_from_uri(&query.into()) {
        Ok(Query(asked)) => Ok(asked),
        Err(rejection) => Err(Problem::bad_request(rejection.body_text())),
    }
}

/// The parts of a list joined by commas (`types=twilio,line`).
pub(super) fn commas(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::body::Frame;
    use std::collections::BTreeMap;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    /// A body that never comes.
    struct Stuck;

    impl HttpBody for Stuck {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_body_must_come_in_time() {
        let read = within(Duration::from_millis(20), Body::new(Stuck), 10).await;
        assert_eq!(read, Err(Problem::too_slow()));
        assert_eq!(whole(Body::from("1234567890"), 10).await, Ok(Bytes::from("1234567890")));
    }

    #[test]
    fn a_list_is_joined_by_commas() {
        assert_eq!(commas("a,b, c,,").collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(commas("").count(), 0);
    }

    #[test]
    fn a_plus_sign_in_a_query_is_one() {
        let query = |text: &str| asked::<BTreeMap<String, String>>(text);
        let found = query("userId=+1514%20555&at=12%3A00%2B01:00&empty=&b=%2525").expect("a query");
        let expected = [("userId", "+1514 555"), ("at", "12:00+01:00"), ("empty", ""), ("b", "%25")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(query(""), Ok(BTreeMap::new()));
    }
}
