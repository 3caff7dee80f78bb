//! The parts of a gateway, each made as the configuration says. Nothing here runs yet.

use std::path::PathBuf;
use std::sync::Arc;

use heliograph_connectors::Registry;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use url::Url;

use crate::api::{Admission, BodyLimits, InFlight, Inquiries, Intake};
use crate::channels::Channels;
use crate::config::Config;
use crate::core::{Core, Policy};
use crate::egress::{ProviderEgress, WebhookEgress};
use crate::media::Media;
use crate::metrics::Metrics;
use crate::model::Clock;
use crate::outbox::{Announcing, Outbox};
use crate::settings::{Declared, Sealer, Settings};
use crate::spool::Spool;
use crate::store::{self, Metered, Store};

pub(super) fn public_url(config: &Config, api_url: &str) -> Result<Url, String> {
    match &config.server.public_url {
        Some(url) => Ok(url.clone()),
        None => Url::parse(api_url).map_err(|error| error.to_string()),
    }
}

/// Where the operator named no address for a provider, the simulator stands in.
pub(super) fn use_simulator(config: &mut Config, registry: &Registry, sim_url: &str) {
    for kind in registry.kinds() {
        let provider = config.providers.entry(kind.to_owned()).or_default();
        provider.entry("baseUrl").or_insert_with(|| Value::String(format!("{sim_url}/{kind}")));
    }
}

/// Settings that are read but do nothing yet must not look as if they did.
pub(super) fn warn_of_unused(config: &Config) {
    if config.store.wait_aof {
        warn!(
            "store.wait = \"aof\" is not honoured by this version: a commit waits for Redis, not for its disk"
        );
    }
    if config.secrets_key.is_none() {
        warn!("secrets.key is not set: the secrets in the store are not encrypted");
    }
}

/// What the API may take in, and where it keeps what the store cannot take.
pub(super) fn intake(config: &Config) -> Result<Intake, String> {
    let server = &config.server;
    let folder = server.spool.clone().unwrap_or_else(|| beside(&config.store.url).join("spool"));
    let path = folder.join("hooks");
    Ok(Intake {
        limits: BodyLimits {
            api: server.api_body,
            upload: server.upload,
            hook: server.hook_body,
            mail_hook: server.mailgun_hook_body,
        },
        admission: Admission::new(server.backlog),
        in_flight: InFlight::default(),
        inquiries: Inquiries::default(),
        spool: Spool::open(&path).map_err(|error| format!("{}: {error}", path.display()))?,
    })
}

/// The store's directory; one on this machine where the store is elsewhere.
fn beside(store: &str) -> PathBuf {
    let place = store.strip_prefix("embedded:").filter(|place| !place.starts_with(':'));
    PathBuf::from(place.unwrap_or("data"))
}

pub(super) async fn open_store(
    config: &Config,
    clock: &Arc<dyn Clock>,
    metrics: &Arc<Metrics>,
) -> Result<Arc<dyn Store>, String> {
    let store = store::open(&config.store.url, config.store.shards, clock.clone()).await;
    let store = store.map_err(|error| format!("{}: {error}", config.store.url))?;
    Ok(Arc::new(Metered::new(store, metrics.clone())))
}

pub(super) async fn open_settings(
    config: &Config,
    clock: &Arc<dyn Clock>,
    store: &Arc<dyn Store>,
) -> Result<Arc<Settings>, String> {
    let declared = Declared { tenants: config.tenants.clone(), keys: config.keys.clone() };
    let seal = Arc::new(Sealer::new(config.secrets_key.as_ref())?);
    let settings = Settings::open(store.clone(), clock.clone(), seal, declared).await;
    settings.map(Arc::new).map_err(|error| error.to_string())
}

pub(super) fn open_media(config: &Config) -> Result<Arc<Media>, String> {
    let providers = ProviderEgress::new(config.egress_allow.clone()).map_err(|error| error.to_string())?;
    let dir = config.media_dir.clone().unwrap_or_else(|| media_beside(&config.store.url));
    let media = Media::open(dir.clone(), Arc::new(providers));
    Ok(Arc::new(media.map_err(|error| format!("{}: {error}", dir.display()))?))
}

/// Where files are kept when the operator names no place. On Redis that is this machine's own disk, which a
/// gateway alone can do with and several cannot.
fn media_beside(store: &str) -> PathBuf {
    let is_elsewhere = !store.starts_with("embedded:") || store.starts_with("embedded::");
    if is_elsewhere {
        warn!("media.dir is not set: files are kept in ./data/media, where no other gateway sees them");
    }
    beside(store).join("media")
}

pub(super) fn policy(config: &Config, channels: &Channels) -> Policy {
    Policy {
        retry: config.send.retry.clone(),
        expires_after: config.send.expires_after,
        reconcile_window: config.send.reconcile_window,
        receipt_deadlines: config.send.receipt_deadlines.clone(),
        receipt_check: config.send.receipt_check,
        keep_deliveries: config.retention.notifications,
        keep_dedupe: config.retention.dedupe,
        keep_dead_letters: config.retention.dead_letters,
        links_expire_after: config.links_expire_after,
        public_base: channels.public_base().to_owned(),
    }
}

pub(super) fn outbox(
    config: &Config,
    store: &Arc<dyn Store>,
    core: &Core,
    settings: &Arc<Settings>,
    channels: &Arc<Channels>,
    media: &Arc<Media>,
    stop: &CancellationToken,
) -> Result<Outbox, String> {
    let webhooks = WebhookEgress::new(config.egress_allow.clone(), config.webhooks.timeout);
    Ok(Outbox::new(
        store.clone(),
        core.clone(),
        settings.clone(),
        channels.clone(),
        media.clone(),
        webhooks.map_err(|error| error.to_string())?,
        Announcing {
            schedule: config.webhooks.schedule.clone(),
            finals: config.webhooks.finals,
            strict: config.webhooks.strict,
            window: config.webhooks.batch.window,
            most: config.webhooks.batch.most,
        },
        stop.clone(),
    ))
}
