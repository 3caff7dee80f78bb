//! Buttons and quick replies: what each needs, and which may stand where.

use heliograph_connectors::channel::Action;

use crate::model::Timestamp;
use crate::wire::Invalid;
use crate::wire::given::Given;
use crate::wire::v1::{address, are_mixable, cents, currency, extra_options, fresh};

use super::content::{TEXT_MAX, counted};

/// Actions of a message: no number is documented, and no channel shows as many.
const MESSAGE_ACTIONS_MAX: usize = 25;

/// Actions of an item.
const ITEM_ACTIONS_MAX: usize = 3;

/// Actions of a list.
const LIST_ACTIONS_MAX: usize = 10;

const ALL: [&str; 6] = ["buy", "link", "locationRequest", "postback", "reply", "webview"];

/// Those that stay where they are when they were pressed.
const LASTING: [&str; 4] = ["buy", "link", "postback", "webview"];

/// The actions of a message, none when they are absent.
pub(super) fn of_message(given: &Given<'_>, now: Timestamp) -> Result<Vec<Action>, Invalid> {
    let Some(list) = given.member("actions")? else { return Ok(Vec::new()) };
    let actions = all(&list, (0, MESSAGE_ACTIONS_MAX), &ALL, now)?;
    if !are_mixable(&actions) {
        return Err(list.refuse("reply and locationRequest can be mixed only with each other"));
    }
    let opening =
        actions.iter().filter(|action| matches!(action, Action::Webview { open_on_receive: true, .. }));
    if opening.count() > 1 {
        return Err(list.refuse("only one webview of a message can open by itself"));
    }
    Ok(actions)
}

/// The actions of a list as a whole.
pub(super) fn of_list(given: &Given<'_>, now: Timestamp) -> Result<Vec<Action>, Invalid> {
    let actions = given.optional("actions", |list| all(list, (1, LIST_ACTIONS_MAX), &LASTING, now))?;
    Ok(actions.unwrap_or_default())
}

/// The actions of an item.
pub(super) fn of_item(list: &Given<'_>, now: Timestamp) -> Result<Vec<Action>, Invalid> {
    all(list, (1, ITEM_ACTIONS_MAX), &LASTING, now)
}

fn all(
    list: &Given<'_>,
    bounds: (usize, usize),
    kinds: &[&'static str],
    now: Timestamp,
) -> Result<Vec<Action>, Invalid> {
    counted(list, bounds)?.iter().map(|each| action(each, kinds, now)).collect()
}

fn action(given: &Given<'_>, kinds: &[&'static str], now: Timestamp) -> Result<Action, Invalid> {
    let kind = given.required("type", |kind| kind.word(kinds))?;
    let id = fresh(now);
    let metadata = given.optional("metadata", Given::facts)?.unwrap_or_default();
    let text = given.required("text", |text| text.filled_within(TEXT_MAX))?;
    let payload = || given.required("payload", |payload| payload.text_within(TEXT_MAX));
    let flag = |key| Ok::<_, Invalid>(given.optional(key, Given::flag)?.unwrap_or(false));
    let extra_channel_options = || Ok(given.optional("extraChannelOptions", extra_options)?.flatten());
    Ok(match kind {
        "link" => Action::Link {
            id,
            text,
            uri: given.required("uri", address)?,
            default: flag("default")?,
            extra_channel_options: extra_channel_options()?,
            metadata,
        },
        "webview" => Action::Webview {
            id,
            text,
            uri: given.required("uri", Given::web_url)?,
            fallback: given.required("fallback", Given::web_url)?,
            size: given.optional("size", |size| size.word(&["compact", "tall", "full"]))?.map(str::to_owned),
            default: flag("default")?,
            open_on_receive: flag("openOnReceive")?,
            extra_channel_options: extra_channel_options()?,
            metadata,
        },
        "buy" => Action::Buy {
            id,
            text,
            amount: given.required("amount", cents)?,
            currency: given.optional("currency", currency)?.unwrap_or_else(|| "usd".to_owned()),
            metadata,
        },
        "postback" => Action::Postback { id, text, payload: payload()?, metadata },
        "reply" => {
            let icon_url = given.optional("iconUrl", Given::web_url)?;
            Action::Reply { id, text, payload: payload()?, icon_url, metadata }
        }
        _ => Action::LocationRequest { id, text, metadata },
    })
}
