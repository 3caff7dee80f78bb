//! The accept loop: HTTP/1.1 with keep-alive on one listener, and what a network does to a conversation.

use std::{
    convert::Infallible,
    future::pending,
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderValue, Request, header},
    response::Response,
};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    select,
    sync::Notify,
    time::{Instant, Sleep, sleep, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use super::{lock, wire::Wire};

/// How long requests in flight may take to end once stopped; a hanging send would never.
const GRACE: Duration = Duration::from_secs(1);

/// The pause after a failed accept, which mostly means that file descriptors ran out, or a failed bind.
const PAUSE: Duration = Duration::from_millis(50);

/// How long after its first half an answer breaks off: time enough for that half to arrive.
const HALF_TIME: Duration = Duration::from_millis(20);

/// Whether anybody listens.
#[derive(Default)]
pub(super) struct Door {
    until: Mutex<Option<Instant>>,
    rings: Notify,
}

impl Door {
    /// Shuts it: for so long every connection is refused.
    pub(super) fn shut_for(&self, span: Duration) {
        *lock(&self.until) = Some(Instant::now() + span);
        self.rings.notify_one();
    }

    async fn shut(&self) -> Instant {
        loop {
            self.rings.notified().await;
            if let Some(until) = lock(&self.until).take() {
                return until;
            }
        }
    }
}

/// Serves `app` until stopped.
pub(super) async fn serve(listener: TcpListener, app: Router, door: Arc<Door>, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    let cut = CancellationToken::new();
    accept(listener, &app, &door, &stop, |conversation| {
        tasks.spawn(cut.clone().run_until_cancelled_owned(conversation));
    })
    .await;
    tasks.close();
    let _ = timeout(GRACE, tasks.wait()).await;
    cut.cancel();
    tasks.wait().await;
}

async fn accept(
    mut listener: TcpListener,
    app: &Router,
    door: &Door,
    stop: &CancellationToken,
    start: impl Fn(Pin<Box<dyn Future<Output = ()> + Send>>),
) {
    let mut leave = stop.child_token();
    loop {
        let accepted = select! {
            () = stop.cancelled() => return,
            until = door.shut() => {
                leave.cancel();
                let Some(again) = stop.run_until_cancelled(reopened(listener, until)).await else { return };
                (listener, leave) = (again, stop.child_token());
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        // Without it small answers wait for the peer's acknowledgement.
        let _ = stream.set_nodelay(true);
        start(Box::pin(converse(stream, app.clone(), leave.clone())));
    }
}

/// Listens again at the same address. A listener that is gone has connections refused by the system itself.
async fn reopened(listener: TcpListener, until: Instant) -> TcpListener {
    let address = listener.local_addr();
    drop(listener);
    sleep_until(until).await;
    loop {
        if let Ok(address) = &address
            && let Ok(listener) = TcpListener::bind(address).await
        {
            return listener;
        }
        sleep(PAUSE).await;
    }
}

/// Answers one caller until it leaves, is asked to, or is cut off.
async fn converse(stream: TcpStream, app: Router, leave: CancellationToken) {
    let reset = CancellationToken::new();
    let line = Line { stream, reset: reset.clone() };
    let service = service_fn(|request| answer(app.clone(), request, reset.clone()));
    // Without a timer hyper never closes an idle connection, which could meet a send half-way and make
    // its outcome unknown: such things happen here only by a rule.
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(line), service));
    let conversation = async {
        select! {
            _ = connection.as_mut() => return,
            () = leave.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    };
    reset.run_until_cancelled(conversation).await;
}

async fn answer(
    app: Router,
    request: Request<Incoming>,
    reset: CancellationToken,
) -> Result<Response, Infallible> {
    let answer = app.oneshot(request.map(Body::new)).await?;
    let wire = answer.extensions().get::<Wire>().copied();
    Ok(match wire.unwrap_or(Wire::Whole) {
        Wire::Whole => answer,
        Wire::Half => half(answer).await,
        Wire::Garbled => garbled(answer).await,
        Wire::Reset => {
            reset.cancel();
            pending().await
        }
    })
}

async fn whole(answer: Response) -> (Response<()>, Bytes) {
    let (head, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    (Response::from_parts(head, ()), body)
}

async fn half(answer: Response) -> Response {
    let (mut head, body) = whole(answer).await;
    head.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let half = Some(body.slice(..body.len() / 2));
    head.map(|()| Body::new(Half { half, end: Box::pin(sleep(HALF_TIME)) }))
}

async fn garbled(answer: Response) -> Response {
    let (mut head, body) = whole(answer).await;
    head.headers_mut().remove(header::CONTENT_LENGTH);
    head.map(|()| Body::from(body.slice(..body.len() / 2)))
}

/// Half a body, which then breaks off.
struct Half {
    half: Option<Bytes>,
    end: Pin<Box<Sleep>>,
}

impl hyper::body::Body for Half {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        self.end.as_mut().poll(context).map(|()| Some(Err(io::ErrorKind::ConnectionAborted.into())))
    }
}

/// A connection that ends in a reset when told so; otherwise as connections do.
struct Line {
    stream: TcpStream,
    reset: CancellationToken,
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.reset.is_cancelled() {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
