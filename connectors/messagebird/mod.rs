//! MessageBird SMS (the classic API): the settings, the channel, and the only place here that awaits.
//!
//! `signature` proves hooks (a file of its own, because MessageBird has two ways to sign), `inbound` reads them,
//! `outbound` writes requests and reads answers, `error` knows what MessageBird's error codes mean. All four are
//! pure. MMS is left out: MessageBird carries it in the US and Canada alone, so pictures go as links everywhere.

mod error;
mod inbound;
mod lookup;
mod outbound;
mod signature;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::channel::{
    Accepted, Arriving, Attempt, Body, Capabilities, Channel, ChannelError, Confirmations, Connected,
    Destination, Egress, Forged, InboundEvent, InvalidDestination, Malformed, OutboundMessage, Problem, Rate,
    RawWebhook, Reach, Receipt, Secret, Settings, Verdict, Verified, phone,
};

/// One MessageBird originator.
#[derive(Debug)]
struct MessageBird {
    access_key: Secret,
    originator: Originator,
    /// Without it no hook can be proven, and so none is believed.
    signing_key: Option<Secret>,
    base_url: String,
}

/// Who a message comes from, as MessageBird writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Originator {
    /// A number without its plus sign, or a short code.
    Number(String),
    /// A word in place of a number: nobody can answer it.
    Name(String),
}

impl Originator {
    fn as_str(&self) -> &str {
        match self {
            Originator::Number(text) | Originator::Name(text) => text,
        }
    }
}

static CAPABILITIES: Capabilities = Capabilities {
    reach: Reach::User,
    echoes_reference: true,
    confirmations: Confirmations { immediate: true, user_activity: true, prompt: true },
    // No rate is published for this API. MessageBird queues for the carriers itself; its newer API takes 500 a
    // second, and a 429 slows us down.
    rate: Rate { per_second: 50.0, burst: 10, pause: Duration::from_secs(1) },
    shown: &["originator"],
    concurrency: 10,
    ..Capabilities::of("messagebird", "MessageBird SMS", "phoneNumber")
};

/// Builds the channel from its settings.
pub fn build(mut settings: Settings<'_>) -> Result<Arc<dyn Channel>, Vec<Problem>> {
    let access_key = settings.secret("accessKey");
    // It becomes part of a header.
    if !access_key.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        settings.problem("accessKey", "must hold only visible ASCII characters");
    }
    let originator = settings.required("originator");
    let originator = originator_of(&mut settings, &originator);
    let signing_key = settings.optional("signingKey").map(Secret::new);
    let base_url = settings.base_url("https://rest.messagebird.com");
    settings.finish()?;
    Ok(Arc::new(MessageBird { access_key, originator, signing_key, base_url }))
}

fn originator_of(settings: &mut Settings<'_>, given: &str) -> Originator {
    if let Ok(number) = phone::e164(given) {
        return Originator::Number(number.trim_start_matches('+').to_owned());
    }
    let is_digits = given.bytes().all(|byte| byte.is_ascii_digit());
    if is_digits && (3..=15).contains(&given.len()) {
        return Originator::Number(given.to_owned());
    }
    let is_name = given.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b' ') && given.len() <= 11;
    if !given.is_empty() && (is_digits || !is_name || given.trim().is_empty()) {
        settings.problem(
            "originator",
            "must be a number such as 15145550100, a short code, or a name of at most 11 letters and digits",
        );
    }
    Originator::Name(given.to_owned())
}

#[async_trait]
impl Channel for MessageBird {
    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn destination(&self, given: &str) -> Result<Destination, InvalidDestination> {
        phone::e164(given).map(Destination::new)
    }

    async fn connect(&self, egress: &dyn Egress) -> Result<Connected, ChannelError> {
        outbound::balance_facts(self, &egress.call(outbound::ask_for_balance(self)).await?)
    }

    fn verify(&self, raw: RawWebhook) -> Result<Verified, Forged> {
        signature::verify(self.signing_key.as_ref(), raw)
    }

    fn parse(&self, hook: &Verified) -> Result<Vec<InboundEvent>, Malformed> {
        inbound::parse(&self.originator, hook)
    }

    fn parts(&self, body: &Body) -> Result<Vec<Body>, ChannelError> {
        outbound::parts(body)
    }

    async fn send(&self, message: &OutboundMessage, egress: &dyn Egress) -> Result<Accepted, ChannelError> {
        outbound::accepted(&egress.call(outbound::create_message(self, message)?).await?)
    }

    async fn fetch(&self, media: &str, egress: &dyn Egress) -> Result<Arriving, ChannelError> {
        Arriving::of(egress.stream(outbound::ask_for_file(self, media)?).await?, error::refused).await
    }

    async fn look_up(&self, provider_id: &str, egress: &dyn Egress) -> Result<Option<Receipt>, ChannelError> {
        match lookup::ask_for_message(self, provider_id) {
            Some(request) => lookup::receipt(&egress.call(request).await?),
            None => Ok(None),
        }
    }

    async fn reconcile(&self, attempt: &Attempt, egress: &dyn Egress) -> Result<Verdict, ChannelError> {
        lookup::verdict(attempt, &egress.call(lookup::ask_for_messages(self, attempt)).await?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn problems(values: Value) -> Vec<String> {
        crate::channel::problems(build, &values)
    }

    #[test]
    fn numbers_short_codes_and_names_are_originators() {
        for originator in ["15145550100", "+1 (514) 555-0100", "1008", "Pigeons", "Pigeon Post"] {
            let values = json!({"accessKey": "fake", "originator": originator});
            assert_eq!(problems(values), Vec::<String>::new(), "{originator}");
        }
    }

    #[test]
    fn every_problem_is_named() {
        assert_eq!(problems(json!({})), ["accessKey: is required", "originator: is required"]);
        let originator = "originator: must be a number such as 15145550100, a short code, or a name of at most \
                          11 letters and digits";
        for given in ["12", "1514555010015145", "Twelve chars", "Zo\u{eb}", "a\"b", " "] {
            let values = json!({"accessKey": "fake", "originator": given});
            assert_eq!(problems(values), [originator], "{given}");
        }
        assert_eq!(
            problems(json!({"accessKey": "fake\nkey", "originator": 7, "signingKey": true, "colour": "red"})),
            [
                "accessKey: must hold only visible ASCII characters",
                "originator: must be a string",
                "signingKey: must be a string",
                "colour: is not a setting of this channel",
            ]
        );
    }
}
