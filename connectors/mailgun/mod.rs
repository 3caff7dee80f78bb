//! Email through Mailgun: the settings, the channel, and the only place here that awaits.
//!
//! `inbound` proves and reads hooks, most of which are a `form`; `mail` writes letters around a `body`,
//! `outbound` wraps them into requests and reads answers; `error` knows what Mailgun's errors mean. All are pure.

mod body;
mod error;
mod form;
mod inbound;
mod mail;
mod outbound;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use url::Host;

use crate::channel::{
    Accepted, Attempt, Body, Capabilities, Channel, ChannelError, Connected, Destination, Egress, Forged,
    InboundEvent, InvalidDestination, Malformed, OutboundMessage, Problem, Rate, RawWebhook, Secret,
    Settings, Verdict, Verified,
};

/// One domain at Mailgun, and an address in it that people write to.
#[derive(Debug)]
struct Mailgun {
    api_key: Secret,
    signing_key: Secret,
    domain: String,
    incoming_address: String,
    /// What people see as the sender and answer to: `fromAddress`, which must forward to `incomingAddress`.
    from_address: String,
    has_unsubscribe_link: bool,
    base_url: String,
}

static CAPABILITIES: Capabilities = Capabilities {
    echoes_reference: true,
    native: &["text", "image", "file"],
    answers: true,
    // Mailgun publishes no limits for its API and queues by the recipient's domain; its 429 names a date.
    rate: Rate { per_second: 10.0, burst: 20, pause: Duration::from_secs(30) },
    shown: &["domain", "incomingAddress", "fromAddress", "hideUnsubscribeLink"],
    concurrency: 10,
    ..Capabilities::of("mailgun", "Mailgun", "address")
};

/// Builds the channel from its settings.
pub fn build(mut settings: Settings<'_>) -> Result<Arc<dyn Channel>, Vec<Problem>> {
    let api_key = settings.secret("apiKey");
    let signing_key = settings.optional("signingKey").map_or_else(|| api_key.clone(), Secret::new);
    let domain = own_domain(&mut settings);
    let given = settings.required("incomingAddress");
    let incoming_address = own_address(&mut settings, "incomingAddress", &given);
    let is_elsewhere = incoming_address.rsplit_once('@').is_some_and(|(_, host)| host != domain);
    if is_elsewhere && !domain.is_empty() {
        settings.problem("incomingAddress", "must be an address of the domain");
    }
    let from_address = match settings.optional("fromAddress") {
        Some(given) => own_address(&mut settings, "fromAddress", &given),
        None => incoming_address.clone(),
    };
    let has_unsubscribe_link = !settings.switch("hideUnsubscribeLink");
    let base_url = settings.base_url("https://api.mailgun.net");
    settings.finish()?;
    Ok(Arc::new(Mailgun {
        api_key,
        signing_key,
        domain,
        incoming_address,
        from_address,
        has_unsubscribe_link,
        base_url,
    }))
}

/// The domain becomes part of URLs and of our Message-IDs.
fn own_domain(settings: &mut Settings<'_>) -> String {
    let given = settings.required("domain");
    host(&given).unwrap_or_else(|| {
        if !given.is_empty() {
            settings.problem("domain", "must be a domain such as mg.example.com");
        }
        String::new()
    })
}

fn own_address(settings: &mut Settings<'_>, name: &str, given: &str) -> String {
    address(given).unwrap_or_else(|| {
        if !given.is_empty() {
            settings.problem(name, "must be an email address");
        }
        String::new()
    })
}

/// The longest address that SMTP carries.
const ADDRESS_LIMIT: usize = 254;

/// An address in the form under which people are stored and compared: all in lower case, an international
/// domain in ASCII.
///
/// The part before the `@` could tell capitals apart by the letter of SMTP. No mail service of note does, and
/// people write their address now so, now so: a reply must find the person to whom we wrote.
fn address(given: &str) -> Option<String> {
    let (local, domain) = given.trim().rsplit_once('@')?;
    let is_atom = |part: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
        !part.is_empty() && part.bytes().all(allowed)
    };
    if local.len() > 64 || !local.split('.').all(is_atom) {
        return None;
    }
    let address = format!("{}@{}", local.to_ascii_lowercase(), host(domain)?);
    (address.len() <= ADDRESS_LIMIT).then_some(address)
}

/// A domain in lower-case ASCII; no IP address, no name without a dot.
fn host(given: &str) -> Option<String> {
    // The parser for URLs would decode percent signs.
    if given.contains('%') {
        return None;
    }
    let Ok(Host::Domain(domain)) = Host::parse(given) else { return None };
    let is_label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let edges = label.starts_with('-') || label.ends_with('-');
        (1..=63).contains(&label.len()) && label.bytes().all(allowed) && !edges
    };
    (domain.contains('.') && domain.split('.').all(is_label)).then_some(domain)
}

