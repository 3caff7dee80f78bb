//! Providers calling us. Nothing is believed before it is proven, nothing answered before it is stored.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use heliograph_connectors::channel::{Channel, InboundEvent, MediaSource, RawWebhook, Reply};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::core::{CoreError, Route};
use crate::media::MediaError;
use crate::model::{Id, Integration, MediaFile, Tenant};

use super::problem::Problem;
use super::receive::{Named, whole};
use super::{Api, route, spooled};

/// Integrations whose secret is tried on a hook that names none of them.
const UNNAMED_MAX: usize = 16;

/// How long a hook waits for what its provider knows about new people.
const PROFILES_TIME: Duration = Duration::from_secs(2);

/// The routes of `/hooks`.
pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/hooks/{kind}/{integration}", get(one).post(one))
        .route("/hooks/{kind}", get(any).post(any))
}

/// The integration a hook's path names.
#[derive(Debug, Deserialize)]
struct HookPath {
    kind: String,
    integration: String,
}

/// The type a short hook's path names.
#[derive(Debug, Deserialize)]
struct KindPath {
    kind: String,
}

/// An integration that a hook may be for.
#[derive(Debug)]
pub(super) struct Candidate {
    tenant: Arc<Tenant>,
    integration: Id<Integration>,
    channel: Arc<dyn Channel>,
}

/// What a candidate understood of a proven hook.
#[derive(Debug)]
pub(super) struct Understood {
    replay_key: Option<String>,
    events: Vec<InboundEvent>,
}

/// Why a hook was not taken in.
#[derive(Debug)]
pub(super) enum Taken {
    /// The store cannot be reached.
    StoreAway,
    /// Something else kept it from being stored, which may pass.
    NotNow,
    /// The integration is no longer there.
    Gone,
}

/// `/hooks/{kind}/{integration}`
async fn one(
    State(api): State<Arc<Api>>,
    Named(path): Named<HookPath>,
    request: Request,
) -> Result<Response, Problem> {
    let id = Id::new(path.integration);
    let tenant = api.settings.owner(&id).ok_or_else(Problem::not_found)?;
    let integration = tenant.integration(&id).filter(|integration| integration.kind == path.kind);
    let channel = api.live(integration.ok_or_else(Problem::not_found)?)?;
    // Where a provider calls one address for a whole account, the address says little about whom a hook is for.
    if channel.capabilities().shares_hooks {
        return take_in(&api, &path.kind, candidates(&api, &path.kind), request).await;
    }
    let candidate = Candidate { tenant, integration: id, channel };
    take_in(&api, &path.kind, vec![candidate], request).await
}

/// `/hooks/{kind}`: for providers that call one address for all numbers or pages.
async fn any(
    State(api): State<Arc<Api>>,
    Named(path): Named<KindPath>,
    request: Request,
) -> Result<Response, Problem> {
    let candidates = candidates(&api, &path.kind);
    if candidates.is_empty() {
        return Err(Problem::not_found());
    }
    take_in(&api, &path.kind, candidates, request).await
}

fn candidates(api: &Api, kind: &str) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for tenant in api.settings.tenants() {
        for integration in tenant.integrations.iter().filter(|integration| integration.kind == kind) {
            if let Some(channel) = api.channels.get(&integration.id) {
                let integration = integration.id.clone();
                candidates.push(Candidate { tenant: tenant.clone(), integration, channel });
            }
        }
    }
    candidates
}

/// Takes in a hook for every candidate whose own secret proves it.
async fn take_in(
    api: &Api,
    kind: &str,
    candidates: Vec<Candidate>,
    request: Request,
) -> Result<Response, Problem> {
    let raw = received(api, kind, request).await?;
    if let Some((candidate, reply)) = handshake(&candidates, &raw) {
        if reply.status.is_success() {
            candidate.record(api, &raw);
        }
        return Ok(written(reply));
    }
    let candidates = concerned(candidates, &raw);
    let mut proven = false;
    let mut taken = None;
    for candidate in &candidates {
        let understood = match candidate.understand(raw.clone()) {
            Ok(understood) => understood,
            Err(Unproven) => continue,
        };
        if !proven {
            candidate.record(api, &raw);
        }
        proven = true;
        if let Some(understood) = understood {
            candidate.take(api, &raw, understood).await?;
            taken.get_or_insert(&candidate.channel);
        }
    }
    match taken {
        Some(channel) => Ok(written(channel.acknowledge())),
        None if proven => {
            api.core.metrics().hook_refused(kind, "malformed");
            Err(Problem::bad_request("The hook is not in the provider's format"))
        }
        None => {
            api.core.metrics().hook_refused(kind, "forged");
            info!(candidates = candidates.len(), "an unproven hook was refused");
            Err(Problem::unauthorized("The hook's signature does not match"))
        }
    }
}

