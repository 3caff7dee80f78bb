//! Putting the gateway together, running it, and taking it down without losing anything.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use heliograph_connectors::Registry;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use url::Url;

use crate::api::{self, Api, BodyLimits};
use crate::channels::Channels;
use crate::config::Config;
use crate::core::{Core, Policy};
use crate::egress::{ProviderEgress, WebhookEgress};
use crate::media::Media;
#[cfg(feature = "sim")]
use crate::model::Integration;
use crate::model::{Clock, SystemClock};
use crate::outbox::{Announcing, Outbox};
use crate::recorder::{self, Recorder};
use crate::settings::{Declared, Settings};
use crate::store::{self, Store};
use crate::{cli, server, wire};

/// How often the configuration file is looked at for changes.
const FILE_WATCH: Duration = Duration::from_secs(2);

/// How long the last tapes may take to be written.
const RECORDING_DRAIN: Duration = Duration::from_secs(5);

/// A gateway put together and listening.
struct Gateway {
    store: Arc<dyn Store>,
    settings: Arc<Settings>,
    channels: Arc<Channels>,
    ready: Arc<AtomicBool>,
    /// Ends accepting and claiming; what is in progress goes on.
    stop: CancellationToken,
    /// What serves customers and providers, and the work on the queues.
    tasks: JoinSet<()>,
    /// The simulator and the admin socket: they outlive what is in progress when the gateway stops.
    lasting: JoinSet<()>,
    stop_lasting: CancellationToken,
    drain: Duration,
    /// What writes down the providers' traffic; it ends when nobody is left to tell it anything.
    recording: JoinSet<()>,
    ready_line: String,
}

