//! Telling customers: one signed POST per event and webhook, repeated on a schedule, buried at its end.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use heliograph_connectors::channel::signature::hmac_sha256;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::{debug, info, warn};

use crate::core::DeadLetter;
use crate::egress::{Answer, Unreached};
use crate::metrics::PostOutcome;
use crate::model::{Event, Id, Job, Timestamp, Webhook};
use crate::store::{Batch, Retry, Settlement, StoreError};
use crate::wire;

use super::{Claim, Outbox};

/// Answers after which Sunshine does not try again (v1.1 reference, retry policy).
const FINAL: [u16; 5] = [400, 401, 403, 404, 406];

/// The longest wait a receiver may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

impl Outbox {
    /// Performs an announcement and settles its claim.
    pub(super) async fn announce(&self, claim: Claim<'_>, webhook: &Id<Webhook>, event: &Event) {
        let tenant = self.settings.tenant(&claim.job.app);
        let found = tenant.iter().flat_map(|tenant| &tenant.webhooks).find(|known| known.id == *webhook);
        let Some(webhook) = found else {
            debug!(event = %event.id, %webhook, "the webhook is gone, and with it what it would have been told");
            return self.settle_alone(claim, Settlement::Done).await;
        };
        let open = self.posts(&webhook.id);
        let permit = open.acquire().await;
        let payload = wire::payload(webhook, event);
        let body = Bytes::from(payload.body.to_string());
        let headers = headers(webhook, event, &body, self.core.now());
        let answer = self.webhooks.post(&webhook.target, headers, body).await;
        drop(permit);
        let attempts = claim.job.attempt + 1;
        let verdict = verdict(&answer, claim.job, &self.announcing.schedule, self.core.now());
        self.core.metrics().announcement(verdict.outcome(), self.core.now().since(event.at));
        let settled = match verdict {
            Verdict::Taken => self.settle(claim, Settlement::Done, Batch::new(&event.app)).await,
            Verdict::Again(due) => {
                info!(event = %event.id, webhook = %webhook.id, attempts, ?answer, "webhook not taken, will try again");
                let retry = Retry { due, attempt: attempts, keeps_lane: self.announcing.strict };
                self.settle(claim, Settlement::Again(retry), Batch::new(&event.app)).await
            }
            Verdict::GivenUp => {
                warn!(event = %event.id, webhook = %webhook.id, attempts, ?answer, "webhook given up");
                let letter = self.letter(claim.job, webhook, event, payload.trigger, &answer);
                let mut batch = Batch::new(&event.app);
                self.core.bury(&mut batch, &letter);
                self.settle(claim, Settlement::Done, batch).await
            }
        };
        if let Err(error @ (StoreError::Lost | StoreError::Unavailable(_))) = settled {
            warn!(event = %event.id, %error, "an announcement was not settled and will be made again");
        }
    }

    fn letter(
        &self,
        job: &Job,
        webhook: &Webhook,
        event: &Event,
        trigger: &str,
        answer: &Result<Answer, Unreached>,
    ) -> DeadLetter {
        DeadLetter {
            id: Id::new(job.id.as_str()),
            webhook: webhook.id.clone(),
            target: webhook.target.clone(),
            trigger: trigger.to_owned(),
            attempts: job.attempt + 1,
            last_status: answer.as_ref().ok().map(|answer| answer.status),
            last_error: match answer {
                Ok(answer) => format!("http {}", answer.status),
                Err(unreached) => unreached.to_string(),
            },
            first_at: event.at,
            last_at: self.core.now(),
            event: event.clone(),
            lane: job.lane.clone(),
        }
    }
}

/// What an answer means for the announcement.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Taken,
    Again(Timestamp),
    GivenUp,
}

impl Verdict {
    fn outcome(&self) -> PostOutcome {
        match self {
            Verdict::Taken => PostOutcome::Taken,
            Verdict::Again(_) => PostOutcome::Again,
            Verdict::GivenUp => PostOutcome::GivenUp,
        }
    }
}

