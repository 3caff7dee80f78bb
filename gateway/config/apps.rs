//! Apps, keys, integrations and webhooks as the configuration file declares them.

use std::collections::{BTreeSet, HashMap};

use heliograph_connectors::channel::signature::sha256;
use heliograph_connectors::channel::{Secret, Settings};
use serde_json::{Map, Value};
use url::Url;

use crate::model::{
    App, AppSettings, Id, Integration, Key, KeyScope, Limits, OnUnknown, Tenant, Webhook, WebhookVersion,
};

use super::Known;
use super::reader::{Problem, Section, note};

type Providers = HashMap<String, Map<String, Value>>;

pub(super) fn read(
    sections: Vec<Section<'_>>,
    known: Known<'_>,
    providers: &Providers,
    problems: &mut Vec<Problem>,
) -> (Vec<Tenant>, Vec<Key>) {
    let mut tenants = Vec::new();
    let mut keys = Vec::new();
    let mut seen = BTreeSet::new();
    for mut section in sections {
        let id = Id::new(hex_id(&mut section, &mut seen, problems));
        let app = App {
            settings: read_settings(section.section("settings", problems), problems),
            limits: read_pace(section.section("limits", problems), &["perSecond", "burst"], problems),
            declared: true,
            ..App::new(id.clone(), section.required("name", problems))
        };
        for mut key in section.sections("keys", problems) {
            let key_id = key.required("id", problems);
            let secret = Secret::new(key.required("secret", problems));
            unique(&key, &key_id, &mut seen, problems);
            key.finish(problems);
            keys.push(Key::declared(key_id, secret, KeyScope::App(id.clone())));
        }
        let mut integrations = Vec::new();
        for section in section.sections("integrations", problems) {
            integrations.extend(read_integration(section, &id, known, providers, &mut seen, problems));
        }
        let mut webhooks = Vec::new();
        for section in section.sections("webhooks", problems) {
            webhooks.push(read_webhook(section, &id, known, &mut seen, problems));
        }
        section.finish(problems);
        tenants.push(Tenant { integrations, webhooks, ..Tenant::new(app) });
    }
    (tenants, keys)
}

/// The section's `id`, which must be 24 hex digits and nobody else's.
fn hex_id(section: &mut Section<'_>, seen: &mut BTreeSet<String>, problems: &mut Vec<Problem>) -> String {
    let before = problems.len();
    let id = section.required("id", problems);
    if problems.len() == before
        && !(id.len() == 24 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
    {
        note(problems, &section.at("id"), "must be 24 lowercase hex digits");
    }
    unique(section, &id, seen, problems);
    id
}

fn unique(section: &Section<'_>, id: &str, seen: &mut BTreeSet<String>, problems: &mut Vec<Problem>) {
    if !id.is_empty() && !seen.insert(id.to_owned()) {
        note(problems, &section.at("id"), &format!("`{id}` is used twice"));
    }
}

fn read_settings(mut section: Section<'_>, problems: &mut Vec<Problem>) -> AppSettings {
    let settings = AppSettings {
        use_animal_names: section.switch("useAnimalNames", problems).unwrap_or(false),
        mask_credit_card_numbers: section.switch("maskCreditCardNumbers", problems),
        conversation_retention_seconds: section
            .number("conversationRetentionSeconds", problems)
            .map(|seconds| seconds as u64),
        echo_postback: section.switch("echoPostback", problems).unwrap_or(false),
        ignore_auto_conversation_start: section
            .switch("ignoreAutoConversationStart", problems)
            .unwrap_or(false),
        multi_convo_enabled: section.switch("multiConvoEnabled", problems).unwrap_or(false),
        ..AppSettings::default()
    };
    section.finish(problems);
    settings
}

fn read_pace(mut section: Section<'_>, keys: &[&'static str], problems: &mut Vec<Problem>) -> Limits {
    let mut read = |key: &'static str| {
        if keys.contains(&key) { section.number(key, problems) } else { None }
    };
    let limits = Limits {
        per_second: read("perSecond"),
        per_day: read("perDay").map(|number| number as u64),
        burst: read("burst").map(|number| number as u32),
    };
    section.finish(problems);
    limits
}

