//! Hooks that are taken in without the store: kept on disk and acknowledged where the provider would hardly repeat
//! them, told again to the store when it is back.
//!
//! Which providers that is stands in `Capabilities::repeats_hooks`. What is spooled was proven; it is proven again
//! with the time at which it came, so that it passes through the same doors as every hook.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use heliograph_connectors::channel::RawWebhook;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::model::{Id, Integration};

use super::Api;
use super::hooks::{Candidate, Taken};

/// How long to wait before the store is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// A hook that the store is there for and that it refuses so often will never be taken in, and others wait behind it.
const REFUSED_MAX: u32 = 20;

/// A hook as it lies on disk.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Lying {
    integration: Id<Integration>,
    method: String,
    url: String,
    headers: BTreeMap<String, Vec<String>>,
    received_at: i64,
    body: String,
}

impl Lying {
    fn of(integration: &Id<Integration>, raw: &RawWebhook) -> Lying {
        let mut headers = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in &raw.headers {
            // No signature and no length is written in anything but text.
            if let Ok(value) = value.to_str() {
                headers.entry(name.to_string()).or_default().push(value.to_owned());
            }
        }
        Lying {
            integration: integration.clone(),
            method: raw.method.to_string(),
            url: raw.url.clone(),
            headers,
            received_at: raw.received_at,
            body: STANDARD.encode(raw.untrusted_body()),
        }
    }

    fn raw(&self) -> Option<RawWebhook> {
        let mut headers = HeaderMap::new();
        for (name, values) in &self.headers {
            for value in values {
                headers.append(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
            }
        }
        let method = Method::try_from(self.method.as_str()).ok()?;
        let body = STANDARD.decode(&self.body).ok()?.into();
        Some(RawWebhook::new(method, self.url.clone(), headers, self.received_at, body))
    }
}

/// Keeps a proven hook on disk.
pub(super) async fn keep(api: &Api, integration: &Id<Integration>, raw: &RawWebhook) -> io::Result<()> {
    let entry = serde_json::to_vec(&Lying::of(integration, raw))?;
    api.intake.spool.append(&entry).await?;
    info!(%integration, "a hook was spooled");
    Ok(())
}

/// Tells the store what was spooled, in the order in which it came, until told to stop.
pub async fn take_in_spooled(api: Arc<Api>, stop: CancellationToken) {
    let mut refused = 0;
    loop {
        let taken = tokio::select! {
            () = stop.cancelled() => return,
            taken = take_in_next(&api) => taken,
        };
        match taken {
            Ok(Told::Done) => refused = 0,
            Ok(Told::StoreAway) => tokio::time::sleep(PAUSE).await,
            Ok(Told::Refused) => {
                refused += 1;
                if refused == REFUSED_MAX {
                    error!("a spooled hook was refused again and again and is dropped");
                    dropped(&api).await;
                    refused = 0;
                }
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => {
                error!(%error, "the spool of hooks cannot be read");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn dropped(api: &Api) {
    if let Err(error) = api.intake.spool.done().await {
        error!(%error, "the spool of hooks cannot be written");
    }
}

/// Takes one in.
async fn take_in_next(api: &Api) -> io::Result<Told> {
    let entry = api.intake.spool.next().await?;
    let told = match serde_json::from_slice::<Lying>(&entry) {
        Ok(lying) => tell(api, &lying).await,
        Err(error) => Err(error.to_string()),
    };
    let told = told.unwrap_or_else(|why| {
        error!(why, "a spooled hook has no way into the store any more and is dropped");
        Told::Done
    });
    if told == Told::Done {
        api.intake.spool.done().await?;
    }
    Ok(told)
}

/// What came of telling the store.
#[derive(Debug, PartialEq)]
enum Told {
    Done,
    StoreAway,
    Refused,
}

async fn tell(api: &Api, lying: &Lying) -> Result<Told, String> {
    let raw = lying.raw().ok_or("it is no request")?;
    let candidate = Candidate::of(api, &lying.integration).ok_or("its integration is gone")?;
    let understood = candidate.understand(raw).map_err(|_| "its integration has another secret now")?;
    let Some(understood) = understood else { return Ok(Told::Done) };
    match candidate.ingest(api, understood).await {
        Ok(()) => Ok(Told::Done),
        Err(Taken::StoreAway) => Ok(Told::StoreAway),
        Err(Taken::NotNow) => Ok(Told::Refused),
        Err(Taken::Gone) => Err("its integration is gone".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_lies_on_disk_as_it_came() {
        let mut headers = HeaderMap::new();
        headers.append("x-signature", HeaderValue::from_static("one"));
        headers.append("x-signature", HeaderValue::from_static("two"));
        let (url, body) =
            ("https://hub.example.org/hooks/twilio/1?a=%20".to_owned(), b"\xff\x00=&".as_slice());
        let raw = RawWebhook::new(Method::POST, url, headers, 17, body.into());
        let lying = Lying::of(&Id::new("1"), &raw);
        let text = serde_json::to_string(&lying).expect("JSON");
        let again = serde_json::from_str::<Lying>(&text).expect("JSON").raw().expect("a request");
        assert_eq!((&again.method, &again.url, again.received_at), (&raw.method, &raw.url, 17));
        assert_eq!((&again.headers, again.untrusted_body()), (&raw.headers, body));
    }
}
