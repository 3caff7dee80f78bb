//! A connection's socket: given up when its peer takes nothing any more, and still at hand when the protocol is
//! through with it, for a last word.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};

/// How long a peer may take nothing of what is written to it.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// How long a peer that was refused may go on sending before it is cut off …
const LINGER: Duration = Duration::from_secs(1);

/// … and how much: a connection that is closed over unread words is reset, and its answer with it.
const LINGER_BYTES: u64 = 64 * 1024;

/// The same for one who was answered in the middle of what it sends, an upload that is refused by its first bytes.
const ANSWERED_BYTES: u64 = 64 << 20;

/// The side that the protocol reads and writes.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Arc<Mutex<Socket>>,
    patience: Duration,
    /// Runs while a write waits.
    stuck: Option<Pin<Box<Sleep>>>,
}

/// The side that is kept.
#[derive(Debug)]
pub(super) struct Rest(Arc<Mutex<Socket>>);

#[derive(Debug)]
struct Socket {
    /// None once it was taken for the last word.
    tcp: Option<TcpStream>,
    /// Whether something was read since the last write: a request that is not answered.
    asked: bool,
    /// Whether the peer said that nothing more comes.
    done: bool,
}

/// Both sides of a socket.
pub(super) fn halves(tcp: TcpStream) -> (Stream, Rest) {
    let socket = Arc::new(Mutex::new(Socket { tcp: Some(tcp), asked: false, done: false }));
    (Stream { socket: socket.clone(), patience: WRITE_TIME, stuck: None }, Rest(socket))
}

/// Says a last word and closes, without taking the word back by a reset.
pub(super) async fn dismiss(mut tcp: TcpStream, word: &str) {
    let parting = async {
        tcp.write_all(word.as_bytes()).await?;
        close(&mut tcp, LINGER_BYTES).await
    };
    // Whether it was heard is the peer's business.
    let _ = timeout(LINGER, parting).await;
}

/// Closes, and takes what still comes, so much of it at most.
async fn close(tcp: &mut TcpStream, bytes: u64) -> io::Result<u64> {
    tcp.shutdown().await?;
    tokio::io::copy(&mut tcp.take(bytes), &mut tokio::io::sink()).await
}

impl Rest {
    /// Closes after the last answer, which the peer may not have read yet because it is still sending.
    pub(super) async fn close(self) {
        let open = {
            let mut socket = lock(&self.0);
            if socket.done { None } else { socket.tcp.take() }
        };
        if let Some(mut tcp) = open {
            let _ = timeout(LINGER, close(&mut tcp, ANSWERED_BYTES)).await;
        }
    }

    /// The socket, if somebody asked something on it that was not answered.
    pub(super) fn unanswered(self) -> Option<TcpStream> {
        let mut socket = lock(&self.0);
        if socket.asked { socket.tcp.take() } else { None }
    }
}

fn lock(socket: &Mutex<Socket>) -> MutexGuard<'_, Socket> {
    // A poll that panicked left the socket as the system has it.
    socket.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Socket {
    fn tcp(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.tcp.as_mut().map(Pin::new).ok_or_else(|| ErrorKind::NotConnected.into())
    }
}

impl Stream {
    /// Watches a write: one that waits too long fails.
    fn watched<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stuck = None;
            return polled;
        }
        let patience = self.patience;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stuck.as_mut().poll(context));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut socket = lock(&self.socket);
        let before = buffer.filled().len();
        let polled = socket.tcp()?.poll_read(context, buffer);
        let has_come = buffer.filled().len() > before;
        socket.asked |= has_come;
        socket.done |= polled.is_ready() && !has_come;
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = {
            let mut socket = lock(&self.socket);
            socket.asked = false;
            socket.tcp()?.poll_write(context, bytes)
        };
        self.watched(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = {
            let mut socket = lock(&self.socket);
            socket.asked = false;
            socket.tcp()?.poll_write_vectored(context, bytes)
        };
        self.watched(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.socket).tcp()?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.socket).tcp()?.poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let address = listener.local_addr().expect("is bound");
        let _deaf = TcpStream::connect(address).await.expect("somebody listens");
        let (tcp, _) = listener.accept().await.expect("a connection");
        let (mut stream, _rest) = halves(tcp);
        stream.patience = Duration::from_millis(50);
        let written = stream.write_all(&vec![0; 64 << 20]).await;
        assert_eq!(written.expect_err("nobody reads").kind(), ErrorKind::TimedOut);
    }
}
