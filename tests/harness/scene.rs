//! A gateway whose store is files that can be looked at: for stories about what stands in them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::process::BINARY;
use super::redis_server::RedisServer;
use super::{Config, Engine, Rig, eventually};

/// A gateway with the simulator apart, so that nothing else writes where the store is.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) rig: Rig,
    files: PathBuf,
    _redis: Option<RedisServer>,
}

impl Scene {
    /// Runs it, on a Redis of its own where it is to be one.
    pub(crate) async fn start(engine: Engine, change: impl FnOnce(Config) -> Config) -> Scene {
        let redis = match engine {
            Engine::Embedded => None,
            Engine::Redis => Some(RedisServer::start().await),
        };
        let mut rig = Rig::apart(engine, change).await;
        let mut files = rig.gateway.config_path().with_file_name("data");
        if let Some(redis) = &redis {
            rig.gateway.on_store(&redis.url());
            files = redis.folder().to_owned();
        }
        rig.start_sim().await;
        rig.gateway.start().await;
        Scene { rig, files, _redis: redis }
    }

    /// Whether a file of the store, the people's files or the gateway's log holds these bytes.
    pub(crate) fn holds(&self, bytes: impl AsRef<[u8]>) -> bool {
        let own = self.rig.gateway.config_path().with_file_name("data");
        let log = self.rig.gateway.log_path("gateway.log");
        let log = std::fs::read(log).expect("a log");
        let place = |files: &Path| holds(files, bytes.as_ref());
        contains(&log, bytes.as_ref()) || place(&self.files) || place(&own)
    }

    /// Waits until all that was to be erased is, and has the store's files written anew.
    pub(crate) async fn compact(&self) {
        eventually("the end of the erasing, and a compacted store", async || {
            let (is_well, answer) = self.ask(&["compact", "--json"]);
            (is_well && answer["erasing"] == 0).then_some(())
        })
        .await;
    }

    /// Waits until none of these bytes stand anywhere. (Redis removes an old file after it has answered.)
    pub(crate) async fn lacks(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        eventually(&format!("no trace of {name}"), async || (!self.holds(bytes)).then_some(())).await;
    }

    /// Runs a command that asks the gateway. Whether all was as it should be, and what it said.
    pub(crate) fn ask(&self, words: &[&str]) -> (bool, Value) {
        let config = self.rig.gateway.config_path();
        let output = Command::new(BINARY).args(words).arg("--config").arg(config).output().expect("it runs");
        (output.status.success(), serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    /// Asserts that the ledger adds up.
    pub(crate) fn adds_up(&self) {
        let (is_balanced, audit) = self.ask(&["audit", "--json"]);
        assert!(is_balanced, "{audit:#}");
    }
}

fn holds(folder: &Path, bytes: &[u8]) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| match entry.path() {
        path if path.is_dir() => holds(&path, bytes),
        // It may be gone by now.
        path => std::fs::read(path).is_ok_and(|file| contains(&file, bytes)),
    })
}

fn contains(file: &[u8], bytes: &[u8]) -> bool {
    file.windows(bytes.len()).any(|window| window == bytes)
}
