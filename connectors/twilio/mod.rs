//! Twilio SMS and MMS: the settings, the channel, and the only place here that awaits.
//!
//! `inbound` proves and reads hooks, `outbound` writes requests and reads answers, `error` knows what
//! Twilio's error codes mean, `lookup` asks for what was not heard. All four are pure.

mod error;
mod inbound;
mod lookup;
mod outbound;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::channel::{
    Accepted, Arriving, Attempt, Body, Capabilities, Channel, ChannelError, Confirmations, Connected,
    Destination, Egress, Fate, Forged, InboundEvent, InvalidDestination, Malformed, OutboundMessage, Problem,
    Rate, RawWebhook, Reach, Receipt, Reply, Secret, Settings, Verdict, Verified, phone,
};

/// One Twilio sender.
#[derive(Debug)]
struct Twilio {
    account_sid: String,
    auth_token: Secret,
    sender: Sender,
    base_url: String,
}

/// Who a message comes from, as far as the settings say.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sender {
    /// A number, or a short code.
    Number(String),
    /// A number known by its id alone: Twilio must be asked for it before each send.
    NumberSid(String),
    /// A messaging service, which picks the number itself.
    Service(String),
}

static CAPABILITIES: Capabilities = Capabilities {
    reach: Reach::User,
    echoes_reference: true,
    native: &["text", "image"],
    confirmations: Confirmations { immediate: true, user_activity: true, prompt: true },
    // A long code sends one segment a second and Twilio queues the rest for up to ten hours.
    rate: Rate { per_second: 1.0, burst: 1, pause: Duration::from_secs(1) },
    shown: &["accountSid", "phoneNumberSid", "messagingServiceSid", "phoneNumber", "name"],
    concurrency: 10,
    ..Capabilities::of("twilio", "Twilio SMS", "phoneNumber")
};

/// Builds the channel from its settings.
pub fn build(mut settings: Settings<'_>) -> Result<Arc<dyn Channel>, Vec<Problem>> {
    let account_sid = settings.required("accountSid");
    check_sid(&mut settings, "accountSid", &account_sid, "AC");
    let auth_token = settings.secret("authToken");
    let sender = sender(&mut settings);
    let base_url = settings.base_url("https://api.twilio.com");
    settings.finish()?;
    Ok(Arc::new(Twilio { account_sid, auth_token, sender, base_url }))
}

/// Exactly one sender. A `phoneNumber` beside a `phoneNumberSid` is that number's own, as [`Channel::connect`]
/// learnt it: it is no second sender, it spares a call before each send.
fn sender(settings: &mut Settings<'_>) -> Sender {
    let number = settings.optional("phoneNumber").map(|given| own_number(settings, &given));
    let number_sid = settings.optional("phoneNumberSid");
    let service_sid = settings.optional("messagingServiceSid");
    match (number, number_sid, service_sid) {
        (number, Some(sid), None) => {
            check_sid(settings, "phoneNumberSid", &sid, "PN");
            number.map_or(Sender::NumberSid(sid), Sender::Number)
        }
        (Some(number), None, None) => Sender::Number(number),
        (None, None, Some(sid)) => {
            check_sid(settings, "messagingServiceSid", &sid, "MG");
            Sender::Service(sid)
        }
        (None, None, None) => {
            settings.problem(
                "phoneNumber",
                "one of phoneNumber, phoneNumberSid, messagingServiceSid is required",
            );
            Sender::Number(String::new())
        }
        (_, _, Some(sid)) => {
            settings.problem("messagingServiceSid", "cannot be combined with phoneNumber or phoneNumberSid");
            Sender::Service(sid)
        }
    }
}

/// A number of the business: unlike a destination it may be a short code.
fn own_number(settings: &mut Settings<'_>, given: &str) -> String {
    let short_code = (3..=8).contains(&given.len()) && given.bytes().all(|byte| byte.is_ascii_digit());
    if short_code {
        return given.to_owned();
    }
    phone::e164(given).unwrap_or_else(|_| {
        settings.problem("phoneNumber", "must be a number such as +15145550100, or a short code");
        String::new()
    })
}

