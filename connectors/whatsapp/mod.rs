//! WhatsApp through Meta's Cloud API: the settings, addresses, the channel, and the only place here that awaits.
//!
//! `inbound` reads hooks, `outbound` cuts and writes messages, `template` passes WhatsApp's own payloads through,
//! `error` knows what Meta's error codes mean. All four are pure. `activity`, `approved` and `business` are faces that
//! not every channel has, with calls of their own.

mod activity;
mod approved;
mod business;
mod error;
mod inbound;
mod outbound;
mod template;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, StatusCode};

use self::approved::Account;
use self::outbound::{FileRef, Upload};
use crate::channel::{
    Accepted, Activities, ApprovedTemplates, Arriving, Body, BusinessProfile, Capabilities, Channel,
    ChannelError, Confirmations, Connected, Content, Destination, Egress, Forged, InboundEvent,
    InvalidDestination, Malformed, OutboundMessage, Problem, Rate, RawWebhook, Reach, Reply, Secret,
    Settings, Streamed, Verified, phone,
};
use crate::meta::Graph;

/// The language of a template that names none, as the platform has always had it.
const FALLBACK_LANGUAGE: &str = "en_US";

/// One WhatsApp number of a business.
#[derive(Debug)]
struct WhatsApp {
    graph: Graph,
    phone_number_id: String,
    fallback_language: String,
    /// The account whose templates may be managed, where the settings name one and open it.
    account: Option<Account>,
}

static CAPABILITIES: Capabilities = Capabilities {
    reach: Reach::User,
    echoes_reference: true,
    native: &["text", "image", "file", "location", "list"],
    entity_key: "username",
    schema: Some("whatsapp"),
    confirmations: Confirmations { immediate: true, user_activity: true, prompt: false },
    shares_hooks: true,
    // A number has 80 a second, what comes in included.
    rate: Rate { per_second: 60.0, burst: 60, pause: Duration::from_secs(2) },
    pair: Some(Rate { per_second: 1.0 / 6.0, burst: 45, pause: Duration::from_secs(6) }),
    shown: &["phoneNumberId", "phoneNumber", "name", "hsmFallbackLanguage", "accountId"],
    concurrency: 32,
    // For seven days.
    repeats_hooks: true,
    ..Capabilities::of("whatsapp", "WhatsApp", "phoneNumber")
};

/// Builds the channel from its settings.
pub fn build(mut settings: Settings<'_>) -> Result<Arc<dyn Channel>, Vec<Problem>> {
    let phone_number_id = settings.required("phoneNumberId");
    check_id(&mut settings, "phoneNumberId", &phone_number_id);
    let graph = Graph::read(&mut settings, "accessToken");
    let fallback_language = settings.optional("hsmFallbackLanguage").unwrap_or(FALLBACK_LANGUAGE.into());
    if let Some(number) = settings.optional("phoneNumber")
        && phone::e164(&number).is_err()
    {
        settings.problem("phoneNumber", "must be a number such as +15145550100");
    }
    // Everything sent and received here hangs on the number: the account is for its templates alone.
    let account_id = settings.optional("accountId").unwrap_or_default();
    check_id(&mut settings, "accountId", &account_id);
    let account_token = settings.optional("accountManagementAccessToken").map(Secret::new);
    settings.finish()?;
    let account = account_token.filter(|_| !account_id.is_empty()).map(|token| Account {
        id: account_id,
        graph: graph.with_token(token),
        fallback_language: fallback_language.clone(),
    });
    Ok(Arc::new(WhatsApp { graph, phone_number_id, fallback_language, account }))
}

/// Ids become part of a URL, so nothing but digits may be in them.
fn check_id(settings: &mut Settings<'_>, name: &str, id: &str) {
    if !id.bytes().all(|byte| byte.is_ascii_digit()) {
        settings.problem(name, "must be Meta's id of it, which holds digits alone");
    }
}

/// An address as Meta writes it: digits without a plus, or a business-scoped id. `None` when it is neither.
fn address_of(given: &str) -> Option<String> {
    if is_scoped_id(given) { Some(given.to_owned()) } else { phone::e164(&format!("+{given}")).ok() }
}

