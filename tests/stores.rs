//! Holds every engine to the one behaviour suite.
//!
//! The Redis cases need a server whose data may be changed: `HELIOGRAPH_TEST_REDIS=redis://127.0.0.1:6379/0`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock, Mutex};

use heliograph::model::{Id, SystemClock};
use heliograph::store::{self, Key, Store, StoreError, suite};
use libtest_mimic::{Arguments, Failed, Trial};
use tempfile::TempDir;
use tokio::runtime::Runtime;

mod settings_on_stores;
mod sigkill;

fn main() -> ExitCode {
    if let Some(place) = sigkill::victim() {
        return RUNTIME.block_on(sigkill::commit_until_killed(&place));
    }
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for (name, case) in suite::cases() {
        trials.push(Trial::test(format!("embedded_disk::{name}"), move || on_disk(case)));
        trials.push(Trial::test(format!("embedded_memory::{name}"), move || in_memory(case)));
        trials.push(Trial::test(format!("redis::{name}"), move || on_redis(case)));
    }
    for (name, case) in settings_on_stores::CASES {
        trials.push(Trial::test(format!("embedded_disk::{name}"), move || on_disk(*case)));
        trials.push(Trial::test(format!("redis::{name}"), move || on_emptied_redis(*case)));
    }
    trials.push(Trial::test("embedded_disk::what_was_committed_is_there_after_reopening", reopen_disk));
    trials.push(Trial::test("redis::what_was_committed_is_there_after_reopening", reopen_redis));
    trials.push(Trial::test("embedded_disk::what_was_acknowledged_survives_sigkill", sigkill::kill_and_look));
    trials.push(Trial::test("embedded_disk::a_second_opening_is_refused", open_twice));
    trials.push(Trial::test("embedded_disk::its_directory_is_private", look_at_directory));
    trials.push(Trial::test("embedded_disk::a_closed_store_is_unavailable", use_after_closing));
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

/// The account's settings belong to no app, so what other cases left there must go first.
fn on_emptied_redis(case: suite::Case) -> Result<(), Failed> {
    let url = redis_url()?;
    let _turn = REDIS_TURN.lock().unwrap_or_else(|broken| broken.into_inner());
    let (address, database) = url.trim_start_matches("redis://").split_once('/').unwrap_or((&url, "0"));
    let mut stream = TcpStream::connect(address.trim_start_matches("redis://"))?;
    stream.write_all(format!("SELECT {database}\r\nFLUSHDB\r\nQUIT\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert_eq!(answer, "+OK\r\n+OK\r\n+OK\r\n", "the database could not be emptied");
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

fn open_twice() -> Result<(), Failed> {
    let place = TempDir::new()?;
    RUNTIME.block_on(async {
        let store = open(&disk_url(&place)).await?;
        let refusal = open(&disk_url(&place)).await.expect_err("it is in use");
        let message = refusal.message().unwrap_or_default();
        assert!(message.contains("is in use by another process"), "{message}");
        store.close().await;
        open(&disk_url(&place)).await?.close().await;
        Ok(())
    })
}

fn look_at_directory() -> Result<(), Failed> {
    use std::os::unix::fs::PermissionsExt;
    let place = TempDir::new()?;
    RUNTIME.block_on(async {
        let store = open(&disk_url(&place)).await?;
        let directory = place.path().join("store");
        assert_eq!(std::fs::metadata(&directory)?.permissions().mode() & 0o777, 0o700);
        assert!(directory.join("heliograph.db").exists());
        store.close().await;
        assert!(!directory.join("heliograph.db-wal").exists(), "one file is the whole store");
        Ok(())
    })
}

fn use_after_closing() -> Result<(), Failed> {
    let place = TempDir::new()?;
    RUNTIME.block_on(async {
        let store = open(&disk_url(&place)).await?;
        store.close().await;
        store.close().await;
        assert!(matches!(store.healthy().await, Err(StoreError::Unavailable(_))));
        let read = store.read(&Id::new("app"), &[Key::new("note", "a")]).await;
        assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
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
