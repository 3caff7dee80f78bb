//! Files that people send: copied while their provider still has them, and seen from then on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::harness::config::TWILIO;
use crate::harness::form::{PNG, ROOM};
use crate::harness::wait::within;
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    a_file_is_copied_at_once_and_outlives_its_link,
    a_files_content_says_what_it_is,
    a_large_file_of_a_person_passes_through,
}

const NUMBER: &str = "+15145550149";

/// For a large file, on a slow, busy machine.
const LONG: Duration = Duration::from_secs(120);

/// Where a provider holds a file: it is given out once, and gone afterwards.
struct Holder {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Holder {
    async fn of(kind: &'static str, bytes: Vec<u8>) -> Holder {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/held", listener.local_addr().expect("an address"));
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => break,
                    }
                }
                let answer = match count.fetch_add(1, Ordering::SeqCst) {
                    0 => format!("200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}", bytes.len()),
                    _ => "410 Gone\r\ncontent-length: 0".to_owned(),
                };
                let answer = format!("HTTP/1.1 {answer}\r\nconnection: close\r\n\r\n");
                let body: &[u8] = if answer.contains("200 OK") { &bytes } else { b"" };
                // Whoever hangs up has what they wanted.
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.write_all(body).await;
                let _ = stream.shutdown().await;
            }
        });
        Holder { url, asked }
    }
}

/// Somebody sends a file. The path under which the business finds it.
async fn sent(rig: &Rig, text: &str, holder: &Holder) -> String {
    let media = json!([{"url": holder.url, "type": "image/png"}]);
    let told = json!({"integrationId": TWILIO, "from": NUMBER, "text": text, "media": media});
    assert_eq!(rig.sim().control("/control/write", &told).await["status"], 200);
    let event = rig.receiver.event(text, |event| event["messages"][0]["text"] == text).await;
    let url: &Value = &event["messages"][0]["mediaUrl"];
    let url = url.as_str().expect("an address");
    url.strip_prefix(rig.gateway.api_address()).expect("an address of the gateway").to_owned()
}

async fn a_file_is_copied_at_once_and_outlives_its_link(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let holder = Holder::of("image/png", PNG.to_vec()).await;
    let path = sent(&rig, "Look", &holder).await;
    // Nobody opens its address: it is copied all the same.
    eventually("the copy", async || (holder.asked.load(Ordering::SeqCst) > 0).then_some(())).await;
    rig.gateway.terminate().await;
    rig.gateway.start().await;
    let path = path.as_str();
    let seen = eventually("the file", async || {
        let answer = rig.gateway.anonymous().get(path).await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert_eq!(seen.text, String::from_utf8_lossy(PNG));
    assert_eq!(seen.headers["content-length"], PNG.len().to_string().as_str());
    assert_eq!(seen.headers["x-content-type-options"], "nosniff");
    assert_eq!(holder.asked.load(Ordering::SeqCst), 1, "it was asked for once");
}

async fn a_files_content_says_what_it_is(engine: Engine) {
    let rig = Rig::start(engine).await;
    let holder = Holder::of("image/png", b"<!DOCTYPE html><html></html>".to_vec()).await;
    let path = sent(&rig, "Look", &holder).await;
    let seen = eventually("the file", async || {
        let answer = rig.gateway.anonymous().get(&path).await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert_eq!(seen.headers["content-type"], "text/html");
    assert_eq!(seen.headers["content-disposition"], "attachment");
}

async fn a_large_file_of_a_person_passes_through(engine: Engine) {
    let rig = Rig::start(engine).await;
    // Once before, so that what is counted is the file and not the first use of anything.
    sent(&rig, "A small one", &Holder::of("image/png", PNG.to_vec()).await).await;
    let size = 50 << 20;
    let mut bytes = PNG.to_vec();
    bytes.resize(size, 0);
    let holder = Holder::of("image/png", bytes).await;
    let before = rig.gateway.memory();
    let (path, most) = rig
        .gateway
        .watched(async {
            let path = sent(&rig, "Look", &holder).await;
            within(LONG, "the file", async || {
                (rig.gateway.anonymous().request("HEAD", &path, &[], None).await.status == 200).then_some(())
            })
            .await;
            path
        })
        .await;
    println!("{engine:?}: {before}, then at most {most}");
    assert!(most.own < before.own + ROOM, "{before} became {most}");
    assert_eq!(rig.gateway.anonymous().drain(&path).await, size as u64);
}