/// A person under the name they have for one business alone, `CA.13491208655302741918`: who has adopted a user
/// name may show no number.
fn is_scoped_id(given: &str) -> bool {
    let Some((country, id)) = given.split_once('.') else { return false };
    let country_code = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    country_code && (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Other spellings of the same mobile number in countries that changed theirs and where WhatsApp may know either.
/// To compare with, never to send to: Argentina's nine is not made up, since without it the number may be another's.
fn variants(number: &str) -> Vec<String> {
    let is_mobile =
        |subscriber: &str| subscriber.len() == 8 && matches!(subscriber.as_bytes()[0], b'6'..=b'9');
    let other = if let Some(national) = number.strip_prefix("+55").filter(|national| national.len() >= 10) {
        let (area, subscriber) = national.split_at(2);
        match subscriber.strip_prefix('9').filter(|rest| is_mobile(rest)) {
            Some(rest) => Some(format!("+55{area}{rest}")),
            None => is_mobile(subscriber).then(|| format!("+55{area}9{subscriber}")),
        }
    } else if let Some(national) = number.strip_prefix("+52") {
        match national.strip_prefix('1').filter(|rest| rest.len() == 10) {
            Some(rest) => Some(format!("+52{rest}")),
            None => (national.len() == 10).then(|| format!("+521{national}")),
        }
    } else {
        number.strip_prefix("+549").filter(|rest| rest.len() == 10).map(|rest| format!("+54{rest}"))
    };
    other.into_iter().collect()
}

#[async_trait]
impl Channel for WhatsApp {
    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn destination(&self, given: &str) -> Result<Destination, InvalidDestination> {
        if is_scoped_id(given.trim()) {
            return Ok(Destination::new(given.trim()));
        }
        let address = phone::e164(given)?;
        Ok(Destination { variants: variants(&address), address })
    }

    async fn connect(&self, egress: &dyn Egress) -> Result<Connected, ChannelError> {
        let path =
            format!("/{}?fields=display_phone_number,verified_name,quality_rating", self.phone_number_id);
        let answer = egress.call(self.graph.request(Method::GET, &path, None)?).await?;
        outbound::facts(&answer, self.graph.verify_token())
    }

    fn handshake(&self, raw: &RawWebhook) -> Option<Reply> {
        self.graph.handshake(raw)
    }

    fn may_concern(&self, raw: &RawWebhook) -> bool {
        raw.method == Method::GET || raw.mentions(&self.phone_number_id)
    }

    fn verify(&self, raw: RawWebhook) -> Result<Verified, Forged> {
        self.graph.verify(raw)
    }

    fn parse(&self, hook: &Verified) -> Result<Vec<InboundEvent>, Malformed> {
        inbound::parse(&self.phone_number_id, hook.body())
    }

    fn parts(&self, body: &Body) -> Result<Vec<Body>, ChannelError> {
        match body {
            Body::Content(content) => Ok(outbound::parts(content)?.into_iter().map(Body::Content).collect()),
            Body::Native { schema, message } => {
                template::payload(schema, message, &self.fallback_language)?;
                Ok(vec![body.clone()])
            }
        }
    }

    async fn send(&self, message: &OutboundMessage, egress: &dyn Egress) -> Result<Accepted, ChannelError> {
        let payload = match &message.body {
            Body::Content(content) => {
                let file = self.place(content, message, egress).await.map_err(error::nothing_sent)?;
                outbound::payload(content, file)?
            }
            Body::Native { schema, message } => template::payload(schema, message, &self.fallback_language)?,
        };
        let body = outbound::envelope(payload, message);
        let path = format!("/{}/messages", self.phone_number_id);
        let answer = egress.call(self.graph.request(Method::POST, &path, Some(&body))?).await?;
        outbound::accepted(&answer, &message.destination.address)
    }

    async fn fetch(&self, media: &str, egress: &dyn Egress) -> Result<Arriving, ChannelError> {
        let (id, name) = inbound::held(media)?;
        let mut answer = self.download_held(id, egress).await?;
        // The address is good for five minutes only; a fresh one may do better.
        if answer.1.status() == StatusCode::NOT_FOUND {
            answer = self.download_held(id, egress).await?;
        }
        let (media_type, file) = answer;
        let found = Arriving::of(file, |answer| error::nothing_sent(error::refused(answer))).await?;
        Ok(Arriving {
            media_type: media_type.or(found.media_type),
            name: name.or(found.name),
            bytes: found.bytes,
        })
    }

    fn activity(&self) -> Option<&dyn Activities> {
        Some(self)
    }

    fn templates(&self) -> Option<&dyn ApprovedTemplates> {
        self.account.as_ref().map(|account| account as &dyn ApprovedTemplates)
    }

    fn business(&self) -> Option<&dyn BusinessProfile> {
        Some(self)
    }
}

impl WhatsApp {
    /// Where Meta finds the file of a piece: at its address, or at Meta itself once it was put there.
    async fn place(
        &self,
        content: &Content,
        message: &OutboundMessage,
        egress: &dyn Egress,
    ) -> Result<Option<FileRef>, ChannelError> {
        let Some(file) = outbound::file_of(content) else { return Ok(None) };
        if !file.must_be_uploaded(&message.hook_url) {
            return Ok(Some(FileRef::Link(file.url.to_owned())));
        }
        let answer = egress.download(outbound::ask_for_file(file.url)?).await?;
        let upload = Upload::of(&file, &answer)?;
        let request = outbound::upload_request(&self.graph, &self.phone_number_id, &upload)?;
        let id = outbound::uploaded(&egress.call(request).await?)?;
        Ok(Some(FileRef::Id(id)))
    }

    /// Asks where a held file is and gets it; the type that Meta says it has comes along.
    async fn download_held(
        &self,
        id: &str,
        egress: &dyn Egress,
    ) -> Result<(Option<String>, Streamed), ChannelError> {
        let path = format!("/{id}?phone_number_id={}", self.phone_number_id);
        let answer = egress.call(self.graph.request(Method::GET, &path, None)?).await?;
        let (url, media_type) = outbound::held_file(&answer)?;
        let file = egress.stream(outbound::ask_for_held(&self.graph, &url)?).await?;
        Ok((media_type, file))
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
    fn every_problem_is_named() {
        assert_eq!(
            problems(
                json!({"phoneNumberId": "1/../2", "phoneNumber": "555", "accountId": "WABA", "colour": 1})
            ),
            [
                "phoneNumberId: must be Meta's id of it, which holds digits alone",
                "accessToken: is required",
                "appSecret: is required",
                "phoneNumber: must be a number such as +15145550100",
                "accountId: must be Meta's id of it, which holds digits alone",
                "colour: is not a setting of this channel",
            ]
        );
    }

    #[test]
    fn spellings_are_compared_and_never_made_up() {
        for (number, other) in [
            ("+5551981234567", Some("+555181234567")),
            ("+555181234567", Some("+5551981234567")),
            ("+555133334444", None),
            ("+5215512345678", Some("+525512345678")),
            ("+525512345678", Some("+5215512345678")),
            ("+5491123456789", Some("+541123456789")),
            ("+541123456789", None),
            ("+15145550199", None),
            ("+5551", None),
        ] {
            assert_eq!(variants(number), Vec::from_iter(other), "{number}");
        }
    }

    #[test]
    fn a_picture_may_have_five_megabytes() {
        let picture: Content =
            serde_json::from_value(json!({"type": "image", "mediaUrl": "http://example.com/a.png"}))
                .expect("content");
        let file = outbound::file_of(&picture).expect("a file");
        let of_size = |size| Upload::of(&file, &http::Response::new(vec![b'x'; size].into()));
        assert!(of_size(5 << 20).is_ok());
        let refused = of_size((5 << 20) + 1).expect_err("refused");
        assert_eq!(refused.code, crate::channel::Code::PayloadTooLarge);
    }

    #[test]
    fn a_person_may_have_no_number() {
        for (given, scoped) in [
            ("CA.13491208655302741918", true),
            ("ca.1", false),
            ("CA.", false),
            ("CA.ENT.1", false),
            ("CAN.1", false),
            ("+15145550199", false),
        ] {
            assert_eq!(is_scoped_id(given), scoped, "{given}");
        }
        assert_eq!(address_of("15145550199").as_deref(), Some("+15145550199"));
        assert_eq!(address_of("shop"), None);
    }
}
