//! The accept loop: HTTP/1.1 with keep-alive on one listener.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown, service::TowerToHyperService};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long requests in flight may take to end once stopped; a hanging send would never.
const GRACE: Duration = Duration::from_secs(1);

/// The pause after a failed accept, which mostly means that file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `app` until stopped.
pub(super) async fn serve(listener: TcpListener, app: Router, stop: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let tasks = TaskTracker::new();
    let cut = CancellationToken::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Without it small answers wait for the peer's acknowledgement.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(app.clone());
        // Without a timer hyper never closes an idle connection, which could meet a send half-way and make
        // its outcome unknown: such things happen here only by a rule.
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tasks.spawn(cut.clone().run_until_cancelled_owned(graceful.watch(connection)));
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    cut.cancel();
    tasks.close();
    tasks.wait().await;
}
