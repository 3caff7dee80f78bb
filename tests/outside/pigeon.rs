//! Carrier pigeons: the smallest whole channel. One JSON call sends, one signed JSON hook tells.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use heliograph_connectors::channel::{
    Accepted, Body, Capabilities, Channel, ChannelError, Code, Confirmations, Connected, Content,
    Destination, Egress, Fate, Forged, InboundEvent, InboundMessage, InvalidDestination, Malformed, OutboundMessage, Person,
    Problem, Rate, RawWebhook, Reach, Receipt, Secret, Settings, Stage, Verified, signature, text,
};
use serde_json::{Value, json};

static CAPABILITIES: Capabilities = Capabilities {
    reach: Reach::User,
    echoes_reference: true,
    confirmations: Confirmations { immediate: true, user_activity: true, prompt: false },
    rate: Rate { per_second: 2.0, burst: 4, pause: Duration::from_secs(30) },
    ..Capabilities::of("pigeon", "Pigeon", "loft")
};

/// The most a pigeon carries, in characters.
const NOTE_LIMIT: usize = 140;

#[derive(Debug)]
struct Pigeon {
    seed: Secret,
    base_url: String,
}

/// Builds the channel from its settings.
pub fn build(mut settings: Settings<'_>) -> Result<Arc<dyn Channel>, Vec<Problem>> {
    let seed = settings.secret("seed");
    let base_url = settings.base_url("https://pigeons.example.com");
    settings.finish()?;
    Ok(Arc::new(Pigeon { seed, base_url }))
}

#[async_trait]
impl Channel for Pigeon {
    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn destination(&self, given: &str) -> Result<Destination, InvalidDestination> {
        let loft = given.trim().to_lowercase();
        if loft.is_empty() || !loft.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(InvalidDestination(format!("`{given}` is not a loft: expected letters and digits")));
        }
        Ok(Destination::new(loft))
    }

    async fn connect(&self, _egress: &dyn Egress) -> Result<Connected, ChannelError> {
        Ok(Connected::default())
    }

    fn verify(&self, raw: RawWebhook) -> Result<Verified, Forged> {
        let given = raw.header("Pigeon-Signature").ok_or_else(|| Forged("no Pigeon-Signature".into()))?;
        let given = hex::decode(given).map_err(|_| Forged("signature is not hexadecimal".into()))?;
        let expected = signature::hmac_sha256(self.seed.expose().as_bytes(), raw.untrusted_body());
        let proof = signature::prove(&expected, &given)?;
        Ok(raw.verified(proof))
    }

    fn parse(&self, hook: &Verified) -> Result<Vec<InboundEvent>, Malformed> {
        let said: Value =
            serde_json::from_slice(hook.body()).map_err(|error| Malformed(error.to_string()))?;
        let word = |name: &str| said[name].as_str().map(str::to_owned);
        Ok(vec![match (said["event"].as_str(), word("flight"), word("loft")) {
            (Some("landed"), Some(flight), _) => InboundEvent::Receipt(Receipt {
                reference: word("reference"),
                provider_id: Some(flight),
                stage: Stage::Delivered,
                status: "landed".into(),
            }),
            (Some("note"), Some(provider_id), Some(address)) => {
                let note = Content::text(word("note").unwrap_or_default());
                InboundMessage::new(provider_id, Person::at(address), note).into()
            }
            (kind, ..) => InboundEvent::Unrecognised { kind: kind.unwrap_or("no event").to_owned() },
        }])
    }

    fn parts(&self, body: &Body) -> Result<Vec<Body>, ChannelError> {
        let Body::Content(content) = body else { return Err(ChannelError::unsupported("native")) };
        let note = text::fallback(content)?;
        let notes = text::split(&note, NOTE_LIMIT, text::Unit::Char);
        Ok(notes.into_iter().map(|note| Body::Content(Content::text(note))).collect())
    }

    async fn send(&self, message: &OutboundMessage, egress: &dyn Egress) -> Result<Accepted, ChannelError> {
        let Body::Content(Content::Text { text, .. }) = &message.body else {
            return Err(ChannelError::unsupported("anything but text"));
        };
        let note = json!({"loft": message.destination.address, "note": text, "reference": message.reference});
        let request = http::Request::post(format!("{}/flights", self.base_url))
            .header("Authorization", format!("Seed {}", self.seed.expose()))
            .header("Content-Type", "application/json")
            .body(note.to_string().into())
            .map_err(|error| ChannelError::permanent(Code::BadRequest, error.to_string()))?;
        let answer = egress.call(request).await?;
        let said: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        match said["flight"].as_str() {
            Some(flight) => Ok(Accepted::under(flight)),
            None => Err(refused(answer.status(), said)),
        }
    }
}

/// What an answer without a flight means.
fn refused(status: http::StatusCode, said: Value) -> ChannelError {
    let detail = format!("the loft answered {status}");
    if status.is_client_error() {
        let error = ChannelError::permanent(Code::BadRequest, detail);
        return ChannelError { underlying: Some(said), ..error };
    }
    let fate = Fate::Transient { maybe_sent: true };
    ChannelError { fate, code: Code::ChannelError, detail, provider_code: None, underlying: None }
}
