//! Words of the providers' protocols: what stands under these names, and these words themselves, tell of no person.

/// Names (lower case, without a number at the end) whose values are words of the protocol.
pub(super) const PROTOCOL: &[&str] = &[
    "action",
    "aspect",
    "attempt-no",
    "auto-submitted",
    "billable",
    "category",
    "code",
    "content-type",
    "currency",
    "datacoding",
    "delivery_status",
    "direction",
    "error_code",
    "error_subcode",
    "errorcode",
    "event",
    "field",
    "fromcountry",
    "gateway",
    "hub.mode",
    "log-level",
    "mccmnc",
    "media_type",
    "mediacontenttype",
    "mediatype",
    "messagelength",
    "messagepartcount",
    "messagestatus",
    "messaging_product",
    "messaging_type",
    "mime-version",
    "mime_type",
    "mimetype",
    "notification_messages_status",
    "num_media",
    "num_segments",
    "nummedia",
    "numsegments",
    "object",
    "occasion",
    "optouttype",
    "origin",
    "ported",
    "precedence",
    "pricing_model",
    "product",
    "reason",
    "recipient_type",
    "role",
    "schema",
    "severity",
    "size",
    "smsstatus",
    "source",
    "state",
    "status",
    "statuserrorcode",
    "statusreason",
    "tocountry",
    "type",
    "validity",
    "version",
    "x-mailgun-sflag",
];

/// Names whose values are moments.
pub(super) const TIMES: &[&str] = &[
    "acceptedat",
    "apiversion",
    "api_version",
    "at",
    "createddatetime",
    "date",
    "date_created",
    "date_sent",
    "date_updated",
    "date_utc",
    "expiration_timestamp",
    "rawdlrdonedate",
    "receive_datetime",
    "statusdatetime",
    "time",
    "timestamp",
    "watermark",
];

/// Names whose values are hosts.
pub(super) const DOMAINS: &[&str] = &["domain", "recipient-domain", "sender-domain"];

/// Where everybody is said to be.
pub(super) const COORDINATES: &[(&str, &str)] =
    &[("lat", "45.5"), ("latitude", "45.5"), ("long", "-73.5"), ("longitude", "-73.5")];

/// Whole messages that providers act upon: without them a recording would say something else.
pub(super) const COMMANDS: &[&str] = &[
    "STOP",
    "STOPALL",
    "UNSUBSCRIBE",
    "CANCEL",
    "END",
    "QUIT",
    "REVOKE",
    "OPTOUT",
    "START",
    "YES",
    "UNSTOP",
    "HELP",
    "INFO",
    "ARRET",
];

/// Pages that a provider shows to everybody.
pub(super) const PAGES: &[&str] = &["Mailgun Magnificent API"];

/// What begins the payload of a postback where a channel's buttons carry more than one kind.
pub(super) const POSTBACK: &str = "pb:";

/// Runs inside ids that say what an id is, and the key of our reference.
pub(super) const KEPT_RUNS: &[&str] = &["hg", "wamid", "mid", "heliograph"];

/// Endings of file names.
pub(super) const ENDINGS: &[&str] = &[
    "json", "mime", "jpg", "jpeg", "png", "gif", "webp", "pdf", "txt", "vcf", "csv", "doc", "docx", "xls",
    "xlsx", "mp3", "mp4", "ogg", "amr", "aac", "3gp", "zip",
];

/// Words in the paths of the providers' APIs and of our hooks.
pub(super) const PATH_WORDS: &[&str] = &[
    "hooks",
    "2010-04-01",
    "Accounts",
    "Messages",
    "Media",
    "IncomingPhoneNumbers",
    "messages",
    "media",
    "domains",
    "v3",
    "twilio",
    "messagebird",
    "whatsapp",
    "messenger",
    "mailgun",
    "files",
];

/// Hosts that tell of the provider alone.
pub(super) const PROVIDER_HOSTS: &[&str] = &[
    "api.twilio.com",
    "www.twilio.com",
    "rest.messagebird.com",
    "graph.facebook.com",
    "lookaside.fbsbx.com",
    "api.mailgun.net",
    "api.eu.mailgun.net",
];
