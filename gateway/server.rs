//! The accept loop: bounded connections, bounded heads, a quiet end.
//!
//! Not `axum::serve`, which leaves a connection open for ever that never finishes its request's head.

mod peers;
mod stream;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use peers::Peers;
use stream::{dismiss, halves};

/// Connections open at once; whoever comes later waits in the kernel's queue.
const CONNECTIONS_MAX: usize = 4_096;

/// How long the head of a request may take. Bounds idle keep-alive connections, too.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// How big the head of a request may be for the parser. The API refuses less than this, in its own words.
const HEAD_MAX: usize = 48 * 1024;

/// How much is buffered per connection.
const BUFFER_MAX: usize = 64 * 1024;

/// The pause after the machine ran out of something (file descriptors, mostly).
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// What is said to a peer whose request never came whole.
const TOO_SLOW: &str = concat!(
    "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: 86\r\n",
    "connection: close\r\n\r\n",
    r#"{"error":{"code":"request_timeout","description":"The head took too long to arrive"}}"#,
    "\n"
);

/// What is said to an address with too many connections.
const TOO_MANY: &str = concat!(
    "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\ncontent-length: 90\r\n",
    "retry-after: 5\r\nconnection: close\r\n\r\n",
    r#"{"error":{"code":"too_many_requests","description":"Too many connections from here now"}}"#,
    "\n"
);

/// Serves until told to stop; then requests in flight are finished and idle connections closed. `per_address` bounds
/// the connections of one address; unset, a usual bound holds for all but this machine's own.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    per_address: Option<usize>,
    stop: CancellationToken,
) {
    let peers = Peers::new(per_address);
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = TaskTracker::new();
    let accept = async || {
        let permit = room.clone().acquire_owned().await.expect("nobody closes the semaphore");
        (listener.accept().await, permit)
    };
    loop {
        let (accepted, permit) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (router, stop, place) = (router.clone(), stop.clone(), peers.place(peer.ip()));
                connections.spawn(async move {
                    match place {
                        Some(_place) => converse(stream, router, stop).await,
                        None => dismiss(stream, TOO_MANY).await,
                    }
                    drop(permit);
                });
            }
            Err(error) if is_peers(&error) => debug!(%error, "a connection was gone before it was accepted"),
            Err(error) => {
                warn!(%error, "cannot accept connections");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// One connection, to its end.
async fn converse(stream: TcpStream, router: Router, stop: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "TCP_NODELAY was refused");
    }
    let (stream, rest) = halves(stream);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_header_size(HEAD_MAX)
        .max_buf_size(BUFFER_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    let Err(error) = ended else { return rest.close().await };
    debug!(%error, "a connection ended badly");
    if error.is_timeout()
        && let Some(stream) = rest.unanswered()
    {
        dismiss(stream, TOO_SLOW).await;
    }
}

/// Whether the peer went away, which says nothing about the next one.
fn is_peers(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::task::JoinHandle;

    async fn slow() -> &'static str {
        tokio::time::sleep(Duration::from_millis(200)).await;
        "done"
    }

    async fn started() -> (SocketAddr, CancellationToken, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let address = listener.local_addr().expect("is bound");
        let stop = CancellationToken::new();
        let router = Router::new().route("/", get(slow));
        (address, stop.clone(), tokio::spawn(serve(listener, router, None, stop)))
    }

    async fn ask(address: SocketAddr, head: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.expect("somebody listens");
        stream.write_all(head.as_bytes()).await.expect("is open");
        stream
    }

    async fn answer(mut stream: TcpStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("ends cleanly");
        text
    }

    #[tokio::test]
    async fn stopping_finishes_requests_and_closes_idle_connections() {
        let (address, stop, serving) = started().await;
        let busy = ask(address, "GET / HTTP/1.1\r\nhost: example.org\r\n\r\n").await;
        let idle = ask(address, "").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.cancel();
        let answered = answer(busy).await;
        assert!(answered.starts_with("HTTP/1.1 200") && answered.ends_with("done"), "{answered}");
        assert_eq!(answer(idle).await, "");
        tokio::time::timeout(Duration::from_secs(5), serving).await.expect("ends").expect("did not panic");
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn an_answer_is_heard_by_who_is_still_sending() {
        let (address, _stop, _serving) = started().await;
        let body = vec![b' '; 16 << 20];
        let head =
            format!("POST /nowhere HTTP/1.1\r\nhost: example.org\r\ncontent-length: {}\r\n\r\n", body.len());
        let mut peer = ask(address, &head).await;
        peer.write_all(&body).await.expect("nobody hangs up");
        let answered = answer(peer).await;
        assert!(answered.starts_with("HTTP/1.1 404"), "{answered}");
    }

    #[test]
    fn last_words_are_as_long_as_they_say() {
        for word in [TOO_SLOW, TOO_MANY] {
            let (head, body) = word.split_once("\r\n\r\n").expect("a head and a body");
            assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        }
    }

    #[tokio::test]
    async fn heads_are_bounded() {
        let (address, _stop, _serving) = started().await;
        let big = format!("GET / HTTP/1.1\r\nhost: example.org\r\nx: {}\r\n\r\n", "a".repeat(HEAD_MAX));
        let answered = answer(ask(address, &big).await).await;
        assert!(answered.starts_with("HTTP/1.1 431"), "{answered}");
    }
}
