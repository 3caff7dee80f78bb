//! Settings over a store: what the API makes is kept, loaded again, limited and sealed, on every engine.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use heliograph::model::{
    App, Clock, Custom, Id, Integration, Key, KeyScope, Limits, SystemClock, Tenant, Timestamp, Webhook,
    WebhookVersion,
};
use heliograph::settings::{
    ACCOUNT, Declared, KEYS_MAX, KeyOwner, Sealer, Settings, SettingsError, WebhookChange,
};
use heliograph::store::{Batch, Expect, Key as StoreKey, Store, StoreError, suite};
use heliograph_connectors::channel::Secret;
use serde_json::json;

pub(crate) const CASES: &[(&str, suite::Case)] = &[
    ("settings_made_are_there_again", |s| Box::pin(settings_made_are_there_again(s))),
    ("settings_declared_refuse_change", |s| Box::pin(settings_declared_refuse_change(s))),
    ("settings_of_the_file_win", |s| Box::pin(settings_of_the_file_win(s))),
    ("settings_have_ten_keys_per_owner", |s| Box::pin(settings_have_ten_keys_per_owner(s))),
    ("settings_made_at_once_keep_their_order", |s| Box::pin(settings_made_at_once_keep_their_order(s))),
    ("settings_deleted_open_nothing", |s| Box::pin(settings_deleted_open_nothing(s))),
    ("settings_change_one_app_at_a_time", |s| Box::pin(settings_change_one_app_at_a_time(s))),
    ("settings_show_what_a_lost_caller_changed", |s| Box::pin(settings_show_what_a_lost_caller_changed(s))),
    ("settings_are_sealed_with_a_key", |s| Box::pin(settings_are_sealed_with_a_key(s))),
    ("settings_of_before_the_key_are_read", |s| Box::pin(settings_of_before_the_key_are_read(s))),
];

const APP: &str = "5963c0d619a30a2e00de36b8";
const TWILIO: &str = "5e1f438bf99fb467810c0ab9";

fn app() -> Id<App> {
    Id::new(APP)
}

fn sealer(byte: Option<u8>) -> Arc<Sealer> {
    let key = byte.map(|byte| Secret::new(STANDARD.encode([byte; 32])));
    Arc::new(Sealer::new(key.as_ref()).expect("a key of 32 bytes, or none"))
}

/// The demo app of the file, with a key and an integration.
fn declared() -> Declared {
    let app = App { declared: true, ..App::new(app(), "Demo") };
    let integration = Integration { declared: true, ..integration(TWILIO) };
    let scope = KeyScope::App(app.id.clone());
    let key = Key::declared("app_declared", Secret::new("fake-declared"), scope);
    Declared {
        tenants: vec![Tenant { integrations: vec![integration], ..Tenant::new(app) }],
        keys: vec![key],
    }
}

fn integration(id: &str) -> Integration {
    let settings = json!({"accountSid": "AC1", "authToken": "fake-token", "phoneNumber": "+15145550100"});
    Integration::new(Id::new(id), app(), "twilio", settings.as_object().cloned().unwrap_or_default())
}

async fn try_open(store: &Arc<dyn Store>, key: Option<u8>, file: Declared) -> Result<Settings, StoreError> {
    Settings::open(store.clone(), Arc::new(SystemClock), sealer(key), file).await
}

async fn open(store: &Arc<dyn Store>) -> Settings {
    try_open(store, None, declared()).await.expect("the settings open")
}

fn nothing<T>(_: &mut Batch, _: &T) {}

async fn make_app(settings: &Settings, id: &str, name: &str) -> App {
    settings.create_app(App::new(Id::new(id), name), &nothing).await.expect("an app")
}

async fn make_key(settings: &Settings, owner: &KeyOwner) -> Key {
    settings.create_key(owner, "a key".into(), &nothing).await.expect("a key")
}

