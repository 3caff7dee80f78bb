//! What is checked before the server is trusted with anything.

use redis::{Client, InfoDict, cmd};
use tracing::warn;

use super::keys;
use super::link::Link;
use crate::store::StoreError;

/// Rises when the key table changes in a way that older data does not follow.
const LAYOUT_VERSION: u32 = 1;

/// The first server that knows all commands in use (`SET … PXAT`).
const OLDEST_SERVER: (u32, u32) = (6, 2);

/// The server a URL names.
pub(super) fn client(url: &str) -> Result<Client, StoreError> {
    if url.starts_with("redis+cluster:") {
        return Err(refuse(
            "redis+cluster:// is not supported by this release; name one server with redis://",
        ));
    }
    if !url.starts_with("redis://") && !url.starts_with("rediss://") {
        return Err(refuse("a Redis store is written redis://host:port/db or rediss://host:port/db"));
    }
    // The URL holds a password, so only the reason is told.
    Client::open(url).map_err(|error| refuse(&format!("its URL cannot be used: {error}")))
}

/// Whether the server is fit, and holds data of ours under the same number of shards, or none.
pub(super) async fn check(link: &Link, shards: u16) -> Result<(), StoreError> {
    let _: String = link.call(&cmd("PING")).await?;
    match link.call::<InfoDict>(&cmd("INFO")).await {
        Ok(info) => check_server(&info)?,
        Err(error) => {
            warn!(%error, "Redis does not tell how it is set up: make sure that maxmemory-policy is noeviction and appendonly is yes")
        }
    }
    check_layout(link, shards).await
}

fn check_server(info: &InfoDict) -> Result<(), StoreError> {
    let told = |name: &str| info.get::<String>(name).unwrap_or_default();
    let version = told("redis_version");
    if !version.is_empty() && parse_version(&version) < OLDEST_SERVER {
        return Err(refuse(&format!("Redis 6.2 or newer is needed, this is {version}")));
    }
    if told("cluster_enabled") == "1" {
        return Err(refuse("the server is part of a Redis Cluster, which this release does not support"));
    }
    let policy = told("maxmemory_policy");
    if !policy.is_empty() && policy != "noeviction" {
        return Err(refuse(&format!(
            "maxmemory-policy is {policy}, so Redis would throw accepted messages away; set it to noeviction"
        )));
    }
    if told("aof_enabled") != "1" {
        warn!(
            "Redis runs without appendonly: what was accepted since its last snapshot is lost when it stops"
        );
    }
    Ok(())
}

fn parse_version(version: &str) -> (u32, u32) {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// The number of shards decides where an app's data is: under another number, all of it would seem lost.
async fn check_layout(link: &Link, shards: u16) -> Result<(), StoreError> {
    let ours = format!("layout {LAYOUT_VERSION}, {shards} shards");
    let _: Option<String> = link.call(cmd("SET").arg(keys::LAYOUT).arg(&ours).arg("NX")).await?;
    let kept: Option<String> = link.call(cmd("GET").arg(keys::LAYOUT)).await?;
    match kept {
        Some(kept) if kept == ours => Ok(()),
        kept => {
            let kept = kept.unwrap_or_default();
            Err(refuse(&format!("its data is kept as `{kept}`, the configuration wants `{ours}`")))
        }
    }
}

fn refuse(reason: &str) -> StoreError {
    StoreError::Unavailable(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(info: &str) -> String {
        let lines = info.replace(' ', "\r\n");
        match check_server(&InfoDict::new(&lines)) {
            Ok(()) => "fit".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_server_that_evicts_is_refused() {
        assert_eq!(check("redis_version:7.0.15 maxmemory_policy:noeviction aof_enabled:1"), "fit");
        assert!(check("redis_version:7.0.15 maxmemory_policy:allkeys-lru").contains("noeviction"));
        assert!(check("redis_version:6.0.16 maxmemory_policy:noeviction").contains("6.2"));
        assert!(check("redis_version:7.2.4 cluster_enabled:1").contains("Cluster"));
    }

    #[test]
    fn an_unusable_url_is_refused_without_showing_it() {
        for url in ["redis+cluster://h:7000", "http://h", "redis://:fake-secret@h:port/0"] {
            let error = client(url).expect_err("refused").to_string();
            assert!(!error.contains("fake-secret"), "{error}");
        }
    }
}