#[async_trait]
impl Channel for Mailgun {
    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn destination(&self, given: &str) -> Result<Destination, InvalidDestination> {
        let invalid = || InvalidDestination("expected an email address such as name@example.com".into());
        address(given).map(Destination::new).ok_or_else(invalid)
    }

    async fn connect(&self, egress: &dyn Egress) -> Result<Connected, ChannelError> {
        let answer = egress.call(outbound::ask_for_domain(self)).await?;
        // A key that may only send is not shown its domain. Whether it may send shows in the answer to a send
        // that lacks everything: refused for that, or for the key.
        if matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return outbound::may_send(&egress.call(outbound::send_nothing(self)).await?);
        }
        outbound::domain_facts(&answer)
    }

    fn verify(&self, raw: RawWebhook) -> Result<Verified, Forged> {
        inbound::verify(self, raw)
    }

    fn parse(&self, hook: &Verified) -> Result<Vec<InboundEvent>, Malformed> {
        inbound::parse(self, hook)
    }

    fn parts(&self, body: &Body) -> Result<Vec<Body>, ChannelError> {
        outbound::parts(body)
    }

    async fn send(&self, message: &OutboundMessage, egress: &dyn Egress) -> Result<Accepted, ChannelError> {
        let file = match outbound::ask_for_file(&message.body)? {
            Some(request) => {
                // Whatever goes wrong here, nothing was sent yet.
                let answer = egress.download(request).await.map_err(|cause| error::no_file(&cause))?;
                outbound::enclosure(&answer)?
            }
            None => None,
        };
        let answer = egress.call(outbound::create_message(self, message, file)?).await?;
        outbound::accepted(&answer)
    }

    async fn reconcile(&self, attempt: &Attempt, egress: &dyn Egress) -> Result<Verdict, ChannelError> {
        let answer = egress.call(outbound::ask_for_events(self, attempt)).await?;
        outbound::verdict(self, attempt, &answer)
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
    fn three_settings_are_enough() {
        let least =
            json!({"apiKey": "fake", "domain": "MG.example.com", "incomingAddress": "a@mg.example.com"});
        assert_eq!(problems(least), Vec::<String>::new());
        let most = json!({"apiKey": "fake", "domain": "mg.example.com", "incomingAddress": "a@mg.example.com",
                          "signingKey": "fake", "fromAddress": "b@example.com", "hideUnsubscribeLink": true});
        assert_eq!(problems(most), Vec::<String>::new());
    }

    #[test]
    fn every_problem_is_named() {
        assert_eq!(
            problems(json!({})),
            ["apiKey: is required", "domain: is required", "incomingAddress: is required"]
        );
        assert_eq!(
            problems(json!({"apiKey": "fake", "domain": "../x", "incomingAddress": "a", "fromAddress": "b",
                            "hideUnsubscribeLink": "yes", "colour": "red"})),
            [
                "domain: must be a domain such as mg.example.com",
                "incomingAddress: must be an email address",
                "fromAddress: must be an email address",
                "hideUnsubscribeLink: must be true or false",
                "colour: is not a setting of this channel",
            ]
        );
        let elsewhere =
            json!({"apiKey": "fake", "domain": "mg.example.com", "incomingAddress": "a@example.com"});
        assert_eq!(problems(elsewhere), ["incomingAddress: must be an address of the domain"]);
    }

    #[test]
    fn an_address_has_one_spelling() {
        for (given, canonical) in [
            (" Jane.Doe+x@Example.COM\n", "jane.doe+x@example.com"),
            ("o'neil@mail.example.org", "o'neil@mail.example.org"),
            ("jane@bücher.example", "jane@xn--bcher-kva.example"),
        ] {
            assert_eq!(address(given).as_deref(), Some(canonical));
        }
        let long = format!("{}@example.com", "x".repeat(65));
        let longer = format!("x@{}example.com", "label.".repeat(50));
        for given in [
            "",
            "@",
            "jane",
            "@example.com",
            "jane@",
            "jane@localhost",
            "jane@127.0.0.1",
            "jane@[::1]",
            "ja ne@example.com",
            "jane@example.com, joe@example.com",
            "Jane <jane@example.com>",
            ".jane@example.com",
            "ja..ne@example.com",
            "jane@exa\r\nmple.com",
            "jane@ex%61mple.com",
            "jané@example.com",
            "jane@example..com",
            "jane@-example.com",
            "jane@example.com.",
            &long,
            &longer,
        ] {
            assert_eq!(address(given), None, "{given:?}");
        }
    }
}
