//! A disk that is full: refusals instead of panics, and once there is room everything goes on by itself.

use std::time::{Duration, Instant};

use crate::harness::rig::notification;
use crate::harness::simulator::of_app;
use crate::harness::wait::within;
use crate::harness::{Engine, Rig, eventually};

const NUMBER: &str = "+15145550187";

/// What each of the gateway's files may have: enough to begin with.
const FILE_MAX: u64 = 4 << 20;

/// Until the disk is full, and until all that waited is done.
const LONG: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_full_disk_is_503_until_there_is_room() {
    let mut rig = Rig::apart(Engine::Embedded, |config| config).await;
    rig.start_sim().await;
    rig.gateway.start_bounded(FILE_MAX).await;
    let mut accepted = Vec::new();
    let text = "x".repeat(1_200);
    let fill = async || {
        let answer = rig.gateway.api().post(&of_app("/notifications"), &notification(NUMBER, &text)).await;
        if answer.status == 201 {
            accepted.push(answer.json["notification"]["_id"].as_str().expect("an id").to_owned());
            return None;
        }
        assert_eq!(answer.headers["retry-after"], "1");
        Some(answer.refused(503, "service_unavailable"))
    };
    within(LONG, "the disk to be full", fill).await;
    eventually("readiness to go", async || {
        let ready = rig.gateway.open_admin().get("/readyz").await;
        (ready.status == 503).then_some(())
    })
    .await;
    rig.gateway.open_admin().get("/healthz").await.expect(200);
    let reached = rig.receiver.final_events().len();

    let freed = Instant::now();
    rig.gateway.unbound();
    eventually("readiness to come", async || {
        (rig.gateway.open_admin().get("/readyz").await.status == 200).then_some(())
    })
    .await;
    println!(
        "{} accepted, {reached} done when the disk was full; ready {:?} after",
        accepted.len(),
        freed.elapsed()
    );
    rig.notify_and_deliver(NUMBER, "there is room").await;
    within(LONG, "what waited to be done", async || {
        let finals = rig.receiver.final_events();
        accepted.iter().all(|id| finals.contains_key(id)).then_some(())
    })
    .await;
    let log = std::fs::read_to_string(rig.gateway.log_path("gateway.log")).expect("a log");
    assert!(!log.contains("panicked"), "{log}");
}