/// Serves until SIGTERM or SIGINT.
pub(crate) fn serve(
    config: Config,
    path: PathBuf,
    registry: Registry,
    record: Option<PathBuf>,
) -> Result<(), String> {
    runtime()?.block_on(async {
        let mut gateway = Gateway::start(config, registry.clone(), record).await?;
        println!("{}", gateway.ready_line);
        gateway.until_stopped(path, registry).await
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string())
}

async fn bind(address: std::net::SocketAddr) -> Result<(TcpListener, String), String> {
    let listener =
        TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let bound = listener.local_addr().map_err(|error| error.to_string())?;
    Ok((listener, format!("http://{bound}")))
}

impl Gateway {
    async fn start(
        mut config: Config,
        registry: Registry,
        record: Option<PathBuf>,
    ) -> Result<Gateway, String> {
        let (public, api_url) = bind(config.server.listen).await?;
        let (admin, admin_url) = bind(config.server.admin).await?;
        let sim = match config.sim {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let mut ready_line = format!("ready api={api_url} admin={admin_url}");
        if let Some((_, sim_url)) = &sim {
            warn!(url = sim_url, "a provider simulator is configured: messages reach nobody");
            ready_line.push_str(&format!(" sim={sim_url}"));
            use_simulator(&mut config, &registry, sim_url);
        }
        warn_of_unused(&config);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = store::open(&config.store.url, config.store.shards, clock.clone());
        let store = store.await.map_err(|error| format!("{}: {error}", config.store.url))?;
        let declared = Declared { tenants: config.tenants.clone(), keys: config.keys.clone() };
        let settings = Settings::open(store.clone(), clock.clone(), declared).await;
        let settings = Arc::new(settings.map_err(|error| error.to_string())?);
        let public_url = public_url(&config, &api_url)?;
        let (recorder, recording) = recorder(record, &config, &registry)?;
        let channels = Arc::new(Channels::new(registry, config.providers.clone(), public_url));
        rebuild(&channels, &settings);
        let core = Core::new(store.clone(), clock, policy(&config, &channels), wire::subscribes);
        let media = open_media(&config)?;
        let (stop, stop_lasting) = (CancellationToken::new(), CancellationToken::new());
        let ready = Arc::new(AtomicBool::new(true));
        let (mut tasks, mut lasting) = (JoinSet::new(), JoinSet::new());
        #[cfg(feature = "sim")]
        if let Some((listener, _)) = sim {
            let integrations = config.tenants.iter().flat_map(|tenant| &tenant.integrations);
            let accounts = integrations.map(|integration| account(integration, &channels)).collect();
            lasting.spawn(simulator(listener, accounts, stop_lasting.clone()));
        }
        let outbox = outbox(&config, &store, &core, &settings, &channels, &media, &stop)?;
        let outbox = Arc::new(outbox.recorded_by(recorder.clone()));
        for queue in store.queues() {
            tasks.spawn(outbox.clone().work(queue));
        }
        let is_ready = ready.clone();
        let api = Arc::new(Api {
            core,
            settings: settings.clone(),
            channels: channels.clone(),
            recorder,
            media,
            limits: body_limits(&config),
            ready: Arc::new(move || is_ready.load(Ordering::Relaxed)),
        });
        tasks.spawn(server::serve(public, api::public_router(api.clone()), stop.clone()));
        lasting.spawn(server::serve(admin, api::admin_router(api), stop_lasting.clone()));
        Ok(Gateway {
            store,
            settings,
            channels,
            ready,
            stop,
            tasks,
            lasting,
            stop_lasting,
            drain: config.server.drain,
            recording,
            ready_line,
        })
    }

    /// Serves, follows the configuration file, and ends in order.
    async fn until_stopped(&mut self, path: PathBuf, registry: Registry) -> Result<(), String> {
        let mut signals = Signals::new()?;
        let mut hangup = listen(SignalKind::hangup())?;
        let mut changed = modified(&path);
        loop {
            tokio::select! {
                () = signals.stop() => break,
                // By itself the outbox stops only when its work was taken over.
                () = self.stop.cancelled() => {
                    self.finish(&mut signals).await;
                    return Err("another gateway works on the same store".into());
                }
                _ = hangup.recv() => self.reload(&path, &registry).await,
                () = tokio::time::sleep(FILE_WATCH) => {
                    let now = modified(&path);
                    if now != changed {
                        changed = now;
                        self.reload(&path, &registry).await;
                    }
                }
                error = first_failure(&mut self.tasks, &mut self.lasting) => {
                    self.finish(&mut signals).await;
                    return Err(format!("a part of the gateway failed: {error}"));
                }
            }
        }
        self.finish(&mut signals).await;
        Ok(())
    }

    /// Takes over a changed configuration file; one with problems changes nothing.
    async fn reload(&self, path: &std::path::Path, registry: &Registry) {
        let config = match cli::read(path, registry) {
            Ok(config) => config,
            Err(problems) => return error!(problems, "the configuration was not taken over"),
        };
        let declared = Declared { tenants: config.tenants, keys: config.keys };
        match self.settings.declare(declared).await {
            Ok(()) => {
                rebuild(&self.channels, &self.settings);
                info!("apps, keys, integrations and webhooks were read anew");
            }
            Err(error) => error!(%error, "the configuration was not taken over"),
        }
    }

    /// Stops accepting and claiming, finishes what is in progress, leaves the rest in the store.
    async fn finish(&mut self, signals: &mut Signals) {
        info!("stopping");
        self.ready.store(false, Ordering::Relaxed);
        self.stop.cancel();
        let all_ended = async { while self.tasks.join_next().await.is_some() {} };
        tokio::select! {
            () = all_ended => {}
            () = tokio::time::sleep(self.drain) => warn!("the time to drain is over; what is open stays in the store"),
            () = signals.stop() => warn!("stopped a second time; what is open stays in the store"),
        }
        self.stop_lasting.cancel();
        self.tasks.abort_all();
        self.lasting.abort_all();
        self.tasks.shutdown().await;
        self.lasting.shutdown().await;
        let written = async { while self.recording.join_next().await.is_some() {} };
        if tokio::time::timeout(RECORDING_DRAIN, written).await.is_err() {
            warn!("the recording was cut short");
        }
        self.store.close().await;
    }
}

/// Waits for a task that panicked. One that ends in peace is no failure.
async fn first_failure(tasks: &mut JoinSet<()>, lasting: &mut JoinSet<()>) -> JoinError {
    loop {
        let ended = tokio::select! {
            Some(ended) = tasks.join_next() => ended,
            Some(ended) = lasting.join_next() => ended,
            else => std::future::pending().await,
        };
        if let Err(error) = ended {
            return error;
        }
    }
}

/// The signals that mean to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Signals, String> {
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn listen(kind: SignalKind) -> Result<Signal, String> {
    signal(kind).map_err(|error| error.to_string())
}

fn modified(path: &std::path::Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// Where providers reach us: what the operator says, else the address listened on.
fn public_url(config: &Config, api_url: &str) -> Result<Url, String> {
    match &config.server.public_url {
        Some(url) => Ok(url.clone()),
        None => Url::parse(api_url).map_err(|error| error.to_string()),
    }
}

/// Where the operator named no address for a provider, the simulator stands in.
fn use_simulator(config: &mut Config, registry: &Registry, sim_url: &str) {
    for kind in registry.kinds() {
        let provider = config.providers.entry(kind.to_owned()).or_default();
        provider.entry("baseUrl").or_insert_with(|| Value::String(format!("{sim_url}/{kind}")));
    }
}

/// Settings that are read but do nothing yet must not look as if they did.
fn warn_of_unused(config: &Config) {
    let integrations = config.tenants.iter().flat_map(|tenant| &tenant.integrations);
    for integration in integrations.filter(|integration| integration.limits.per_day.is_some()) {
        warn!(integration = %integration.id, "limits.perDay is not enforced by this version");
    }
    if config.store.wait_aof {
        warn!(
            "store.wait = \"aof\" is not honoured by this version: a commit waits for Redis, not for its disk"
        );
    }
    if config.secrets_key.is_none() {
        warn!("secrets.key is not set: credentials made through the API are stored in the clear");
    }
}

fn body_limits(config: &Config) -> BodyLimits {
    let server = &config.server;
    BodyLimits { api: server.api_body, hook: server.hook_body, mail_hook: server.mailgun_hook_body }
}

fn open_media(config: &Config) -> Result<Arc<Media>, String> {
    let providers = ProviderEgress::new(config.egress_allow.clone()).map_err(|error| error.to_string())?;
    let dir = config.media_dir.clone().unwrap_or_else(|| media_beside(&config.store.url));
    let media = Media::open(dir.clone(), Arc::new(providers));
    Ok(Arc::new(media.map_err(|error| format!("{}: {error}", dir.display()))?))
}

/// Where files are kept when the operator names no place. On Redis that is this machine's own disk, which a
/// gateway alone can do with and several cannot.
fn media_beside(store: &str) -> PathBuf {
    match store.strip_prefix("embedded:").filter(|place| !place.starts_with(':')) {
        Some(place) => PathBuf::from(place).join("media"),
        None => {
            warn!("media.dir is not set: files are kept in ./data/media, where no other gateway sees them");
            PathBuf::from("data/media")
        }
    }
}

fn policy(config: &Config, channels: &Channels) -> Policy {
    Policy {
        retry: config.send.retry.clone(),
        expires_after: config.send.expires_after,
        reconcile_window: config.send.reconcile_window,
        keep_deliveries: config.retention.notifications,
        keep_dedupe: config.retention.dedupe,
        keep_dead_letters: config.retention.dead_letters,
        links_expire_after: config.links_expire_after,
        public_base: channels.public_base().to_owned(),
    }
}

fn outbox(
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
        Announcing { schedule: config.webhooks.schedule.clone(), strict: config.webhooks.strict },
        stop.clone(),
    ))
}

/// Begins to record, when asked to.
fn recorder(
    folder: Option<PathBuf>,
    config: &Config,
    registry: &Registry,
) -> Result<(Option<Arc<Recorder>>, JoinSet<()>), String> {
    let mut recording = JoinSet::new();
    let Some(folder) = folder else { return Ok((None, recording)) };
    warn!(folder = %folder.display(), "what providers say is written down, with what is private replaced");
    let (recorder, writer) = recorder::open(folder, registry.clone(), config.providers.clone())?;
    recording.spawn_blocking(move || writer.run());
    Ok((Some(Arc::new(recorder)), recording))
}

/// Builds the channels of all integrations anew.
fn rebuild(channels: &Channels, settings: &Settings) {
    let tenants = settings.tenants();
    let integrations = tenants.iter().flat_map(|tenant| &tenant.integrations);
    for (integration, problems) in channels.replace(integrations) {
        error!(%integration, ?problems, "an integration cannot be used");
    }
}

/// What the simulator is told of an integration.
#[cfg(feature = "sim")]
fn account(integration: &Integration, channels: &Channels) -> crate::sim::Account {
    crate::sim::Account {
        kind: integration.kind.clone(),
        integration_id: integration.id.to_string(),
        hook_url: channels.hook_url(integration).to_string(),
        settings: integration.settings.clone(),
    }
}

#[cfg(feature = "sim")]
async fn simulator(listener: TcpListener, accounts: Vec<crate::sim::Account>, stop: CancellationToken) {
    if let Err(error) = crate::sim::serve(listener, accounts, stop).await {
        error!(%error, "the simulator failed");
    }
}

/// Runs the simulator alone until SIGTERM or SIGINT.
#[cfg(feature = "sim")]
pub(crate) fn simulate(config: Config, registry: Registry) -> Result<(), String> {
    let Some(address) = config.sim else {
        return Err("the configuration has no [sim]".into());
    };
    runtime()?.block_on(async {
        let (listener, sim_url) = bind(address).await?;
        let public_url = config.server.public_url.clone();
        let public_url = public_url.ok_or("server.publicUrl: is required for a simulator that runs alone")?;
        let channels = Channels::new(registry, config.providers, public_url);
        let integrations = config.tenants.iter().flat_map(|tenant| &tenant.integrations);
        let accounts = integrations.map(|integration| account(integration, &channels));
        let stop = CancellationToken::new();
        let serving = tokio::spawn(simulator(listener, accounts.collect(), stop.clone()));
        println!("ready sim={sim_url}");
        Signals::new()?.stop().await;
        stop.cancel();
        serving.await.map_err(|error| error.to_string())
    })
}