fn posting() -> WebhookChange {
    WebhookChange { target: Some("http://example.com/".into()), ..WebhookChange::default() }
}

async fn make_webhook(settings: &Settings) -> Webhook {
    settings.create_webhook(&app(), WebhookVersion::V1, posting(), &nothing).await.expect("a webhook")
}

/// A custom integration of an app, and a key of it.
async fn make_custom(settings: &Settings, app: &Id<App>) -> (Custom, Key) {
    let (custom, _) = settings.create_custom(app, None, posting(), &nothing).await.expect("a custom one");
    let owner = KeyOwner::Integration { app: app.clone(), integration: custom.id.clone() };
    let key = make_key(settings, &owner).await;
    (custom, key)
}

fn refused(result: Result<impl std::fmt::Debug, SettingsError>) -> String {
    match result.expect_err("it is refused") {
        SettingsError::Declared { what, id } => format!("declared {what} {id}"),
        SettingsError::NotFound => "not found".into(),
        other => other.to_string(),
    }
}

async fn settings_made_are_there_again(store: Arc<dyn Store>) {
    let settings = open(&store).await;
    let made = make_app(&settings, "aa", "Made").await;
    let note = |app: &mut App| drop(app.metadata.insert("plan".into(), json!("gold")));
    let made = settings.update_app(&made.id, note).await.expect("a change");
    let key = make_key(&settings, &KeyOwner::App(made.id.clone())).await;
    let robot = settings.create_service_account("Robot".into(), &nothing).await.expect("a service account");
    let robot =
        settings.update_service_account(&robot.id, |one| one.name = "R2".into()).await.expect("a change");
    let robots_key = make_key(&settings, &KeyOwner::ServiceAccount(robot.id.clone())).await;
    let (custom, customs_key) = make_custom(&settings, &made.id).await;
    let channel = settings.create_integration(integration("bb"), &nothing).await.expect("an integration");
    let limits = Limits { per_second: Some(3.0), ..Limits::default() };
    settings.limit(&channel.id, limits).await.expect("limits");
    let rename = |one: &mut Integration| one.display_name = Some("Line two".into());
    let channel = settings.update_integration(&app(), &channel.id, rename, &|_| ()).await.expect("a change");
    assert_eq!((channel.limits, channel.display_name.as_deref()), (limits, Some("Line two")));
    assert!(key.id.starts_with("app_") && robots_key.id.starts_with("svc_"));
    for settings in [settings, open(&store).await] {
        assert_eq!(settings.tenant(&made.id).map(|tenant| tenant.app.clone()), Some(made.clone()));
        assert_eq!(settings.key(&key.id), Some(key.clone()));
        assert_eq!(settings.key(&robots_key.id), Some(robots_key.clone()));
        assert_eq!(settings.key(&customs_key.id), Some(customs_key.clone()));
        let customs = settings.tenant(&made.id).map(|tenant| tenant.all_customs());
        assert_eq!(customs, Some(vec![custom.clone()]));
        assert_eq!(settings.service_accounts(), std::slice::from_ref(&robot));
        let owner = settings.owner(&channel.id).expect("the declared app has it");
        assert_eq!((&owner.app.id, owner.integration(&channel.id)), (&app(), Some(&channel)));
        assert_eq!(owner.integrations.len(), 2, "the file's and the store's");
    }
}

/// A clock that stands still.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000)
    }
}

async fn settings_made_at_once_keep_their_order(store: Arc<dyn Store>) {
    let settings = Settings::open(store, Arc::new(Still), sealer(None), declared()).await.expect("they open");
    let owner = KeyOwner::App(app());
    let mut made = settings.keys_of(&owner);
    let mut robots = Vec::new();
    for number in 1..KEYS_MAX {
        made.push(make_key(&settings, &owner).await);
        let robot = settings.create_service_account(format!("Robot {number}"), &nothing).await;
        robots.push(robot.expect("a service account"));
    }
    assert_eq!((settings.keys_of(&owner), settings.service_accounts()), (made, robots));
}

