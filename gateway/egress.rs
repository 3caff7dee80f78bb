//! The only door out: provider calls and webhook posts, each with a deadline, a body cap and no redirects.
//!
//! Providers' addresses are the operator's own word. Webhook targets are the tenants' word, so they are checked
//! twice: the host as written (a literal address never reaches a resolver) and every address it resolves to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use heliograph_connectors::channel::{Egress, EgressError, Incoming, Request, Response, Streamed};
use http::HeaderMap;
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::{Host, Url};

use crate::model::{Clock, SystemClock, Timestamp};

/// A provider's whole answer must be here by then.
const PROVIDER_TIMEOUT: Duration = Duration::from_secs(30);

/// Provider answers are small JSON documents.
const PROVIDER_BODY_MAX: usize = 1 << 20;

/// What a webhook's receiver says is only read so that the connection can be used again.
const WEBHOOK_BODY_MAX: usize = 64 << 10;

/// How long that may take once the status is known. A longer body costs its receiver the connection, and us no place.
const WEBHOOK_BODY_TIME: Duration = Duration::from_secs(2);

/// By this header of an answer a receiver says that it will never take a message; Svix and others know it.
const DELIVERY: &str = "webhook-delivery";

/// Idle connections kept per host: as many as the outbox may use at once, or each burst would connect anew.
const IDLE_MAX: usize = 256;

/// The largest file taken from anywhere: WhatsApp's limit for documents, the highest of all channels.
const FILE_MAX: usize = 100 << 20;

/// How long a file may take to arrive.
const FILE_TIMEOUT: Duration = Duration::from_secs(120);

/// Files held in memory at one time, while they pass through.
const FILES_MAX: usize = 4;

/// Files that pass through without being held.
const STREAMS_MAX: usize = 32;

/// Redirects followed on the way to a file: providers send to their storage, and that may send on.
const REDIRECTS_MAX: usize = 3;

/// Calls to providers.
#[derive(Debug, Clone)]
pub struct ProviderEgress {
    client: reqwest::Client,
    files: reqwest::Client,
    guard: Arc<Guard>,
    open_files: Arc<Semaphore>,
    open_streams: Arc<Semaphore>,
}

/// Posts to webhooks.
#[derive(Debug, Clone)]
pub struct WebhookEgress {
    client: reqwest::Client,
    guard: Arc<Guard>,
}

/// A receiver's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// How long it asks us to wait.
    pub retry_after: Option<Duration>,
    /// Whether it asks not to be told this again.
    pub aborts: bool,
}

/// Why there was no answer, in one of a few words: details would turn the gateway into a port scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreached {
    /// The target is not an address that tenants may reach.
    #[error("blocked")]
    Blocked,
    /// It took too long.
    #[error("timeout")]
    Timeout,
    /// No connection, or it broke.
    #[error("unreachable")]
    Unreachable,
}

/// Which addresses may be reached.
#[derive(Debug, Clone)]
struct Guard {
    allow: Vec<IpNet>,
    special: Vec<IpNet>,
}

impl ProviderEgress {
    /// A client for providers. Files may come from public addresses, and from private ones in `allow`.
    pub fn new(allow: Vec<IpNet>) -> reqwest::Result<ProviderEgress> {
        let client = base_client().timeout(PROVIDER_TIMEOUT).build()?;
        let guard = Arc::new(Guard::new(allow));
        let files = base_client()
            .timeout(FILE_TIMEOUT)
            .redirect(guarded_redirects(guard.clone()))
            .dns_resolver(Arc::new(GuardedResolver { guard: guard.clone() }))
            .build()?;
        let (open_files, open_streams) = (Semaphore::new(FILES_MAX), Semaphore::new(STREAMS_MAX));
        let (open_files, open_streams) = (Arc::new(open_files), Arc::new(open_streams));
        Ok(ProviderEgress { client, files, guard, open_files, open_streams })
    }

    /// The answer to a request for a file, before its body.
    async fn file(&self, request: Request) -> Result<reqwest::Response, EgressError> {
        let request =
            reqwest::Request::try_from(request).map_err(|error| EgressError::NotSent(error.to_string()))?;
        if !self.guard.permits(request.url()) {
            return Err(EgressError::NotSent(BLOCKED.into()));
        }
        self.files.execute(request).await.map_err(unsent_or_unanswered)
    }
}

