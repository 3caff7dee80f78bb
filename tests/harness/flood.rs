//! Many notifications as fast as they are taken, or at a steady rate: a few connections that are kept, and no more
//! work per request than it takes to read its status.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::config::{KEY, SECRET, TWILIO};
use super::simulator::of_app;

/// Requests that may be open at one time.
const CONNECTIONS: u64 = 64;

/// What to ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flood {
    pub(crate) count: u64,
    /// Requests a second; none for as many as are taken.
    pub(crate) per_second: Option<u64>,
}

impl Flood {
    /// Sends all of it to the gateway at this address; every request must be answered 201.
    pub(crate) async fn pour(self, address: &str) {
        let host = address.trim_start_matches("http://").to_owned();
        let (next, began) = (Arc::new(AtomicU64::new(0)), Instant::now());
        let mut connections = tokio::task::JoinSet::new();
        for _ in 0..CONNECTIONS.min(self.count) {
            let (host, next) = (host.clone(), next.clone());
            connections.spawn(async move {
                let stream = TcpStream::connect(&host).await.expect("the gateway listens");
                stream.set_nodelay(true).expect("an option");
                let mut stream = BufReader::new(stream);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= self.count {
                        return;
                    }
                    if let Some(per_second) = self.per_second {
                        sleep_until(began + Duration::from_micros(number * 1_000_000 / per_second)).await;
                    }
                    let status = ask(&mut stream, &host, number).await;
                    assert_eq!(status, 201, "notification {number}");
                }
            });
        }
        while let Some(ended) = connections.join_next().await {
            ended.expect("every notification is taken");
        }
    }
}

async fn ask(stream: &mut BufReader<TcpStream>, host: &str, number: u64) -> u16 {
    let body = json!({
        "destination": {"integrationId": TWILIO, "destinationId": person(number)},
        "author": {"role": "appMaker"},
        "message": {"type": "text", "text": format!("Your parcel {number} leaves today.")},
    })
    .to_string();
    let authorization = base64::engine::general_purpose::STANDARD.encode(format!("{KEY}:{SECRET}"));
    let request = format!(
        "POST {} HTTP/1.1\r\nhost: {host}\r\nauthorization: Basic {authorization}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        of_app("/notifications"),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("the request leaves");
    answered(stream).await
}

/// A person of reserved numbers (555-01xx), 40,000 of them; the sender's own, +1 514 555 0100, is below.
pub(crate) fn person(number: u64) -> String {
    format!("+1{}55501{:02}", 515 + number / 100 % 400, number % 100)
}

/// Reads one answer to its end and gives its status.
async fn answered(stream: &mut BufReader<TcpStream>) -> u16 {
    let (mut status, mut length) = (0, 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.expect("an answer");
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(rest) = line.strip_prefix("http/1.1 ") {
            status = rest[..3].parse().expect("a status");
        }
        if let Some(rest) = line.strip_prefix("content-length:") {
            length = rest.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.expect("the answer's body");
    status
}