/// The hook as it came. Its address is built from our own public one: the provider signed that.
async fn received(api: &Api, kind: &str, request: Request) -> Result<RawWebhook, Problem> {
    let now = api.core.now().millis();
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = format!("{}{path}", api.channels.public_base());
    let body = whole(body, api.intake.limits.hook_of(kind)).await?;
    Ok(RawWebhook::new(parts.method, url, parts.headers, now, body))
}

/// The candidates that a hook seems to be about. One that names none of them may still be the provider's, so
/// then a few are asked whether it is: what a provider says is to be answered well even where it is news.
fn concerned(mut candidates: Vec<Candidate>, raw: &RawWebhook) -> Vec<Candidate> {
    if candidates.iter().any(|candidate| candidate.channel.may_concern(raw)) {
        candidates.retain(|candidate| candidate.channel.may_concern(raw));
    } else {
        candidates.truncate(UNNAMED_MAX);
    }
    candidates
}

/// The answer to a subscription handshake: the first that agrees, else the first that refuses.
fn handshake<'a>(candidates: &'a [Candidate], raw: &RawWebhook) -> Option<(&'a Candidate, Reply)> {
    let mut refusal = None;
    for candidate in candidates {
        match candidate.channel.handshake(raw) {
            Some(reply) if reply.status.is_success() => return Some((candidate, reply)),
            Some(reply) => refusal = refusal.or(Some((candidate, reply))),
            None => {}
        }
    }
    refusal
}

/// The hook was not sent by this candidate's provider.
#[derive(Debug)]
pub(super) struct Unproven;

impl Candidate {
    /// What a hook says, if it is proven; `None` when it is proven and makes no sense.
    pub(super) fn understand(&self, raw: RawWebhook) -> Result<Option<Understood>, Unproven> {
        let integration = &self.integration;
        let verified = match self.channel.verify(raw) {
            Ok(verified) => verified,
            Err(forged) => {
                debug!(%integration, reason = %forged, "not proven by this integration");
                return Err(Unproven);
            }
        };
        match self.channel.parse(&verified) {
            Ok(events) => Ok(Some(Understood { replay_key: verified.replay_key, events })),
            Err(malformed) => {
                warn!(%integration, reason = %malformed, "a proven hook is malformed");
                Ok(None)
            }
        }
    }

    /// Has it written down, where somebody records.
    fn record(&self, api: &Api, raw: &RawWebhook) {
        if let (Some(recorder), Some(integration)) =
            (&api.recorder, self.tenant.integration(&self.integration))
        {
            recorder.hook(integration, &self.channel, raw);
        }
    }

    /// An integration that a hook was for.
    pub(super) fn of(api: &Api, integration: &Id<Integration>) -> Option<Candidate> {
        let (tenant, channel) = (api.settings.owner(integration)?, api.channels.get(integration)?);
        Some(Candidate { tenant, integration: integration.clone(), channel })
    }

    /// Takes a hook in, or sees to it that it will be.
    async fn take(&self, api: &Api, raw: &RawWebhook, understood: Understood) -> Result<(), Problem> {
        let is_repeated = self.channel.capabilities().repeats_hooks;
        // While some wait on disk, those that come after them wait behind them.
        let taken = match is_repeated || api.intake.spool.is_empty() {
            true => self.ingest(api, understood).await,
            false => Err(Taken::StoreAway),
        };
        match taken {
            Ok(()) => Ok(()),
            Err(Taken::StoreAway) if !is_repeated => {
                spooled::keep(api, &self.integration, raw).await.map_err(|error| {
                    warn!(integration = %self.integration, %error, "a hook could not be spooled");
                    not_stored(api, &*self.channel)
                })
            }
            // Whatever kept it from being stored, the provider is to tell it again.
            Err(Taken::StoreAway | Taken::NotNow) => Err(not_stored(api, &*self.channel)),
            Err(Taken::Gone) => Err(Problem::not_found()),
        }
    }

