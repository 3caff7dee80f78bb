//! The configuration of a story: the sample app with times in milliseconds, changed key by key.

use toml::{Table, Value};

pub(crate) const APP: &str = "5963c0d619a30a2e00de36b8";
pub(crate) const KEY: &str = "app_5963c0d619a30a2e00de36b9";
pub(crate) const SECRET: &str = "fake-app-secret";
pub(crate) const OTHER_APP: &str = "5963c0d619a30a2e00de36c8";
pub(crate) const OTHER_KEY: &str = "app_5963c0d619a30a2e00de36c9";
pub(crate) const OTHER_SECRET: &str = "fake-other-secret";
pub(crate) const ACCOUNT_KEY: &str = "act_000000000000000000000001";
pub(crate) const ACCOUNT_SECRET: &str = "fake-account-secret";
pub(crate) const TWILIO: &str = "5e1f438bf99fb467810c0ab9";
/// Where the Twilio integration's limits stand.
pub(crate) const LIMITS: &str = "apps.0.integrations.0.limits";
pub(crate) const WEBHOOK: &str = "5f1e438bf99fb467810c0ac0";
pub(crate) const WEBHOOK_SECRET: &str = "fake-webhook-secret";

const BASE: &str = r#"
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
drain = "5s"

[store]
shards = 4
lease = "1s"

[account]
keyId = "act_000000000000000000000001"
secret = "fake-account-secret"

[sim]
listen = "127.0.0.1:0"

[egress]
allow = ["127.0.0.0/8"]

[send]
retry = ["50ms", "100ms", "200ms", "500ms", "1s", "2s", "5s"]

[webhooks]
schedule = ["50ms", "100ms", "200ms", "500ms", "1s", "2s", "5s"]
timeout = "5s"

[[apps]]
id = "5963c0d619a30a2e00de36b8"
name = "Demo"
[[apps.keys]]
id = "app_5963c0d619a30a2e00de36b9"
secret = "fake-app-secret"
[[apps.integrations]]
id = "5e1f438bf99fb467810c0ab9"
type = "twilio"
accountSid = "AC00000000000000000000000000000001"
authToken = "fake-auth-token"
phoneNumber = "+15145550100"
limits = { perSecond = 1000, burst = 1000 }
[[apps.webhooks]]
id = "5f1e438bf99fb467810c0ac0"
target = "http://127.0.0.1:1/"
triggers = ["*"]
secret = "fake-webhook-secret"

[[apps]]
id = "5963c0d619a30a2e00de36c8"
name = "Other"
[[apps.keys]]
id = "app_5963c0d619a30a2e00de36c9"
secret = "fake-other-secret"
"#;

/// A second integration of the same type, which belongs to whichever app it is put into.
pub(crate) const OTHER_TWILIO: &str = "5e1f438bf99fb467810c0aca";

pub(crate) fn other_twilio() -> Table {
    let table = r#"
        type = "twilio"
        accountSid = "AC00000000000000000000000000000009"
        authToken = "fake-auth-token"
        phoneNumber = "+15145550109"
        limits = { perSecond = 1000, burst = 1000 }
    "#;
    let mut table: Table = table.parse().expect("TOML");
    table.insert("id".to_owned(), OTHER_TWILIO.into());
    table
}

/// A webhook of v2 for the list of an app's.
pub(crate) fn v2_webhook(target: &str, triggers: &[&str]) -> Table {
    let mut table: Table = r#"
        id = "5f1e438bf99fb467810c0ac2"
        secret = "fake-webhook-secret"
        version = "v2"
    "#
    .parse()
    .expect("TOML");
    table.insert("target".to_owned(), target.into());
    table.insert("triggers".to_owned(), triggers.to_vec().into());
    table
}

/// A configuration file in the making.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    table: Table,
}

impl Default for Config {
    fn default() -> Self {
        Self { table: BASE.parse().expect("the base configuration is TOML") }
    }
}

impl Config {
    /// Sets the value at a dotted path; a number in the path is a place in a list.
    pub(crate) fn set(mut self, path: &str, value: impl Into<Value>) -> Self {
        put(&mut self.table, path, value.into());
        self
    }

    /// Sets a list of strings.
    pub(crate) fn list(self, path: &str, values: &[&str]) -> Self {
        self.set(path, values.iter().map(|one| Value::from(*one)).collect::<Vec<_>>())
    }

    /// Adds a table to the list at a dotted path.
    pub(crate) fn push(mut self, path: &str, value: Table) -> Self {
        let (parents, last) = path.rsplit_once('.').expect("a list within a table");
        let mut list = Value::Array(Vec::new());
        if let Some(place) = find(&mut self.table, parents).get_mut(last) {
            list = place.clone();
        }
        list.as_array_mut().expect("a list").push(Value::Table(value));
        self.set(path, list)
    }

    /// Takes an entry out of a list at the top of the file.
    pub(crate) fn without(mut self, list: &str, place: usize) -> Self {
        self.table[list].as_array_mut().expect("a list").remove(place);
        self
    }

    /// The file's text.
    pub(crate) fn text(&self) -> String {
        toml::to_string(&self.table).expect("a table is TOML")
    }
}

fn put(table: &mut Table, path: &str, value: Value) {
    let (parents, last) = path.rsplit_once('.').unwrap_or(("", path));
    find(table, parents).insert(last.to_owned(), value);
}

/// The table at a dotted path, made where there is none.
fn find<'a>(table: &'a mut Table, path: &str) -> &'a mut Table {
    let mut place = table;
    let mut words = path.split('.').filter(|word| !word.is_empty()).peekable();
    while let Some(word) = words.next() {
        let next = place.entry(word).or_insert_with(|| Value::Table(Table::new()));
        let next = match words.peek().and_then(|word| word.parse::<usize>().ok()) {
            None => next,
            Some(index) => {
                words.next();
                next.get_mut(index).unwrap_or_else(|| panic!("{path}: no such place"))
            }
        };
        place = next.as_table_mut().unwrap_or_else(|| panic!("{path}: {word} is no table"));
    }
    place
}

#[test]
fn a_path_reaches_tables_and_lists() {
    let config = Config::default()
        .set("apps.0.integrations.0.onUnknown", "hold")
        .set("providers.twilio.baseUrl", "http://127.0.0.1:1/twilio")
        .list("egress.allow", &[]);
    let again: Table = config.text().parse().expect("TOML again");
    assert_eq!(again["apps"][0]["integrations"][0]["onUnknown"].as_str(), Some("hold"));
    assert_eq!(again["providers"]["twilio"]["baseUrl"].as_str(), Some("http://127.0.0.1:1/twilio"));
    assert_eq!(again["egress"]["allow"].as_array().map(Vec::len), Some(0));
}