async fn settings_declared_refuse_change(store: Arc<dyn Store>) {
    let settings = open(&store).await;
    let declared_app = format!("declared app {APP}");
    assert_eq!(refused(settings.update_app(&app(), |_| ()).await), declared_app);
    assert_eq!(refused(settings.delete_app(&app()).await), declared_app);
    let owner = KeyOwner::App(app());
    assert_eq!(refused(settings.delete_key(&owner, "app_declared").await), "declared key app_declared");
    let (twilio, declared_twilio) = (Id::new(TWILIO), format!("declared integration {TWILIO}"));
    assert_eq!(refused(settings.update_integration(&app(), &twilio, |_| (), &|_| ()).await), declared_twilio);
    assert_eq!(refused(settings.delete_integration(&app(), &twilio, None).await), declared_twilio);
    let nobody = Id::new("cc");
    assert_eq!(refused(settings.update_app(&nobody, |_| ()).await), "not found");
    assert_eq!(refused(settings.create_key(&KeyOwner::App(nobody), "k".into(), &nothing).await), "not found");
    let key = make_key(&settings, &owner).await;
    let robot = settings.create_service_account("Robot".into(), &nothing).await.expect("a service account");
    let other = KeyOwner::ServiceAccount(robot.id);
    assert_eq!(refused(settings.delete_key(&other, &key.id).await), "not found", "it is another owner's");
}

async fn settings_of_the_file_win(store: Arc<dyn Store>) {
    let settings = try_open(&store, None, Declared::default()).await.expect("an empty file");
    make_app(&settings, APP, "Made").await;
    settings.create_integration(integration(TWILIO), &nothing).await.expect("an integration");
    let name = |settings: &Settings| settings.tenant(&app()).map(|tenant| tenant.app.name.clone());
    assert_eq!(name(&settings).as_deref(), Some("Made"));
    settings.declare(declared()).await.expect("the file is taken over");
    assert_eq!(name(&settings).as_deref(), Some("Demo"));
    let tenant = settings.owner(&Id::new(TWILIO)).expect("the app");
    assert_eq!(tenant.integrations.iter().map(|one| one.declared).collect::<Vec<_>>(), [true]);
    settings.declare(Declared::default()).await.expect("the file is taken over");
    assert_eq!(name(&settings).as_deref(), Some("Made"));
}

async fn settings_have_ten_keys_per_owner(store: Arc<dyn Store>) {
    let settings = Arc::new(open(&store).await);
    let robot = settings.create_service_account("Robot".into(), &nothing).await.expect("a service account");
    // The app has one from the file.
    for (owner, free) in
        [(KeyOwner::App(app()), KEYS_MAX - 1), (KeyOwner::ServiceAccount(robot.id), KEYS_MAX)]
    {
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..2 * KEYS_MAX {
            let (settings, owner) = (settings.clone(), owner.clone());
            callers.spawn(async move { settings.create_key(&owner, "k".into(), &nothing).await.is_ok() });
        }
        let made = callers.join_all().await.into_iter().filter(|is_made| *is_made).count();
        assert_eq!((made, settings.keys_of(&owner).len()), (free, KEYS_MAX), "{owner:?}");
        let said = refused(settings.create_key(&owner, "k".into(), &nothing).await);
        assert!(said.ends_with("may have at most 10 keys"), "{said}");
    }
}