    /// Has what a hook says stored.
    pub(super) async fn ingest(&self, api: &Api, understood: Understood) -> Result<(), Taken> {
        let integration = self.tenant.integration(&self.integration).ok_or(Taken::Gone)?;
        let route = route(&self.tenant, integration, &*self.channel);
        let Understood { replay_key, mut events } = understood;
        let mut files = Vec::new();
        for event in &events {
            api.core.metrics().hook_event(&integration.kind, word(event));
            files.extend(self.keep_file(api, event).await?);
        }
        if self.channel.capabilities().profiles {
            // They are wanted, not needed: nothing is lost because a provider is slow to say who somebody is.
            let _ = timeout(PROFILES_TIME, self.name_strangers(api, route, &mut events)).await;
        }
        let ingested = api.core.ingest(route, replay_key.as_deref(), events).await;
        let ingested = match ingested {
            Ok(()) => self.drop_unclaimed(api, files).await,
            Err(error) => Err(error),
        };
        ingested.map_err(|error| {
            warn!(integration = %integration.id, %error, "a hook could not be stored");
            if error.is_unavailable() { Taken::StoreAway } else { Taken::NotNow }
        })
    }
}

impl Candidate {
    /// A file that came with the hook is on disk before the message that needs it is stored.
    async fn keep_file(&self, api: &Api, event: &InboundEvent) -> Result<Option<Id<MediaFile>>, Taken> {
        let InboundEvent::Message(said) = event else { return Ok(None) };
        let Some(MediaSource::Enclosed(media)) = &said.media else { return Ok(None) };
        let (app, enclosed) = (&self.tenant.app.id, (said.provider_id.as_str(), media));
        let kept = api.media.keep_enclosed(&api.core, app, &self.integration, enclosed).await;
        kept.map(Some).map_err(|error| {
            warn!(integration = %self.integration, %error, "a file could not be kept");
            match error {
                MediaError::Store(error) if error.is_unavailable() => Taken::StoreAway,
                _ => Taken::NotNow,
            }
        })
    }

    /// Files of what became no message, such as the answer to a question of the platform's, are nobody's.
    async fn drop_unclaimed(&self, api: &Api, files: Vec<Id<MediaFile>>) -> Result<(), CoreError> {
        let app = &self.tenant.app.id;
        for id in files {
            let file = api.core.media(app, &id).await?;
            if let Some(file) = file.filter(|file| file.user.is_none()) {
                api.media.discard(&api.core, app, &file).await?;
            }
        }
        Ok(())
    }

    /// Asks the provider who the people are that nobody knows yet.
    async fn name_strangers(&self, api: &Api, route: Route<'_>, events: &mut [InboundEvent]) {
        for event in events {
            let from = match event {
                InboundEvent::Message(said) => &mut said.from,
                InboundEvent::Postback { from, .. } => from,
                _ => continue,
            };
            if from.display_name.is_some() || !matches!(api.core.is_stranger(route, from).await, Ok(true)) {
                continue;
            }
            match self.channel.profile(&from.address, api.media.providers()).await {
                Ok(Some(profile)) => {
                    from.display_name = profile.display_name;
                    from.raw = profile.raw;
                }
                Ok(None) => {}
                Err(error) => debug!(integration = %self.integration, %error, "no profile to be had"),
            }
        }
    }
}

fn not_stored(api: &Api, channel: &dyn Channel) -> Problem {
    api.core.metrics().hook_refused(channel.capabilities().kind, "not_stored");
    Problem::unavailable("The hook could not be stored; send it again")
}

/// What an event is counted as.
fn word(event: &InboundEvent) -> &'static str {
    match event {
        InboundEvent::Message(_) => "message",
        InboundEvent::Postback { .. } => "postback",
        InboundEvent::Receipt(_) => "receipt",
        InboundEvent::Reached { .. } => "reached",
        InboundEvent::Read { .. } => "read",
        InboundEvent::OptOut { .. } => "opt_out",
        InboundEvent::OptIn { .. } => "opt_in",
        InboundEvent::Typing { .. } => "typing",
        InboundEvent::Referral { .. } => "referral",
        InboundEvent::Unrecognised { .. } => "unrecognised",
    }
}

fn written(reply: Reply) -> Response {
    let mut response = (reply.status, reply.body).into_response();
    // Bytes come with a type of their own; what the provider sees is the channel's to say.
    response.headers_mut().remove(CONTENT_TYPE);
    if let Some(content_type) = reply.content_type {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    #[test]
    fn replies_keep_their_type_or_have_none() {
        let typed = written(Reply::with("text/xml", "<Response/>"));
        assert_eq!(typed.headers()[CONTENT_TYPE], "text/xml");
        let plain = written(Reply::ok());
        assert_eq!((plain.status(), plain.headers().get(CONTENT_TYPE)), (StatusCode::OK, None));
    }
}