/// Ids become part of a URL, so nothing but letters and digits may be in them.
fn check_sid(settings: &mut Settings<'_>, name: &str, sid: &str, prefix: &str) {
    let well_formed = sid.starts_with(prefix) && sid.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !sid.is_empty() && !well_formed {
        settings.problem(name, &format!("must begin with {prefix} and hold only letters and digits"));
    }
}

#[async_trait]
impl Channel for Twilio {
    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn destination(&self, given: &str) -> Result<Destination, InvalidDestination> {
        phone::e164(given).map(Destination::new)
    }

    async fn connect(&self, egress: &dyn Egress) -> Result<Connected, ChannelError> {
        match &self.sender {
            Sender::NumberSid(sid) => {
                let number = egress.call(outbound::ask_for_number(self, sid)).await?;
                outbound::number_facts(&number)
            }
            Sender::Number(_) | Sender::Service(_) => {
                let account = egress.call(outbound::ask_for_account(self)).await?;
                outbound::account_facts(self, &account)
            }
        }
    }

    fn verify(&self, raw: RawWebhook) -> Result<Verified, Forged> {
        inbound::verify(self, raw)
    }

    fn parse(&self, hook: &Verified) -> Result<Vec<InboundEvent>, Malformed> {
        inbound::parse(self, hook)
    }

    fn acknowledge(&self) -> Reply {
        // An empty document: anything inside it would be sent to the person as a reply.
        Reply::with("text/xml", r#"<?xml version="1.0" encoding="UTF-8"?><Response/>"#)
    }

    fn parts(&self, body: &Body) -> Result<Vec<Body>, ChannelError> {
        outbound::parts(body)
    }

    async fn send(&self, message: &OutboundMessage, egress: &dyn Egress) -> Result<Accepted, ChannelError> {
        let sender = match &self.sender {
            Sender::NumberSid(sid) => Sender::Number(self.resolve(sid, egress).await?),
            known => known.clone(),
        };
        let answer = egress.call(outbound::create_message(self, &sender, message)?).await?;
        outbound::accepted(&answer)
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

impl Twilio {
    /// The number behind an id. Whatever goes wrong here, no message was sent yet.
    async fn resolve(&self, sid: &str, egress: &dyn Egress) -> Result<String, ChannelError> {
        let nothing_sent = |mut error: ChannelError| {
            if let Fate::Transient { maybe_sent } = &mut error.fate {
                *maybe_sent = false;
            }
            error
        };
        let answer =
            egress.call(outbound::ask_for_number(self, sid)).await.map_err(|e| nothing_sent(e.into()))?;
        outbound::number(&answer).map_err(nothing_sent)
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
    fn one_sender_is_enough() {
        for sender in [
            json!({"phoneNumber": "+1 514 555 0100"}),
            json!({"phoneNumber": "12345"}),
            json!({"phoneNumberSid": "PN00000000000000000000000000000001"}),
            json!({"phoneNumberSid": "PN00000000000000000000000000000001", "phoneNumber": "+15145550100"}),
            json!({"messagingServiceSid": "MG00000000000000000000000000000001"}),
        ] {
            let mut values = json!({"accountSid": "AC00000000000000000000000000000001", "authToken": "fake"});
            values.as_object_mut().expect("an object").extend(sender.as_object().expect("an object").clone());
            assert_eq!(problems(values), Vec::<String>::new());
        }
    }

    #[test]
    fn every_problem_is_named() {
        assert_eq!(
            problems(json!({})),
            [
                "accountSid: is required",
                "authToken: is required",
                "phoneNumber: one of phoneNumber, phoneNumberSid, messagingServiceSid is required",
            ]
        );
        assert_eq!(
            problems(json!({"accountSid": "SK1", "authToken": 7, "phoneNumber": "514 555 0100",
                            "messagingServiceSid": "MG1", "colour": "red"})),
            [
                "accountSid: must begin with AC and hold only letters and digits",
                "authToken: must be a string",
                "phoneNumber: must be a number such as +15145550100, or a short code",
                "messagingServiceSid: cannot be combined with phoneNumber or phoneNumberSid",
                "colour: is not a setting of this channel",
            ]
        );
        assert_eq!(
            problems(json!({"accountSid": "AC1", "authToken": "fake", "phoneNumberSid": "PN/../x"})),
            ["phoneNumberSid: must begin with PN and hold only letters and digits"]
        );
    }
}
