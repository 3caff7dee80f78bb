//! Facebook Messenger: the settings, the channel, and the only place here that awaits.
//!
//! `activity` and `menu` are faces that not every channel has. `inbound` reads hooks, `outbound` writes requests and reads answers with the `button`s in them, `error` knows what
//! Messenger's error codes mean; all are pure. What WhatsApp does the same way is in `crate::meta`.

mod activity;
mod button;
mod error;
mod inbound;
mod menu;
mod outbound;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::channel::{
    Accepted, Activities, Arriving, Body, Capabilities, Channel, ChannelError, Confirmations, Connected,
    Destination, Egress, Forged, InboundEvent, InvalidDestination, Malformed, Menus, OutboundMessage, Person,
    Problem, Rate, RawWebhook, Reply, Settings, Verified,
};
use crate::meta::Graph;

/// One page.
#[derive(Debug)]
struct Messenger {
    graph: Graph,
    app_id: String,
    /// Without it the page is the one the token is for.
    page_id: Option<String>,
}

/// Page-scoped ids have some 17 digits; nothing near this length is one.
const LONGEST_ID: usize = 32;

static CAPABILITIES: Capabilities = Capabilities {
    native: &["text", "image", "file", "carousel"],
    schema: Some("messenger"),
    // A page-scoped id cannot be guessed: whoever is reached here has written here before.
    confirmations: Confirmations { immediate: false, user_activity: false, prompt: false },
    shares_hooks: true,
    watermarks: true,
    answers: true,
    profiles: true,
    // Two thirds of what Meta allows a page, so that a throttle answer stays the exception.
    rate: Rate { per_second: 200.0, burst: 200, pause: Duration::from_secs(5) },
    shown: &["appId", "pageId", "name"],
    concurrency: 50,
    ..Capabilities::of("messenger", "Facebook Messenger", "userId")
};

/// Builds the channel from its settings.
pub fn build(mut settings: Settings<'_>) -> Result<Arc<dyn Channel>, Vec<Problem>> {
    let graph = Graph::read(&mut settings, "pageAccessToken");
    let app_id = settings.required("appId");
    check_id(&mut settings, "appId", &app_id);
    let page_id = settings.optional("pageId");
    check_id(&mut settings, "pageId", page_id.as_deref().unwrap_or_default());
    settings.finish()?;
    Ok(Arc::new(Messenger { graph, app_id, page_id }))
}

/// Ids become part of a URL, so nothing but digits may be in them.
fn check_id(settings: &mut Settings<'_>, name: &str, id: &str) {
    if !id.is_empty() && !is_id(id) {
        settings.problem(name, "must hold digits only");
    }
}

/// Whether this can be the id of a person, page or app.
fn is_id(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

#[async_trait]
impl Channel for Messenger {
    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn destination(&self, given: &str) -> Result<Destination, InvalidDestination> {
        let id = given.trim();
        if !is_id(id) {
            return Err(InvalidDestination("expected a page-scoped id of digits only".into()));
        }
        Ok(Destination::new(id))
    }

    async fn connect(&self, egress: &dyn Egress) -> Result<Connected, ChannelError> {
        let answer = egress.call(outbound::ask_for_page(self)?).await?;
        outbound::page_facts(self, &answer)
    }

    fn handshake(&self, raw: &RawWebhook) -> Option<Reply> {
        self.graph.handshake(raw)
    }

    fn may_concern(&self, raw: &RawWebhook) -> bool {
        self.page_id.as_deref().is_none_or(|page_id| raw.mentions(page_id))
    }

    fn verify(&self, raw: RawWebhook) -> Result<Verified, Forged> {
        self.graph.verify(raw)
    }

    fn parse(&self, hook: &Verified) -> Result<Vec<InboundEvent>, Malformed> {
        inbound::parse(self, hook)
    }

    fn parts(&self, body: &Body) -> Result<Vec<Body>, ChannelError> {
        outbound::parts(body)
    }

    async fn send(&self, message: &OutboundMessage, egress: &dyn Egress) -> Result<Accepted, ChannelError> {
        let answer = egress.call(outbound::send_message(self, message)?).await?;
        outbound::accepted(&answer)
    }

    async fn fetch(&self, media: &str, egress: &dyn Egress) -> Result<Arriving, ChannelError> {
        Arriving::of(egress.stream(outbound::ask_for_file(media)?).await?, outbound::no_file).await
    }

    async fn profile(&self, address: &str, egress: &dyn Egress) -> Result<Option<Person>, ChannelError> {
        let Ok(destination) = self.destination(address) else { return Ok(None) };
        let answer = egress.call(outbound::ask_for_profile(self, &destination)?).await?;
        outbound::profile(&destination, &answer)
    }

    fn activity(&self) -> Option<&dyn Activities> {
        Some(self)
    }

    fn menus(&self) -> Option<&dyn Menus> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, Method};
    use serde_json::{Map, Value, json};

    use super::*;

    fn made(values: Value) -> Result<Arc<dyn Channel>, Vec<String>> {
        let values = values.as_object().expect("an object");
        let told = |problem: Problem| format!("{}: {}", problem.path, problem.message);
        build(Settings::new(values, &Map::new())).map_err(|problems| problems.into_iter().map(told).collect())
    }

    fn settings() -> Value {
        json!({"pageAccessToken": "fake-token", "appId": "15", "appSecret": "fake-secret"})
    }

    #[test]
    fn every_problem_is_named() {
        assert!(made(settings()).is_ok());
        assert_eq!(
            made(json!({"pageId": "me/../1", "colour": "red"})).err().unwrap_or_default(),
            [
                "pageAccessToken: is required",
                "appSecret: is required",
                "appId: is required",
                "pageId: must hold digits only",
                "colour: is not a setting of this channel",
            ]
        );
    }

    #[test]
    fn a_destination_is_a_bounded_number() {
        let channel = made(settings()).expect("a channel");
        let address = |given: &str| channel.destination(given).map(|found| found.address);
        assert_eq!(address(" 5275811702471834 "), Ok("5275811702471834".into()));
        for wrong in ["", "+15145550199", "5275a", "5275/messages", "１２", &"1".repeat(33)] {
            assert!(address(wrong).is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn a_hook_concerns_the_page_it_mentions() {
        let mut values = settings();
        let hook = |body: &'static str| {
            RawWebhook::new(
                Method::POST,
                "/".into(),
                HeaderMap::new(),
                0,
                Bytes::from_static(body.as_bytes()),
            )
        };
        let any = made(values.clone()).expect("a channel");
        assert!(any.may_concern(&hook("{}")));
        values["pageId"] = json!("180005062406476");
        let one = made(values).expect("a channel");
        assert!(one.may_concern(&hook(r#"{"entry":[{"id":"180005062406476"}]}"#)));
        assert!(!one.may_concern(&hook(r#"{"entry":[{"id":"180005062406999"}]}"#)));
    }
}
