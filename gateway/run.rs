//! Putting the gateway together, running it, and taking it down without losing anything.

mod parts;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use heliograph_connectors::Registry;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::api::{self, Api};
use crate::channels::Channels;
use crate::config::Config;
use crate::core::Core;
#[cfg(feature = "sim")]
use crate::model::Integration;
use crate::model::{Clock, SystemClock, Tenant};
use crate::outbox::Outbox;
use crate::recorder::{self, Recorder};
use crate::settings::{Declared, Settings};
use crate::store::Store;
use crate::{cli, server, wire};
use parts::{
    intake, open_media, open_settings, open_store, outbox, policy, public_url, use_simulator, warn_of_unused,
};

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
    addresses: Addresses,
}

/// Where a gateway listens, as URLs.
pub(crate) struct Addresses {
    pub(crate) api: String,
    pub(crate) admin: String,
    /// The simulator, when there is one.
    pub(crate) sim: Option<String>,
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "api={} admin={}", self.api, self.admin)?;
        match &self.sim {
            Some(sim) => write!(f, " sim={sim}"),
            None => Ok(()),
        }
    }
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
        println!("ready {}", gateway.addresses);
        gateway.until_stopped(path, registry).await
    })
}

/// Runs a gateway for a visit: until that is over, or until SIGTERM or SIGINT.
#[cfg(feature = "sim")]
pub(crate) fn visited(
    config: Config,
    registry: Registry,
    visit: impl AsyncFnOnce(&Addresses) -> Result<(), String>,
) -> Result<(), String> {
    runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        let mut gateway = Gateway::start(config, registry, None).await?;
        let ended = tokio::select! {
            ended = visit(&gateway.addresses) => ended,
            () = signals.stop() => Err("stopped".into()),
            error = first_failure(&mut gateway.tasks, &mut gateway.lasting) => {
                Err(format!("a part of the gateway failed: {error}"))
            }
        };
        gateway.finish(&mut signals).await;
        ended
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
        if let Some((_, sim_url)) = &sim {
            warn!(url = sim_url, "a provider simulator is configured: messages reach nobody");
            use_simulator(&mut config, &registry, sim_url);
        }
        warn_of_unused(&config);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let metrics = Arc::default();
        let store = open_store(&config, &clock, &metrics).await?;
        let settings = open_settings(&config, &clock, &store).await?;
        let addresses = addresses(api_url, admin_url, sim.as_ref());
        let public_url = public_url(&config, &addresses.api)?;
        let (recorder, recording) = recorder(record, &config, &registry)?;
        let channels = Arc::new(Channels::new(registry, config.providers.clone(), public_url));
        rebuild(&channels, &settings);
        let core = Core::new(store.clone(), clock, policy(&config, &channels), wire::subscribes, metrics);
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
        set_to_work(&outbox, &store, &mut tasks);
        let api = Arc::new(Api {
            core,
            settings: settings.clone(),
            channels: channels.clone(),
            recorder,
            media,
            intake: intake(&config)?,
            ready: asked(&ready),
        });
        let per_address = config.server.connections_per_ip;
        tasks.spawn(api::take_in_spooled(api.clone(), stop.clone()));
        tasks.spawn(server::serve(public, api::public_router(api.clone()), per_address, stop.clone()));
        lasting.spawn(server::serve(admin, api::admin_router(api), per_address, stop_lasting.clone()));
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
            addresses,
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
                    self.catch_up().await;
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

    /// Takes over what was changed by somebody who did not wait for the answer.
    async fn catch_up(&self) {
        match self.settings.catch_up().await {
            Ok(true) => rebuild(&self.channels, &self.settings),
            Ok(false) => {}
            Err(error) => warn!(%error, "changed settings were not read yet"),
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

/// Starts everything that the outbox does by itself.
fn set_to_work(outbox: &Arc<Outbox>, store: &Arc<dyn Store>, tasks: &mut JoinSet<()>) {
    for queue in store.queues() {
        tasks.spawn(outbox.clone().work(queue));
    }
    tasks.spawn(outbox.clone().report());
    tasks.spawn(outbox.clone().watch());
    tasks.spawn(outbox.clone().gauge());
}

fn addresses(api: String, admin: String, sim: Option<&(TcpListener, String)>) -> Addresses {
    Addresses { api, admin, sim: sim.map(|(_, url)| url.clone()) }
}

/// Whether traffic is wanted, for whoever asks.
fn asked(ready: &Arc<AtomicBool>) -> Arc<dyn Fn() -> bool + Send + Sync> {
    let ready = ready.clone();
    Arc::new(move || ready.load(Ordering::Relaxed))
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
    loop {
        let tenants = settings.tenants();
        let integrations = tenants.iter().flat_map(|tenant| &tenant.integrations);
        for (integration, problems) in channels.replace(integrations) {
            error!(%integration, ?problems, "an integration cannot be used");
        }
        // What the API changed in the meantime would be lost: its channel was put or removed before the exchange.
        let now = settings.tenants();
        let is_same = |(one, other): (&Arc<Tenant>, &Arc<Tenant>)| Arc::ptr_eq(one, other);
        if tenants.len() == now.len() && tenants.iter().zip(&now).all(is_same) {
            return;
        }
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
