//! Webhook receivers that a well-behaved library would not make: they speak through a bare socket.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const DRIP: Duration = Duration::from_millis(20);

/// How it answers.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// 200 at once, over a kept connection.
    Prompt,
    /// Never.
    Silent,
    /// A status line, then a header that grows a byte at a time.
    DripsHead,
    /// A head, then a body that grows a byte at a time.
    DripsBody,
    /// A head, then a body without an end, as fast as it goes.
    Endless,
    /// To itself.
    Redirects,
    /// With a thousand headers.
    ManyHeaders,
    /// With these words.
    Says(String),
}

/// One request's body and when it came.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) at: Instant,
    pub(crate) event: Value,
}

#[derive(Debug, Default)]
struct Seen {
    open: AtomicUsize,
    most_open: AtomicUsize,
    heard: Mutex<Vec<Heard>>,
}

/// The receiver; it listens until dropped.
#[derive(Debug)]
pub(crate) struct Hostile {
    pub(crate) url: String,
    seen: Arc<Seen>,
    server: tokio::task::JoinHandle<()>,
}

impl Hostile {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/webhooks", listener.local_addr().expect("an address"));
        let seen = Arc::new(Seen::default());
        let (noted, target) = (seen.clone(), url.clone());
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, manner, url) = (noted.clone(), manner.clone(), target.clone());
                tokio::spawn(async move {
                    let open = seen.open.fetch_add(1, Ordering::SeqCst) + 1;
                    seen.most_open.fetch_max(open, Ordering::SeqCst);
                    let _ = converse(stream, &manner, &url, &seen).await;
                    seen.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { url, seen, server }
    }

    /// All that was posted, in the order of arrival.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.seen.heard.lock().expect("what was heard").clone()
    }

    /// The most connections that were open at once.
    pub(crate) fn most_open(&self) -> usize {
        self.seen.most_open.load(Ordering::SeqCst)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn converse(mut stream: TcpStream, manner: &Manner, url: &str, seen: &Seen) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(body) = request(&mut stream, &mut buffer).await? {
        let event = serde_json::from_slice(&body).unwrap_or_default();
        seen.heard.lock().expect("what was heard").push(Heard { at: Instant::now(), event });
        let words = match manner {
            Manner::Prompt => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
            Manner::Says(words) => words.clone(),
            Manner::Redirects => {
                format!("HTTP/1.1 302 Found\r\nlocation: {url}\r\ncontent-length: 0\r\n\r\n")
            }
            Manner::ManyHeaders => {
                let headers: String = (0..1_000).map(|number| format!("x-{number}: y\r\n")).collect();
                format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n")
            }
            Manner::Silent => return gone(&mut stream).await,
            Manner::DripsHead => return drip(&mut stream, "HTTP/1.1 200 OK\r\nx-long: ").await,
            Manner::DripsBody => {
                return drip(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await;
            }
            Manner::Endless => return flood(&mut stream).await,
        };
        stream.write_all(words.as_bytes()).await?;
    }
    Ok(())
}

/// The next request's body; `None` when the other side is gone.
async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<Vec<u8>>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
            if buffer.len() >= end + 4 + length {
                let rest = buffer.split_off(end + 4 + length);
                let body = std::mem::replace(buffer, rest).split_off(end + 4);
                return Ok(Some(body));
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// Says nothing until the other side hangs up.
async fn gone(stream: &mut TcpStream) -> std::io::Result<()> {
    while stream.read(&mut [0; 64]).await? > 0 {}
    Ok(())
}

async fn drip(stream: &mut TcpStream, beginning: &str) -> std::io::Result<()> {
    stream.write_all(beginning.as_bytes()).await?;
    loop {
        stream.write_all(b"x").await?;
        tokio::time::sleep(DRIP).await;
    }
}

async fn flood(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n").await?;
    loop {
        stream.write_all(&[b'x'; 16 << 10]).await?;
    }
}
