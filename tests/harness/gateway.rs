//! The gateway under test: a temporary folder with its configuration and store, and the process that runs on it.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use tempfile::TempDir;

use super::Engine;
use super::api::Api;
use super::config::{ACCOUNT_KEY, ACCOUNT_SECRET, Config, KEY, SECRET};
use super::process::{Memory, Process};
use super::redis::Database;

/// A gateway that can be killed, stopped and started again on the same store and ports.
#[derive(Debug)]
pub(crate) struct Gateway {
    config: Config,
    arguments: Vec<&'static str>,
    // Dropped in this order: the process ends before its store is taken away.
    process: Option<Process>,
    addresses: Addresses,
    _database: Option<Database>,
    folder: TempDir,
}

#[derive(Debug, Default)]
struct Addresses {
    api: String,
    admin: String,
    sim: Option<String>,
}

impl Gateway {
    /// Makes a place for it; nothing runs yet.
    pub(crate) fn prepare(engine: Engine, config: Config, arguments: &[&'static str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (url, database) = match engine {
            Engine::Embedded => (format!("embedded:{}", folder.path().join("data").display()), None),
            Engine::Redis => {
                let database = Database::lease();
                (database.url.clone(), Some(database))
            }
        };
        let media = folder.path().join("data/media").display().to_string();
        let config = config.set("store.url", url).set("media.dir", media);
        let arguments = arguments.to_vec();
        let gateway = Self {
            config,
            arguments,
            process: None,
            addresses: Addresses::default(),
            _database: database,
            folder,
        };
        gateway.write_config();
        gateway
    }

    /// The same on another store, for a gateway that does not run yet.
    pub(crate) fn on_store(&mut self, url: &str) {
        self.config = self.config.clone().set("store.url", url);
        self.write_config();
    }

    /// Runs it (again) and waits until it is ready.
    pub(crate) async fn start(&mut self) {
        self.run(None).await;
    }

    /// The same, with files that cannot grow beyond so many bytes.
    pub(crate) async fn start_bounded(&mut self, bytes: u64) {
        self.run(Some(bytes)).await;
    }

    /// Lets its files grow again.
    pub(crate) fn unbound(&self) {
        self.process.as_ref().expect("the gateway runs").unbound();
    }

    async fn run(&mut self, bytes: Option<u64>) {
        let path = self.config_path();
        let path = path.to_str().expect("a readable path");
        let mut arguments = vec!["serve", "--config", path];
        arguments.extend(&self.arguments);
        let log = self.log_path("gateway.log");
        let process = match bytes {
            Some(bytes) => Process::start_bounded(&arguments, &log, bytes).await,
            None => Process::start(&arguments, &log).await,
        };
        let address = |name: &str| process.address(name).map(str::to_owned);
        self.addresses = Addresses {
            api: address("api").expect("the ready line names api"),
            admin: address("admin").expect("the ready line names admin"),
            sim: address("sim"),
        };
        self.process = Some(process);
        self.keep_ports();
    }

    /// Changes the configuration it starts with the next time.
    pub(crate) fn change(&mut self, change: impl FnOnce(Config) -> Config) {
        self.config = change(self.config.clone());
        self.write_config();
    }

    /// How much memory it takes now.
    pub(crate) fn memory(&self) -> Memory {
        self.process.as_ref().expect("the gateway runs").memory()
    }

    /// The processor time it took since it was started.
    pub(crate) fn cpu(&self) -> Duration {
        self.process.as_ref().expect("the gateway runs").cpu()
    }

    /// What comes of some work, and the most memory the gateway took meanwhile.
    pub(crate) async fn watched<T>(&self, work: impl Future<Output = T>) -> (T, Memory) {
        let mut work = std::pin::pin!(work);
        let mut most = self.memory();
        loop {
            let done = tokio::select! {
                done = &mut work => Some(done),
                () = tokio::time::sleep(Duration::from_millis(10)) => None,
            };
            let now = self.memory();
            most =
                Memory { rss: most.rss.max(now.rss), pss: most.pss.max(now.pss), own: most.own.max(now.own) };
            if let Some(done) = done {
                return (done, most);
            }
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.take().expect("the gateway runs").kill();
    }

    /// SIGTERM; answers how it ended.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        self.process.take().expect("the gateway runs").terminate().await
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    pub(crate) fn log_path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn api_address(&self) -> &str {
        &self.addresses.api
    }

    /// The simulator inside, when there is one.
    pub(crate) fn sim_address(&self) -> Option<&str> {
        self.addresses.sim.as_deref()
    }

    /// The API with the demo app's key.
    pub(crate) fn api(&self) -> Api {
        Api::basic(&self.addresses.api, KEY, SECRET)
    }

    /// The API without credentials.
    pub(crate) fn anonymous(&self) -> Api {
        Api::anonymous(&self.addresses.api)
    }

    /// The admin socket with the account key.
    pub(crate) fn admin(&self) -> Api {
        self.admin_as(ACCOUNT_KEY, ACCOUNT_SECRET)
    }

    /// The admin socket with another key.
    pub(crate) fn admin_as(&self, key: &str, secret: &str) -> Api {
        Api::basic(&self.addresses.admin, key, secret)
    }

    /// The API with the account key.
    pub(crate) fn account(&self) -> Api {
        Api::basic(&self.addresses.api, ACCOUNT_KEY, ACCOUNT_SECRET)
    }

    /// The admin socket without credentials.
    pub(crate) fn open_admin(&self) -> Api {
        Api::anonymous(&self.addresses.admin)
    }

    /// A restart listens where the first run did: hooks in flight and clients find it again.
    fn keep_ports(&mut self) {
        let bare = |address: &str| address.trim_start_matches("http://").to_owned();
        let mut config = self.config.clone();
        config = config.set("server.listen", bare(&self.addresses.api));
        config = config.set("server.admin", bare(&self.addresses.admin));
        if let Some(sim) = &self.addresses.sim {
            config = config.set("sim.listen", bare(sim));
        }
        self.config = config;
        self.write_config();
    }

    fn write_config(&self) {
        std::fs::write(self.config_path(), self.config.text()).expect("the configuration can be written");
    }
}