fn verdict(answer: &Result<Answer, Unreached>, job: &Job, schedule: &[Duration], now: Timestamp) -> Verdict {
    if matches!(answer, Ok(answer) if (200..300).contains(&answer.status)) {
        return Verdict::Taken;
    }
    let refused = matches!(answer, Ok(answer) if FINAL.contains(&answer.status));
    let Some(wait) = schedule.get(job.attempt as usize).filter(|_| !refused) else {
        return Verdict::GivenUp;
    };
    let asked = answer.as_ref().ok().and_then(|answer| answer.retry_after).unwrap_or_default();
    Verdict::Again(now + jittered(*wait).max(asked.min(RETRY_AFTER_MAX)))
}

/// Between 80 and 100 % of a wait, so that a receiver that comes back is not hit by all at once.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(rand::random_range(0.8..=1.0))
}

/// Sunshine's `X-API-Key`, and the Standard Webhooks headers, whose timestamp is new in every attempt.
fn headers(webhook: &Webhook, event: &Event, body: &[u8], now: Timestamp) -> HeaderMap {
    let timestamp = (now.millis() / 1000).to_string();
    let mut signed = format!("{}.{timestamp}.", event.id).into_bytes();
    signed.extend_from_slice(body);
    let signature = format!("v1,{}", STANDARD.encode(hmac_sha256(&signing_key(&webhook.secret), &signed)));
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in [
        ("x-api-key", webhook.secret.as_str()),
        ("webhook-id", event.id.as_str()),
        ("webhook-timestamp", &timestamp),
        ("webhook-signature", &signature),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// The key's bytes: what follows `whsec_` in base64, or a secret of any other form as it stands.
fn signing_key(secret: &str) -> Vec<u8> {
    let encoded = secret.strip_prefix("whsec_").and_then(|encoded| STANDARD.decode(encoded).ok());
    encoded.unwrap_or_else(|| secret.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Work;

    fn job(attempt: u32) -> Job {
        let work = Work::Send { delivery: Id::new("d") };
        let due = Timestamp::from_millis(0);
        Job { id: Id::new("j"), app: Id::new("a"), group: "g".into(), lane: "l".into(), due, attempt, work }
    }

    fn judged(answer: Result<Answer, Unreached>, attempt: u32) -> Verdict {
        verdict(&answer, &job(attempt), &[Duration::from_secs(10)], Timestamp::from_millis(0))
    }

    fn status(status: u16) -> Result<Answer, Unreached> {
        Ok(Answer { status, retry_after: None })
    }

    #[test]
    fn answers_are_taken_repeated_or_given_up() {
        assert_eq!(judged(status(204), 0), Verdict::Taken);
        assert!(FINAL.iter().all(|code| judged(status(*code), 0) == Verdict::GivenUp));
        for again in [status(301), status(410), status(429), status(500), Err(Unreached::Timeout)] {
            assert!(matches!(judged(again.clone(), 0), Verdict::Again(_)), "{again:?}");
            assert_eq!(judged(again, 1), Verdict::GivenUp);
        }
    }

    #[test]
    fn a_wait_is_jittered_and_yields_to_what_the_receiver_asks() {
        let Verdict::Again(due) = judged(status(500), 0) else { panic!("it is tried again") };
        assert!((8_000..=10_000).contains(&due.millis()), "{due:?}");
        let asked = Ok(Answer { status: 503, retry_after: Some(Duration::from_secs(60)) });
        assert_eq!(judged(asked, 0), Verdict::Again(Timestamp::from_millis(60_000)));
    }

    #[test]
    fn a_signature_is_made_as_standard_webhooks_describes() {
        // The specification's own example.
        let body = br#"{"test": 2432232314}"#;
        let signed = [b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.".as_slice(), body].concat();
        let key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        assert_eq!(
            STANDARD.encode(hmac_sha256(&key, &signed)),
            "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        assert_eq!(signing_key("plain"), b"plain");
    }
}