async fn settings_deleted_open_nothing(store: Arc<dyn Store>) {
    let settings = open(&store).await;
    let made = make_app(&settings, "aa", "Made").await;
    let owner = KeyOwner::App(made.id.clone());
    let (first, second) = (make_key(&settings, &owner).await, make_key(&settings, &owner).await);
    let robot = settings.create_service_account("Robot".into(), &nothing).await.expect("a service account");
    let third = make_key(&settings, &KeyOwner::ServiceAccount(robot.id.clone())).await;
    let (custom, fourth) = make_custom(&settings, &made.id).await;
    let own = Integration { app: made.id.clone(), ..integration("bb") };
    let own = settings.create_integration(own, &nothing).await.expect("an integration");
    let lent = settings.create_integration(integration("cc"), &nothing).await.expect("an integration");
    settings.pause(&own.id, true, &|_| ()).await.expect("it is paused");
    settings.delete_key(&owner, &first.id).await.expect("a key is deleted");
    assert!(settings.key(&first.id).is_none() && settings.key(&second.id).is_some());
    settings.delete_integration(&app(), &lent.id, None).await.expect("an integration is deleted");
    assert!(settings.owner(&lent.id).is_none());
    settings.delete_app(&made.id).await.expect("an app is deleted");
    settings.delete_service_account(&robot.id).await.expect("a service account is deleted");
    for settings in [settings, open(&store).await] {
        for key in [&first, &second, &third, &fourth] {
            assert_eq!(settings.key(&key.id), None);
        }
        assert!(settings.tenant(&made.id).is_none() && settings.owner(&own.id).is_none());
        assert!(settings.owner(&lent.id).is_none() && settings.service_accounts().is_empty());
        assert_eq!(refused(settings.delete_app(&made.id).await), "not found");
    }
    let left = [
        StoreKey::new("integration", own.id.as_str()),
        StoreKey::new("control", own.id.as_str()),
        StoreKey::new("custom", custom.id.as_str()),
        StoreKey::new("key", fourth.id.as_str()),
    ];
    assert_eq!(store.read(&made.id, &left).await.expect("a read"), [None, None, None, None]);
}

async fn settings_change_one_app_at_a_time(store: Arc<dyn Store>) {
    let settings = open(&store).await;
    make_app(&settings, "aa", "One").await;
    make_app(&settings, "bb", "Other").await;
    let before = settings.tenants();
    settings.update_app(&Id::new("aa"), |app| app.name = "Two".into()).await.expect("a change");
    let after = settings.tenants();
    let kept: Vec<bool> = before.iter().zip(&after).map(|(one, other)| Arc::ptr_eq(one, other)).collect();
    let names: Vec<&str> = after.iter().map(|tenant| tenant.app.name.as_str()).collect();
    assert_eq!((kept, names), (vec![true, false, true], vec!["Demo", "Two", "Other"]));
}

async fn settings_show_what_a_lost_caller_changed(store: Arc<dyn Store>) {
    let settings = open(&store).await;
    let key = make_key(&settings, &KeyOwner::App(app())).await;
    let owner = KeyOwner::App(app());
    let mut deleting = Box::pin(settings.delete_key(&owner, &key.id));
    let gave_up = tokio::select! {
        biased;
        _ = &mut deleting => false,
        () = std::future::ready(()) => true,
    };
    drop(deleting);
    assert!(gave_up && settings.key(&key.id).is_some(), "nobody waited for the commit");
    assert!(settings.catch_up().await.expect("the store answers"));
    assert!(settings.key(&key.id).is_none());
    assert!(!settings.catch_up().await.expect("the store answers"), "once is enough");
    assert!(open(&store).await.key(&key.id).is_none());
}

