//! Holds every engine to the one behaviour suite.
//!
//! The Redis cases need a server whose data may be changed: `HELIOGRAPH_TEST_REDIS=redis://127.0.0.1:6379/0`.

use std::process::ExitCode;
use std::sync::{Arc, LazyLock, Mutex};

use heliograph::model::SystemClock;
use heliograph::store::{self, Store, suite};
use libtest_mimic::{Arguments, Failed, Trial};
use tempfile::TempDir;
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for (name, case) in suite::cases() {
        trials.push(Trial::test(format!("embedded_disk::{name}"), move || on_disk(case)));
        trials.push(Trial::test(format!("embedded_memory::{name}"), move || in_memory(case)));
        trials.push(Trial::test(format!("redis::{name}"), move || on_redis(case)));
    }
    trials.push(Trial::test("embedded_disk::what_was_committed_is_there_after_reopening", reopen_disk));
    trials.push(Trial::test("redis::what_was_committed_is_there_after_reopening", reopen_redis));
    libtest_mimic::run(&arguments, trials).exit_code()
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// Cases lease queues, so those on the one Redis database take turns.
static REDIS_TURN: Mutex<()> = Mutex::new(());

async fn open(url: &str) -> Result<Arc<dyn Store>, Failed> {
    Ok(store::open(url, 4, Arc::new(SystemClock)).await?)
}

fn on_disk(case: suite::Case) -> Result<(), Failed> {
    let place = TempDir::new()?;
    run(&disk_url(&place), case)
}

fn in_memory(case: suite::Case) -> Result<(), Failed> {
    run("embedded::memory:", case)
}

fn on_redis(case: suite::Case) -> Result<(), Failed> {
    let url = redis_url()?;
    let _turn = REDIS_TURN.lock().unwrap_or_else(|broken| broken.into_inner());
    run(&url, case)
}

fn run(url: &str, case: suite::Case) -> Result<(), Failed> {
    RUNTIME.block_on(async {
        let store = open(url).await?;
        case(store.clone()).await;
        store.close().await;
        Ok(())
    })
}

fn reopen_disk() -> Result<(), Failed> {
    let place = TempDir::new()?;
    reopen(&disk_url(&place))
}

fn reopen_redis() -> Result<(), Failed> {
    let url = redis_url()?;
    let _turn = REDIS_TURN.lock().unwrap_or_else(|broken| broken.into_inner());
    reopen(&url)
}

fn reopen(url: &str) -> Result<(), Failed> {
    RUNTIME.block_on(async {
        let store = open(url).await?;
        let left = suite::leave(store.clone()).await;
        store.close().await;
        drop(store);
        let store = open(url).await?;
        suite::find(store.clone(), left).await;
        store.close().await;
        Ok(())
    })
}

fn disk_url(place: &TempDir) -> String {
    format!("embedded:{}", place.path().join("store").display())
}

fn redis_url() -> Result<String, Failed> {
    std::env::var("HELIOGRAPH_TEST_REDIS").map_err(|_| {
        "set HELIOGRAPH_TEST_REDIS to the URL of a Redis whose data may be changed, e.g. redis://127.0.0.1:6379/0"
            .into()
    })
}
