//! The connection to the server: every call ends in bounded time, and a server that was away is found again.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{
    Client, Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ScriptInvocation, ServerErrorKind,
};

use crate::store::StoreError;

/// No caller waits longer, whatever happens. The client's own response time-out does not cover its reconnecting. A
/// server that works answers in a hundredth of this; for one that does not, nobody is to be kept waiting.
const CALL_LIMIT: Duration = Duration::from_millis(1_100);

/// The client's limit for one answer.
const RESPONSE_LIMIT: Duration = Duration::from_secs(1);

/// The client's limit for one attempt to connect.
const CONNECT_LIMIT: Duration = Duration::from_millis(500);

/// Few, so that callers hear soon that the server is away; the next call tries again.
const RECONNECT_TRIES: usize = 2;

/// Calls under way at once; more wait in line, and run into their limit rather than into our memory.
const CALLS_AT_ONCE: usize = 2048;

/// The connection is not renewed more often.
const RENEWAL_PAUSE: Duration = Duration::from_millis(500);

/// One multiplexed connection. A second one did not make the single-threaded server faster, and on one, calls reach
/// it in their order.
pub(super) struct Link {
    client: Client,
    connection: Mutex<(ConnectionManager, Instant)>,
}

impl Link {
    /// Connects lazily: the first call tells whether the server is there.
    pub(super) fn new(client: Client) -> Result<Link, StoreError> {
        let connection = Mutex::new((connect(&client).map_err(refused)?, Instant::now()));
        Ok(Link { client, connection })
    }

    /// Runs a command that is not sent twice.
    pub(super) async fn call<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let mut connection = self.connection();
        let call = async { command.query_async(&mut connection).await.map_err(|error| self.failed(error)) };
        limited(call).await.map_err(refused)
    }

    /// Runs a script once.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        limited(self.run_once(script)).await.map_err(refused)
    }

    /// Runs a script that changes nothing the second time, and runs it once more when the answer was lost.
    pub(super) async fn run_idempotent<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        limited(async {
            match self.run_once(script).await {
                Err(error) if error.is_io_error() => self.run_once(script).await,
                answered => answered,
            }
        })
        .await
        .map_err(refused)
    }

    async fn run_once<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> RedisResult<T> {
        script.invoke_async(&mut self.connection()).await.map_err(|error| self.failed(error))
    }

    fn connection(&self) -> ConnectionManager {
        self.lock().0.clone()
    }

    /// The client renews a connection that broke, but not one whose server answered the greeting with an error
    /// (too many clients, a changed password), nor one to a server that became a replica behind the same name.
    fn failed(&self, error: RedisError) -> RedisError {
        if !error.is_io_error() && !is_script_fault(&error) {
            self.renew();
        }
        error
    }

    fn renew(&self) {
        let mut current = self.lock();
        if current.1.elapsed() < RENEWAL_PAUSE {
            return;
        }
        if let Ok(fresh) = connect(&self.client) {
            *current = (fresh, Instant::now());
        }
    }

    fn lock(&self) -> MutexGuard<'_, (ConnectionManager, Instant)> {
        // What it guards is replaced whole, so a panic elsewhere cannot have left it half done.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Link {
    // The client knows the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

fn connect(client: &Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT_LIMIT))
        .set_response_timeout(Some(RESPONSE_LIMIT))
        .set_number_of_retries(RECONNECT_TRIES)
        .set_min_delay(Duration::from_millis(100))
        .set_max_delay(Duration::from_millis(500))
        .set_concurrency_limit(CALLS_AT_ONCE);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

async fn limited<T>(call: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    match tokio::time::timeout(CALL_LIMIT, call).await {
        Ok(outcome) => outcome,
        Err(_) => Err(RedisError::from((ErrorKind::Io, "no answer in time"))),
    }
}

/// What an error of the client means to callers.
fn refused(error: RedisError) -> StoreError {
    if is_script_fault(&error) || error.kind() == ErrorKind::UnexpectedReturnType {
        return StoreError::Corrupt(error.to_string());
    }
    StoreError::Unavailable(error.to_string())
}

/// Whether a script stumbled over what it found, as it does when keys were changed by hand.
fn is_script_fault(error: &RedisError) -> bool {
    let wrong_type = error.code() == Some("WRONGTYPE");
    let stumbled = error.kind() == ErrorKind::Server(ServerErrorKind::ResponseError)
        && error.detail().is_some_and(|detail| detail.contains("user_script:"));
    wrong_type || stumbled
}