/// Everything the store has of what was made, as text.
async fn raw(store: &Arc<dyn Store>, places: &[(&str, &'static str, &str)]) -> String {
    let mut text = String::new();
    for (app, kind, id) in places {
        let found = store.read(&Id::new(*app), &[StoreKey::new(kind, *id)]).await.expect("a read");
        let stored = found.into_iter().next().flatten().expect("it is there");
        text += std::str::from_utf8(&stored.body).expect("JSON");
    }
    text
}

async fn settings_are_sealed_with_a_key(store: Arc<dyn Store>) {
    let settings = try_open(&store, Some(1), declared()).await.expect("the settings open");
    let key = make_key(&settings, &KeyOwner::App(app())).await;
    let channel = settings.create_integration(integration("bb"), &nothing).await.expect("an integration");
    let webhook = make_webhook(&settings).await;
    let (_, customs_key) = make_custom(&settings, &app()).await;
    let places = [
        (ACCOUNT, "key", key.id.as_str()),
        (APP, "integration", channel.id.as_str()),
        (APP, "webhook", webhook.id.as_str()),
        (APP, "key", customs_key.id.as_str()),
    ];
    let stored = raw(&store, &places).await;
    for secret in
        [key.secret.expose(), "fake-token", "+15145550100", &webhook.secret, customs_key.secret.expose()]
    {
        assert!(!stored.contains(secret), "{secret} in {stored}");
    }
    assert_eq!(stored.matches("\"sealed\":\"1:").count(), places.len(), "{stored}");
    let again = try_open(&store, Some(1), declared()).await.expect("the settings open again");
    assert_eq!(again.key(&key.id), Some(key.clone()));
    let tenant = again.owner(&channel.id).expect("the app");
    assert_eq!(
        (tenant.integration(&channel.id), tenant.webhook(&webhook.id)),
        (Some(&channel), Some(&webhook))
    );
    let said = |opened: Result<Settings, StoreError>| opened.expect_err("it is refused").to_string();
    let without = said(try_open(&store, None, declared()).await);
    assert!(without.contains("integration bb is encrypted, and secrets.key is not set"), "{without}");
    let another = said(try_open(&store, Some(2), declared()).await);
    assert!(another.contains("was not encrypted with this secrets.key"), "{another}");
    // With nothing left to open, the store still knows its key.
    again.delete_key(&KeyOwner::App(app()), &key.id).await.expect("deleted");
    again.delete_integration(&app(), &channel.id, None).await.expect("deleted");
    again.delete_webhook(&app(), &webhook.id).await.expect("deleted");
    assert!(said(try_open(&store, Some(2), declared()).await).contains("this secrets.key"));
    assert!(said(try_open(&store, None, declared()).await).contains("secrets.key is not set"));
}

async fn settings_of_before_the_key_are_read(store: Arc<dyn Store>) {
    let settings = open(&store).await;
    let (key, webhook) = (make_key(&settings, &KeyOwner::App(app())).await, make_webhook(&settings).await);
    let (_, customs_key) = make_custom(&settings, &app()).await;
    // As versions wrote it that knew neither names of keys nor of kept secrets.
    let mut batch = Batch::new(&app());
    batch.put("secret", "webhook:w", &json!({"secret": "fake-kept"}), Expect::Absent, None);
    store.commit(batch).await.expect("a commit");
    let mut file = declared();
    file.tenants[0].webhooks.push(Webhook {
        id: Id::new("w"),
        secret: String::new(),
        declared: true,
        ..webhook.clone()
    });
    let sealed = try_open(&store, Some(1), file).await.expect("the settings open");
    let tenant = sealed.tenant(&app()).expect("the app");
    assert_eq!(sealed.key(&key.id), Some(key.clone()));
    assert_eq!(tenant.webhook(&webhook.id), Some(&webhook));
    assert_eq!(tenant.webhook(&Id::new("w")).map(|one| one.secret.as_str()), Some("fake-kept"));
    let places = [
        (ACCOUNT, "key", key.id.as_str()),
        (APP, "webhook", webhook.id.as_str()),
        (APP, "key", customs_key.id.as_str()),
        (APP, "secret", "webhook:w"),
    ];
    let stored = raw(&store, &places).await;
    assert_eq!(sealed.key(&customs_key.id), Some(customs_key.clone()));
    for secret in [key.secret.expose(), &webhook.secret, "fake-kept", customs_key.secret.expose()] {
        assert!(!stored.contains(secret), "sealed with the first start that has a key: {stored}");
    }
}