fn read_integration(
    mut section: Section<'_>,
    app: &Id<App>,
    known: Known<'_>,
    providers: &Providers,
    seen: &mut BTreeSet<String>,
    problems: &mut Vec<Problem>,
) -> Option<Integration> {
    let id = Id::new(hex_id(&mut section, seen, problems));
    let kind = section.required("type", problems);
    let display_name = section.text("displayName", problems);
    let limits = read_pace(section.section("limits", problems), &["perSecond", "perDay", "burst"], problems);
    let words = [("resend", OnUnknown::Resend), ("hold", OnUnknown::Hold), ("fail", OnUnknown::Fail)];
    let on_unknown = section.word("onUnknown", &words, problems).unwrap_or_default();
    let ignore_opt_out = section.switch("ignoreOptOut", problems).unwrap_or(false);
    let user_receipts = section.switch("userReceipts", problems);
    let (type_path, base) = (section.at("type"), section.at(""));
    let settings = section.rest();
    if kind.is_empty() {
        return None;
    }
    let Some(build) = known.registry.get(&kind) else {
        let kinds: Vec<&str> = known.registry.kinds().collect();
        note(problems, &type_path, &format!("`{kind}` is not one of {}", kinds.join(", ")));
        return None;
    };
    let provider = providers.get(&kind).cloned().unwrap_or_default();
    for problem in build(Settings::new(&settings, &provider)).err().into_iter().flatten() {
        let path = match problem.path.as_str() {
            "baseUrl" | "apiVersion" => format!("providers.{kind}.{}", problem.path),
            own => format!("{base}{own}"),
        };
        note(problems, &path, &problem.message);
    }
    Some(Integration {
        display_name,
        limits,
        on_unknown,
        ignore_opt_out,
        user_receipts,
        declared: true,
        ..Integration::new(id, app.clone(), kind, settings)
    })
}

fn read_webhook(
    mut section: Section<'_>,
    app: &Id<App>,
    known: Known<'_>,
    seen: &mut BTreeSet<String>,
    problems: &mut Vec<Problem>,
) -> Webhook {
    let target = section.required("target", problems);
    if !target.is_empty() && !Url::parse(&target).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        note(problems, &section.at("target"), "must be an absolute http or https URL");
    }
    let id = match section.value("id") {
        Some(_) => hex_id(&mut section, seen, problems),
        // Without an id of its own it keeps the same one over restarts, so that its queue finds it again.
        None => hex::encode(&sha256(format!("{app} {target}").as_bytes())[..12]),
    };
    let versions = [("v1.1", WebhookVersion::V1), ("v2", WebhookVersion::V2)];
    let version = section.word("version", &versions, problems).unwrap_or(WebhookVersion::V1);
    let (word, usual) = match version {
        WebhookVersion::V1 => ("v1.1", "message"),
        WebhookVersion::V2 => ("v2", "conversation:message"),
    };
    let triggers = section.texts("triggers", problems).unwrap_or_else(|| vec![usual.into()]);
    for unknown in triggers.iter().filter(|trigger| !(known.triggers)(version).contains(&trigger.as_str())) {
        note(problems, &section.at("triggers"), &format!("`{unknown}` is not a trigger of {word}"));
    }
    let webhook = Webhook {
        id: Id::new(id),
        app: app.clone(),
        target,
        triggers: triggers.into_iter().collect(),
        secret: section.text("secret", problems).unwrap_or_default(),
        version,
        include_client: section.switch("includeClient", problems).unwrap_or(false),
        include_full_user: section.switch("includeFullAppUser", problems).unwrap_or(false),
        integration: None,
        name: None,
        declared: true,
    };
    section.finish(problems);
    webhook
}
