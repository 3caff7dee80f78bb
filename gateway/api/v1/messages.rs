//! The messages of an app user's conversation.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use heliograph_connectors::channel::Body;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::api::Api;
use crate::api::auth::{Authority, Principal};
use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::phrases::{self, Phrases};
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Asked, Named};
use crate::core::{Beside, Instead, Post, Posted, Talk, Toward, Window};
use crate::model::{Id, Integration, Role, Tenant, Timestamp};
use crate::wire::v1::{self, MessageDestination};

use super::UserPath;

/// One message of a user's.
#[derive(Debug, Deserialize)]
pub(super) struct MessagePath {
    user: String,
    message: String,
}

/// `POST /appusers/{user}/messages`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    principal: Principal,
    Named(UserPath { user }): Named<UserPath>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let asked = v1::PostMessage::parse(&body, api.core.now())?;
    say(&api, &tenant, &principal, Talk::DefaultOf(&user), asked, marked).await
}

/// Says what was asked for, and answers with it.
pub(super) async fn say(
    api: &Api,
    tenant: &Tenant,
    principal: &Principal,
    talk: Talk<'_>,
    asked: v1::PostMessage,
    marked: Marked,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let is_user = matches!(principal.authority, Authority::User { .. });
    if is_user && asked.author.role != Role::User {
        return Err(Problem::forbidden("A user's token speaks with the role appUser"));
    }
    let mut destination = asked.destination.map(|destination| match destination {
        MessageDestination::Integration(id) => Toward::Integration(id),
        MessageDestination::Kind(kind) => Toward::Kind(kind),
    });
    if let Body::Native { schema, .. } = &asked.body {
        // It makes sense on its own channel alone.
        destination = destination.or_else(|| Some(Toward::Kind(schema.clone())));
    }
    api.intake.admission.send(&api.core, tenant).await?;
    let toward = destination.as_ref();
    let Phrases { content, extra, mut instead } = match asked.body {
        Body::Content(content) => {
            phrases::read(api, tenant, talk, toward, (asked.author.role, content)).await?
        }
        Body::Native { schema, message } => {
            phrases::native(api, tenant, talk, toward, (schema, message)).await?
        }
    };
    // A payload stands for the first of what is said; the others have none of their own.
    instead.splice(
        0..0,
        asked.overrides.into_iter().map(|(kind, message)| {
            let body = Body::Native { schema: kind.clone(), message };
            Instead { place: 0, kind, body, shown: content.clone() }
        }),
    );
    let (payload, metadata) = (asked.payload, asked.metadata);
    let post = Post {
        author: asked.author,
        speaker: None,
        content,
        extra,
        instead,
        payload,
        metadata,
        destination,
        beside: Beside::default(),
    };
    let once = marked.once(StatusCode::CREATED, shown);
    let channels = |id: &Id<Integration>| api.channels.get(id);
    let posted = api.core.post(tenant, talk, post, &channels, once).await?;
    Ok((StatusCode::CREATED, Json(shown(&posted))))
}

fn shown(posted: &Posted) -> Value {
    let mut shown = json!({
        "message": v1::message(&posted.message),
        "conversation": v1::conversation(&posted.conversation),
    });
    if !posted.extra.is_empty() {
        shown["extraMessages"] = posted.extra.iter().map(v1::message).collect();
    }
    shown
}

/// Which page is wanted: at most one of the two, in seconds.
#[derive(Debug, Deserialize)]
pub(super) struct PageQuery {
    before: Option<String>,
    after: Option<String>,
}

/// `GET /appusers/{user}/messages`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
    Asked(query): Asked<PageQuery>,
) -> Result<impl IntoResponse, Problem> {
    let history = api.core.messages(&tenant, Talk::DefaultOf(&user), window(&query)?).await?;
    let mut page = v1::Page::of(v1::conversation(&history.conversation), &history.messages);
    let link = |bound, at| Some(page_url(api.channels.public_base(), &tenant, &user, bound, at));
    if let Some(last) = history.messages.last().filter(|_| history.has_next) {
        page.next = link("after", last.received);
    }
    if let Some(first) = history.messages.first().filter(|_| history.has_previous) {
        page.previous = link("before", first.received);
    }
    Ok(([(CONTENT_TYPE, "application/json")], page.written()))
}

/// `DELETE /appusers/{user}/messages`
pub(super) async fn delete_all(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
) -> Result<Json<Value>, Problem> {
    api.core.delete_messages(&tenant, Talk::DefaultOf(&user)).await?;
    Ok(Json(json!({})))
}

/// `DELETE /appusers/{user}/messages/{message}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(MessagePath { user, message }): Named<MessagePath>,
) -> Result<Json<Value>, Problem> {
    api.core.delete_message(&tenant, Talk::DefaultOf(&user), &message).await?;
    Ok(Json(json!({})))
}

fn window(query: &PageQuery) -> Result<Window, Problem> {
    match (&query.before, &query.after) {
        (Some(_), Some(_)) => Err(Problem::bad_request("before and after exclude each other")),
        (Some(before), None) => Ok(Window::Before(moment("before", before)?)),
        (None, Some(after)) => Ok(Window::After(moment("after", after)?)),
        (None, None) => Ok(Window::Newest),
    }
}

/// Seconds, with decimals.
fn moment(name: &str, text: &str) -> Result<Timestamp, Problem> {
    let seconds: Option<f64> = text.parse().ok().filter(|seconds: &f64| seconds.is_finite());
    let seconds = seconds.ok_or_else(|| Problem::invalid(name, "must be a time in seconds"))?;
    Ok(Timestamp::from_millis((seconds * 1000.0).round() as i64))
}

/// Where the neighbouring page is.
fn page_url(base: &str, tenant: &Tenant, user: &str, bound: &str, at: Timestamp) -> String {
    let mut url = Url::parse(base).expect("the public base came from a URL");
    if let Ok(mut path) = url.path_segments_mut() {
        let app = tenant.app.id.as_str();
        path.pop_if_empty().extend(["v1.1", "apps", app, "appusers", user, "messages"]);
    }
    url.set_query(Some(&format!("{bound}={:.3}", at.seconds())));
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::App;

    fn asked(before: Option<&str>, after: Option<&str>) -> Option<Window> {
        let query = PageQuery { before: before.map(Into::into), after: after.map(Into::into) };
        window(&query).ok()
    }

    #[test]
    fn times_are_seconds_with_decimals() {
        let at = Timestamp::from_millis(1_529_675_979_541);
        assert_eq!(asked(Some("1529675979.541"), None), Some(Window::Before(at)));
        assert_eq!(asked(None, Some("1529675979.541")), Some(Window::After(at)));
        assert_eq!(asked(None, None), Some(Window::Newest));
        assert_eq!(asked(Some("1"), Some("2")), None);
        for odd in ["", "yesterday", "NaN", "inf", "1,5"] {
            assert_eq!(asked(Some(odd), None), None, "{odd}");
        }
        assert!(asked(Some("-1e300"), None).is_some());
    }

    #[test]
    fn pages_are_linked_by_their_long_path() {
        let app = App::new(Id::new("5963"), "Demo");
        let tenant = Tenant::new(app);
        let url = |user| {
            page_url("https://hub.example.org/a", &tenant, user, "after", Timestamp::from_millis(1500))
        };
        let expected = "https://hub.example.org/a/v1.1/apps/5963/appusers/+1%2F2/messages?after=1.500";
        assert_eq!(url("+1/2"), expected);
    }
}
