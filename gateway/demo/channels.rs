//! What the demo shows, as data: a row per channel, and what else may happen to a notification.

/// A stage as it is expected: what is seen, and for an event whether it is the final one.
pub(super) type Stage = (&'static str, Option<bool>);

/// One channel: how it is configured, who is reached through it, and how far it reports.
#[derive(Debug)]
pub(super) struct Row {
    /// The channel's type.
    pub(super) kind: &'static str,
    /// The integration's id.
    pub(super) integration: &'static str,
    /// Its settings, as they stand in a configuration.
    pub(super) settings: &'static str,
    /// The person's address.
    pub(super) person: &'static str,
    /// What is expected of a notification to them, in the order in which it is shown.
    pub(super) expected: &'static [Stage],
    /// What they reply.
    pub(super) reply: &'static str,
}

/// A notification to which something happens.
#[derive(Debug)]
pub(super) struct Mishap {
    /// What is shown beside the channel's type.
    pub(super) name: &'static str,
    /// The channel's type.
    pub(super) kind: &'static str,
    /// The integration's id.
    pub(super) integration: &'static str,
    /// The person's address, which nobody else here has.
    pub(super) person: &'static str,
    /// What the notification says.
    pub(super) text: &'static str,
    /// The simulator's rule (`../sim/README.md`) for sends to this person.
    pub(super) rule: &'static str,
    /// What is expected of the notification.
    pub(super) expected: &'static [Stage],
}

/// The provider tells when the message has reached the person.
const REPORTED: &[Stage] = &[
    ("accepted", None),
    ("sent", None),
    ("notification:delivery:channel", Some(false)),
    ("notification:delivery:user", Some(true)),
];

/// The provider's acceptance is the last that is heard, because `userReceipts` is not set.
const TAKEN: &[Stage] = &[("accepted", None), ("sent", None), ("notification:delivery:channel", Some(true))];

const TWILIO: &str = "5e1f438bf99fb467810c0a01";

/// The channels, in the order in which they are shown.
pub(super) const ROWS: &[Row] = &[
    Row {
        kind: "twilio",
        integration: TWILIO,
        // One message a second is Twilio's pace; the demo does not want to wait for it.
        settings: r#"
accountSid = "AC00000000000000000000000000000001"
authToken = "fake-auth-token"
phoneNumber = "+15145550100"
limits = { perSecond = 20 }
"#,
        person: "+15145550142",
        expected: REPORTED,
        reply: "Thank you!",
    },
    Row {
        kind: "messagebird",
        integration: "5e1f438bf99fb467810c0a02",
        settings: r#"
accessKey = "fake-access-key"
signingKey = "fake-signing-key"
originator = "+15145550101"
"#,
        person: "+15145550143",
        expected: REPORTED,
        reply: "Can it come tomorrow?",
    },
    Row {
        kind: "whatsapp",
        integration: "5e1f438bf99fb467810c0a03",
        settings: r#"
phoneNumberId = "106540352242922"
phoneNumber = "+15145550102"
accessToken = "fake-access-token"
appSecret = "fake-app-secret"
verifyToken = "fake-verify-token"
"#,
        person: "+15145550144",
        expected: REPORTED,
        reply: "Please ring twice.",
    },
    Row {
        kind: "messenger",
        integration: "5e1f438bf99fb467810c0a04",
        settings: r#"
pageId = "111222333444555"
pageAccessToken = "fake-page-access-token"
appId = "123456789012345"
appSecret = "fake-page-app-secret"
verifyToken = "fake-page-verify-token"
"#,
        person: "5275811702471834",
        expected: TAKEN,
        reply: "Leave it with the neighbours.",
    },
    Row {
        kind: "mailgun",
        integration: "5e1f438bf99fb467810c0a05",
        settings: r#"
apiKey = "fake-api-key"
signingKey = "fake-mail-signing-key"
domain = "mg.example.com"
incomingAddress = "parcels@mg.example.com"
"#,
        person: "person@example.org",
        expected: TAKEN,
        reply: "I shall be at home.",
    },
];

/// What the notification says that each of them gets.
pub(super) const NOTIFICATION: &str = "Your parcel arrives today.";

/// What is expected of a reply.
pub(super) const REPLIED: &[Stage] = &[("message:appUser", None), ("recentNotifications", None)];

/// The provider refuses one, and one has to wait, which is no failure.
pub(super) const MISHAPS: &[Mishap] = &[
    Mishap {
        name: "refused",
        kind: "twilio",
        integration: TWILIO,
        person: "+15145550151",
        text: "Nobody has this number.",
        rule: r#"{"behaviour": "refuse"}"#,
        expected: &[
            ("accepted", None),
            ("notification:delivery:failure", Some(true)),
            ("error.underlyingError", None),
        ],
    },
    Mishap {
        name: "throttled",
        kind: "twilio",
        integration: TWILIO,
        person: "+15145550152",
        text: "This one has to wait a little.",
        rule: r#"{"behaviour": "throttle", "retryAfter": 0.8, "times": 1}"#,
        expected: &[
            ("accepted", None),
            ("throttled", None),
            ("sent", None),
            ("notification:delivery:channel", Some(false)),
            ("notification:delivery:user", Some(true)),
        ],
    },
];

/// What is configured beside the integrations. The key of `secrets` only keeps the gateway from warning.
pub(super) const BASE: &str = r#"
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
drain = "2s"

[sim]
listen = "127.0.0.1:0"

[egress]
allow = ["127.0.0.0/8"]

[secrets]
key = "ZmFrZS1mYWtlLWZha2UtZmFrZS1mYWtlLWZha2UtZmE="

[account]
keyId = "act_000000000000000000000001"
secret = "fake-account-secret"

[[apps]]
id = "5963c0d619a30a2e00de36b8"
name = "Demo"
[[apps.keys]]
id = "app_5963c0d619a30a2e00de36b9"
secret = "fake-app-secret"
"#;

/// The app and its key, as [`BASE`] has them.
pub(super) const APP: &str = "5963c0d619a30a2e00de36b8";
pub(super) const KEY: (&str, &str) = ("app_5963c0d619a30a2e00de36b9", "fake-app-secret");