/// Every stop on the way is checked like the first; reqwest drops credentials when the host changes.
fn guarded_redirects(guard: Arc<Guard>) -> redirect::Policy {
    redirect::Policy::custom(move |attempt| {
        if attempt.previous().len() > REDIRECTS_MAX {
            return attempt.error("too many redirects");
        }
        if guard.permits(attempt.url()) { attempt.follow() } else { attempt.error(BLOCKED) }
    })
}

async fn answered(answer: reqwest::Response, most: usize) -> Result<Response, EgressError> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    *response.body_mut() = whole_body(answer, most).await?;
    Ok(response)
}

#[async_trait]
impl Egress for ProviderEgress {
    async fn call(&self, request: Request) -> Result<Response, EgressError> {
        let request =
            reqwest::Request::try_from(request).map_err(|error| EgressError::NotSent(error.to_string()))?;
        let answer = self.client.execute(request).await.map_err(unsent_or_unanswered)?;
        answered(answer, PROVIDER_BODY_MAX).await
    }

    async fn download(&self, request: Request) -> Result<Response, EgressError> {
        let _open = self.open_files.acquire().await;
        answered(self.file(request).await?, FILE_MAX).await
    }

    async fn stream(&self, request: Request) -> Result<Streamed, EgressError> {
        let open = self.open_streams.clone().acquire_owned().await;
        let open = open.map_err(|closed| EgressError::NotSent(closed.to_string()))?;
        let answer = self.file(request).await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body: Box<dyn Incoming> = Box::new(Passing { answer, left: FILE_MAX, _open: open });
        let mut response = Streamed::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// A file on its way through.
struct Passing {
    answer: reqwest::Response,
    /// So many bytes may still come.
    left: usize,
    _open: OwnedSemaphorePermit,
}

#[async_trait]
impl Incoming for Passing {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let chunk = self.answer.chunk().await;
        let chunk = chunk.map_err(|error| io::Error::other(chain(&error.without_url())))?;
        let length = chunk.as_ref().map_or(0, Bytes::len);
        let left = self.left.checked_sub(length);
        self.left = left.ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        Ok(chunk)
    }
}

fn unsent_or_unanswered(error: reqwest::Error) -> EgressError {
    // Without the URL: it may carry what a log must not.
    let error = error.without_url();
    if error.is_connect() || error.is_builder() {
        EgressError::NotSent(chain(&error))
    } else {
        EgressError::NoAnswer(chain(&error))
    }
}

/// An error with its causes, because the outermost one only says that something failed.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

async fn whole_body(mut answer: reqwest::Response, most: usize) -> Result<Bytes, EgressError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| EgressError::NoAnswer(chain(&error)))? {
        if body.len() + chunk.len() > most {
            return Err(EgressError::NoAnswer(format!("the answer is longer than {most} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

impl WebhookEgress {
    /// A client for webhooks that may reach public addresses, and private ones in `allow`.
    pub fn new(allow: Vec<IpNet>, timeout: Duration) -> reqwest::Result<WebhookEgress> {
        let guard = Arc::new(Guard::new(allow));
        let client = base_client()
            .timeout(timeout)
            .dns_resolver(Arc::new(GuardedResolver { guard: guard.clone() }))
            .build()?;
        Ok(WebhookEgress { client, guard })
    }

    /// Posts JSON to a target.
    pub async fn post(&self, target: &str, headers: HeaderMap, body: Bytes) -> Result<Answer, Unreached> {
        let url = Url::parse(target).map_err(|_| Unreached::Blocked)?;
        if !self.guard.permits(&url) {
            return Err(Unreached::Blocked);
        }
        let sent = self.client.post(url).headers(headers).body(body).send().await;
        let mut answer = sent.map_err(|error| unreached(&error))?;
        let status = answer.status().as_u16();
        let retry_after = retry_after(answer.headers(), SystemClock.now());
        let aborts = answer.headers().get(DELIVERY).is_some_and(|value| value == "abort-message");
        let rest = async {
            let mut read = 0;
            while let Ok(Some(chunk)) = answer.chunk().await {
                read += chunk.len();
                if read > WEBHOOK_BODY_MAX {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(WEBHOOK_BODY_TIME, rest).await;
        Ok(Answer { status, retry_after, aborts })
    }
}

fn unreached(error: &reqwest::Error) -> Unreached {
    if error.is_timeout() {
        return Unreached::Timeout;
    }
    if chain(error).contains(BLOCKED) { Unreached::Blocked } else { Unreached::Unreachable }
}

/// `Retry-After`, in seconds or as a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => Some(Timestamp::parse_http_date(text)?.since(now)),
    }
}

/// What every client has in common.
fn base_client() -> reqwest::ClientBuilder {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        // reqwest obeys HTTP_PROXY unless told not to, and a proxy would undo the address checks.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .http1_only()
        .tcp_nodelay(true)
        .connect_timeout(Duration::from_secs(10))
        .pool_max_idle_per_host(IDLE_MAX)
        .pool_idle_timeout(Duration::from_secs(30))
        .user_agent(concat!("heliograph/", env!("CARGO_PKG_VERSION")))
}

impl Guard {
    fn new(allow: Vec<IpNet>) -> Guard {
        let special =
            SPECIAL.split_whitespace().map(|range| range.parse().expect("the table holds ranges")).collect();
        Guard { allow, special }
    }

    /// Whether a target as written may be reached. Names are checked again when they are resolved.
    fn permits(&self, url: &Url) -> bool {
        let plain =
            matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
        plain
            && match url.host() {
                // The url crate reads every spelling of an address (2130706433, 0x7f.1, 0177.0.0.1) as one.
                Some(Host::Ipv4(ip)) => self.permits_ip(ip.into()),
                Some(Host::Ipv6(ip)) => self.permits_ip(ip.into()),
                Some(Host::Domain(_)) => true,
                None => false,
            }
    }

    fn permits_ip(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        let within = |ranges: &[IpNet]| ranges.iter().any(|range| range.contains(&ip));
        within(&self.allow) || !within(&self.special)
    }
}

/// What does not belong to the public internet: IANA's special-purpose registries, multicast, and the ranges
/// that carry IPv4 addresses inside IPv6 ones.
const SPECIAL: &str = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 \
    192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 \
    ::/128 ::1/128 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 3fff::/20 \
    5f00::/16 fc00::/7 fe80::/10 ff00::/8";

/// The word by which a refused look-up is told from a failed one.
const BLOCKED: &str = "address not allowed";

/// Resolves a name once and hands on only addresses that were checked, so that no second look-up can differ.
#[derive(Debug)]
struct GuardedResolver {
    guard: Arc<Guard>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.guard.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One private address spoils the answer: it is either a mistake or an attack.
            if !found.iter().all(|address| guard.permits_ip(address.ip())) {
                return Err(BLOCKED.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(allow: &[&str], url: &str) -> bool {
        let allow = allow.iter().map(|range| range.parse().expect("a range")).collect();
        Url::parse(url).is_ok_and(|url| Guard::new(allow).permits(&url))
    }

    #[test]
    fn private_addresses_are_refused_however_they_are_spelt() {
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::]",
            "0.0.0.0",
            "10.1.2.3",
            "169.254.169.254",
            "192.168.0.1",
            "100.64.0.1",
            "[fd00::1]",
            "[fe80::1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
        ] {
            assert!(!permits(&[], &format!("http://{host}/")), "{host}");
        }
        assert!(!permits(&[], "http://user:pass@example.com/"));
        assert!(!permits(&[], "ftp://example.com/"));
    }

    #[test]
    fn public_and_allowed_addresses_are_reached() {
        assert!(permits(&[], "https://example.com/hook"));
        assert!(permits(&[], "http://93.184.216.34/"));
        assert!(permits(&["127.0.0.0/8"], "http://127.0.0.1:9000/"));
        assert!(permits(&["127.0.0.0/8"], "http://[::ffff:127.0.0.1]/"));
        assert!(!permits(&["127.0.0.0/8"], "http://10.0.0.1/"));
    }

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_by_a_date() {
        let now = Timestamp::parse_iso("2026-11-21T08:00:00Z").expect("a time");
        let asked = |text: &'static str| {
            let headers =
                HeaderMap::from_iter([(http::header::RETRY_AFTER, text.parse().expect("a header"))]);
            retry_after(&headers, now)
        };
        assert_eq!(asked("30"), Some(Duration::from_secs(30)));
        assert_eq!(asked("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(asked("Sat, 21 Nov 2026 08:01:00 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(asked("Sat, 21 Nov 2026 07:01:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["soon", "-1", "1e300", "NaN", "", "Sat, 21 Nov"] {
            assert_eq!(asked(nonsense), None, "{nonsense}");
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_a_private_address_is_blocked() {
        let egress = WebhookEgress::new(Vec::new(), Duration::from_secs(2)).expect("a client");
        let answer = egress.post("http://localhost:9/", HeaderMap::new(), Bytes::new()).await;
        assert_eq!(answer, Err(Unreached::Blocked));
    }
}
