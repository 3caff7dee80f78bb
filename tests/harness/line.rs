//! One integration per channel, a person on it, and what a story needs to know about the channel.

use serde_json::{Value, json};
use toml::Table;

use super::config::Config;

/// An integration and the person at its other end.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) kind: &'static str,
    pub(crate) integration: &'static str,
    /// The person's address.
    pub(crate) person: &'static str,
    /// The key under which the API takes the address when it links.
    pub(crate) address_key: &'static str,
    /// Whether the channel says when a message arrived.
    pub(crate) reports: bool,
    /// Whether files go out as files; if not, as their address.
    pub(crate) carries_files: bool,
    /// Whether people can send files.
    pub(crate) brings_files: bool,
    /// Where the provider's code stands in `underlyingError`, and which one the simulator refuses with; empty
    /// where providers give none and the place only has to hold something.
    pub(crate) refusal: (&'static str, &'static str),
    pub(crate) confirmations: &'static [&'static str],
    settings: &'static str,
}

/// All channels, in alphabetical order.
pub(crate) const LINES: [Line; 5] = [
    Line {
        kind: "mailgun",
        integration: "5e1f438bf99fb467810c0ac1",
        person: "person@example.org",
        address_key: "address",
        reports: false,
        carries_files: true,
        brings_files: true,
        refusal: ("/message", r#""to parameter is not a valid address. please check documentation""#),
        confirmations: &["immediate"],
        settings: r#"
            apiKey = "fake-api-key"
            domain = "mg.example.com"
            incomingAddress = "support@mg.example.com"
            signingKey = "fake-signing-key"
        "#,
    },
    Line {
        kind: "messagebird",
        integration: "5e1f438bf99fb467810c0ac2",
        person: "+15145550162",
        address_key: "phoneNumber",
        reports: true,
        carries_files: false,
        brings_files: true,
        refusal: ("/errors/0/code", "9"),
        confirmations: &["immediate", "userActivity", "prompt"],
        settings: r#"
            accessKey = "fake-access-key"
            originator = "+15145550102"
            signingKey = "fake-signing-key"
        "#,
    },
    Line {
        kind: "messenger",
        integration: "5e1f438bf99fb467810c0ac3",
        person: "5275811702471834",
        address_key: "phoneNumber",
        reports: false,
        carries_files: true,
        brings_files: true,
        refusal: ("/code", "100"),
        confirmations: &[],
        settings: r#"
            pageAccessToken = "fake-page-token"
            appId = "1000000000000001"
            appSecret = "fake-app-secret"
            pageId = "180005062406476"
        "#,
    },
    Line {
        kind: "twilio",
        integration: "5e1f438bf99fb467810c0ac4",
        person: "+15145550164",
        address_key: "phoneNumber",
        reports: true,
        carries_files: true,
        brings_files: true,
        refusal: ("/code", "21211"),
        confirmations: &["immediate", "userActivity", "prompt"],
        settings: r#"
            accountSid = "AC00000000000000000000000000000004"
            authToken = "fake-auth-token"
            phoneNumber = "+15145550104"
        "#,
    },
    Line {
        kind: "whatsapp",
        integration: "5e1f438bf99fb467810c0ac5",
        person: "+15145550165",
        address_key: "phoneNumber",
        reports: true,
        carries_files: true,
        brings_files: true,
        refusal: ("/errors/0/code", "131026"),
        confirmations: &["immediate", "userActivity"],
        settings: r#"
            phoneNumberId = "106540352242922"
            accessToken = "fake-access-token"
            appSecret = "fake-app-secret"
            phoneNumber = "+15145550105"
        "#,
    },
];

/// The line of a channel.
pub(crate) fn called(kind: &str) -> &'static Line {
    LINES.iter().find(|line| line.kind == kind).unwrap_or_else(|| panic!("no line for {kind}"))
}

impl Line {
    /// Adds the integration to the demo app.
    pub(crate) fn join(&self, config: Config) -> Config {
        self.join_as(self.integration, None, config)
    }

    /// Adds one more integration of this channel under an id, with a sender of its own when it has a number.
    pub(crate) fn join_as(&self, id: &str, sender: Option<usize>, config: Config) -> Config {
        let mut integration: Table = self.settings.parse().expect("settings are TOML");
        if let Some(number) = sender {
            for (name, value) in self.sender(number) {
                integration.insert(name.into(), value.into());
            }
        }
        integration.insert("id".into(), id.into());
        integration.insert("type".into(), self.kind.into());
        integration
            .insert("limits".into(), "perSecond = 1000\nburst = 1000".parse::<Table>().expect("TOML").into());
        config.push("apps.0.integrations", integration)
    }

    /// The settings, as the API takes them.
    pub(crate) fn settings(&self) -> Value {
        let settings: Table = self.settings.parse().expect("settings are TOML");
        serde_json::to_value(settings).expect("settings are JSON")
    }

    /// The settings in which one sender of this channel differs from another.
    fn sender(&self, number: usize) -> Vec<(&'static str, String)> {
        // Reserved numbers (555-01xx), a hundred to an area.
        let phone = format!("+1{}55501{:02}", 201 + number / 100, number % 100);
        match self.kind {
            "mailgun" => vec![("incomingAddress", format!("support{number}@mg.example.com"))],
            "messagebird" => vec![("originator", phone)],
            "messenger" => vec![
                ("pageId", format!("1800050624{number:05}")),
                ("pageAccessToken", format!("fake-page-token-{number}")),
            ],
            "twilio" => vec![("phoneNumber", phone)],
            "whatsapp" => {
                vec![("phoneNumberId", format!("1065403522{number:05}")), ("phoneNumber", phone)]
            }
            other => panic!("no senders of {other}"),
        }
    }

    /// The code with which the simulator refuses.
    pub(crate) fn refusal(&self) -> Value {
        serde_json::from_str(self.refusal.1).unwrap_or_else(|_| json!(self.refusal.1))
    }
}
