//! The live channel of each integration, built from its settings.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use heliograph_connectors::Registry;
use heliograph_connectors::channel::{Channel, Problem, Settings as ChannelSettings};
use serde_json::{Map, Value};
use url::Url;

use crate::model::{Id, Integration};

/// Builds and keeps channels.
#[derive(Debug)]
pub struct Channels {
    registry: Registry,
    providers: HashMap<String, Map<String, Value>>,
    public_url: Url,
    live: ArcSwap<HashMap<Id<Integration>, Arc<dyn Channel>>>,
}

impl Channels {
    /// No channels yet. `providers` holds the operator's `[providers.X]` tables.
    pub fn new(
        registry: Registry,
        providers: HashMap<String, Map<String, Value>>,
        public_url: Url,
    ) -> Channels {
        Channels { registry, providers, public_url, live: ArcSwap::default() }
    }

    /// Whether this gateway has channels of a type.
    pub fn knows(&self, kind: &str) -> bool {
        self.registry.get(kind).is_some()
    }

    /// Builds the channel of an integration without keeping it.
    pub fn build(&self, integration: &Integration) -> Result<Arc<dyn Channel>, Vec<Problem>> {
        let Integration { kind, settings, facts, .. } = integration;
        if facts.is_empty() {
            return self.build_from(kind, settings);
        }
        // What the provider told once (the number behind an id) need not be asked for before each send.
        let mut values = facts.clone();
        values.extend(settings.clone());
        self.build_from(kind, &self.known(kind, values))
    }

    fn build_from(&self, kind: &str, values: &Map<String, Value>) -> Result<Arc<dyn Channel>, Vec<Problem>> {
        let Some(build) = self.registry.get(kind) else {
            let message = format!("`{kind}` is not a channel of this gateway");
            return Err(vec![Problem { path: "type".into(), message }]);
        };
        let provider = self.providers.get(kind).cloned().unwrap_or_default();
        build(ChannelSettings::new(values, &provider))
    }

    /// What a channel of this type knows of these settings; right or wrong is not asked.
    pub fn known(&self, kind: &str, mut settings: Map<String, Value>) -> Map<String, Value> {
        let problems = self.build_from(kind, &settings).err().unwrap_or_default();
        for unknown in problems.iter().filter(|problem| problem.is_unknown()) {
            settings.remove(&unknown.path);
        }
        settings
    }

    /// Makes live what an integration is now, or takes its channel away when it is no more. Whoever comes last sees
    /// the newest: `current` is asked again when somebody else changed channels meanwhile.
    pub fn follow(&self, id: &Id<Integration>, current: impl Fn() -> Option<Integration>) {
        self.live.rcu(|live| {
            let mut live = HashMap::clone(live);
            match current().and_then(|integration| self.build(&integration).ok()) {
                Some(channel) => live.insert(id.clone(), channel),
                None => live.remove(id),
            };
            live
        });
    }

    /// Takes over this set of integrations. One that cannot be built is left out and returned.
    pub fn replace<'a>(
        &self,
        integrations: impl Iterator<Item = &'a Integration>,
    ) -> Vec<(Id<Integration>, Vec<Problem>)> {
        let mut live = HashMap::new();
        let mut broken = Vec::new();
        for integration in integrations {
            match self.build(integration) {
                Ok(channel) => {
                    live.insert(integration.id.clone(), channel);
                }
                Err(problems) => broken.push((integration.id.clone(), problems)),
            }
        }
        self.live.store(Arc::new(live));
        broken
    }

    /// Makes an integration's channel live, in place of one it had before.
    pub fn put(&self, integration: &Id<Integration>, channel: &Arc<dyn Channel>) {
        self.live.rcu(|live| {
            let mut live = HashMap::clone(live);
            live.insert(integration.clone(), channel.clone());
            live
        });
    }

    /// Takes an integration's channel away.
    pub fn remove(&self, integration: &Id<Integration>) {
        self.live.rcu(|live| {
            let mut live = HashMap::clone(live);
            live.remove(integration);
            live
        });
    }

    /// The channel of an integration.
    pub fn get(&self, integration: &Id<Integration>) -> Option<Arc<dyn Channel>> {
        self.live.load().get(integration).cloned()
    }

    /// The public address under which providers reach us, without a trailing slash.
    pub fn public_base(&self) -> &str {
        self.public_url.as_str().trim_end_matches('/')
    }

    /// Where an integration's hooks arrive.
    pub fn hook_url(&self, integration: &Integration) -> Url {
        let text = format!("{}/hooks/{}/{}", self.public_base(), integration.kind, integration.id);
        Url::parse(&text).expect("a public URL followed by plain words is a URL")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_integration_comes_and_goes_without_the_others() {
        let public = Url::parse("https://hub.example.org").expect("a URL");
        let provider = HashMap::from([("twilio".to_owned(), Map::new())]);
        let channels = Channels::new(Registry::builtin(), provider, public);
        let settings = json!({"accountSid": "AC1", "authToken": "fake-token", "phoneNumber": "+15145550100"});
        let settings = settings.as_object().expect("an object");
        let made = |id| Integration::new(Id::new(id), Id::new("a"), "twilio", settings.clone());
        let (one, other) = (made("1"), made("2"));
        assert!(channels.replace([&one].into_iter()).is_empty());
        channels.put(&other.id, &channels.build(&other).expect("a channel"));
        let live = || [&one, &other].map(|integration| channels.get(&integration.id).is_some());
        assert_eq!(live(), [true, true]);
        channels.remove(&one.id);
        assert_eq!(live(), [false, true]);
    }
}
