//! The gateway with one channel broken: `BREAK=whatsapp:send`, or `:parse`. What is missing then must be noticed.

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use heliograph_connectors::Registry;
use heliograph_connectors::channel::{
    Accepted, Arriving, Attempt, Body, Capabilities, Channel, ChannelError, Code, Connected, Destination, Egress,
    Forged, InboundEvent, InvalidDestination, Malformed, OutboundMessage, Person, Problem, RawWebhook,
    Reply, Settings, Verdict, Verified,
};

fn main() -> ExitCode {
    let registry = Registry::builtin();
    let (kind, _) = broken();
    let kind = registry.kinds().find(|known| *known == kind).expect("BREAK names a channel");
    heliograph::cli(registry.with(kind, build))
}

/// The channel and what of it is broken.
fn broken() -> (String, Broken) {
    let asked = std::env::var("BREAK").expect("BREAK says what is broken");
    match asked.split_once(':') {
        Some((kind, "send")) => (kind.to_owned(), Broken::Send),
        Some((kind, "parse")) => (kind.to_owned(), Broken::Parse),
        _ => panic!("BREAK is a channel and `:send` or `:parse`, not {asked}"),
    }
}

fn build(settings: Settings<'_>) -> Result<Arc<dyn Channel>, Vec<Problem>> {
    let (kind, broken) = broken();
    let whole = Registry::builtin().get(&kind).expect("main has looked");
    Ok(Arc::new(Wrapped { whole: whole(settings)?, broken }))
}

#[derive(Debug, PartialEq)]
enum Broken {
    /// Every send is refused, and the provider not asked.
    Send,
    /// Hooks are proven and mean nothing.
    Parse,
}

/// A channel with one thing broken.
#[derive(Debug)]
struct Wrapped {
    whole: Arc<dyn Channel>,
    broken: Broken,
}

#[async_trait]
impl Channel for Wrapped {
    fn capabilities(&self) -> &Capabilities {
        self.whole.capabilities()
    }

    fn destination(&self, given: &str) -> Result<Destination, InvalidDestination> {
        self.whole.destination(given)
    }

    async fn connect(&self, egress: &dyn Egress) -> Result<Connected, ChannelError> {
        self.whole.connect(egress).await
    }

    fn handshake(&self, raw: &RawWebhook) -> Option<Reply> {
        self.whole.handshake(raw)
    }

    fn may_concern(&self, raw: &RawWebhook) -> bool {
        self.whole.may_concern(raw)
    }

    fn verify(&self, raw: RawWebhook) -> Result<Verified, Forged> {
        self.whole.verify(raw)
    }

    fn parse(&self, hook: &Verified) -> Result<Vec<InboundEvent>, Malformed> {
        if self.broken == Broken::Parse {
            return Ok(Vec::new());
        }
        self.whole.parse(hook)
    }

    fn acknowledge(&self) -> Reply {
        self.whole.acknowledge()
    }

    fn parts(&self, body: &Body) -> Result<Vec<Body>, ChannelError> {
        self.whole.parts(body)
    }

    async fn send(&self, message: &OutboundMessage, egress: &dyn Egress) -> Result<Accepted, ChannelError> {
        if self.broken == Broken::Send {
            return Err(ChannelError::permanent(Code::ChannelError, "this channel is broken"));
        }
        self.whole.send(message, egress).await
    }

    async fn fetch(&self, media: &str, egress: &dyn Egress) -> Result<Arriving, ChannelError> {
        self.whole.fetch(media, egress).await
    }

    async fn profile(&self, address: &str, egress: &dyn Egress) -> Result<Option<Person>, ChannelError> {
        self.whole.profile(address, egress).await
    }

    async fn reconcile(&self, attempt: &Attempt, egress: &dyn Egress) -> Result<Verdict, ChannelError> {
        self.whole.reconcile(attempt, egress).await
    }
}
