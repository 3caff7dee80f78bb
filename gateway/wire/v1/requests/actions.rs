//! Buttons and quick replies: what each needs, and which may stand where.

use heliograph_connectors::channel::Action;
use serde_json::Value;
use url::Url;

use crate::model::Timestamp;
use crate::wire::Invalid;
use crate::wire::given::Given;
use crate::wire::written::Written;

use super::message::{TEXT_MAX, fresh};

/// Actions of a message: no number is documented, and no channel shows as many.
pub(in crate::wire::v1) const MESSAGE_ACTIONS_MAX: usize = 25;

/// Actions of an item.
const ITEM_ACTIONS_MAX: usize = 3;

/// Characters of a link's address.
const URI_MAX: usize = 2048;

const OF_MESSAGES: [&str; 6] = ["link", "webview", "buy", "postback", "reply", "locationRequest"];
const OF_ITEMS: [&str; 5] = ["link", "webview", "buy", "postback", "share"];

/// The actions of a message, none when they are absent.
pub(super) fn of_message(given: &Given<'_>, now: Timestamp) -> Result<Vec<Action>, Invalid> {
    let Some(list) = given.member("actions")? else {
        return Ok(Vec::new());
    };
    let actions = all(&list, (0, MESSAGE_ACTIONS_MAX), &OF_MESSAGES, now)?;
    if are_mixable(&actions) {
        return Ok(actions);
    }
    Err(list.refuse("reply and locationRequest can be mixed only with each other"))
}

/// Whether actions may stand on one message.
pub(in crate::wire) fn are_mixable(actions: &[Action]) -> bool {
    let quick = actions.iter().filter(|action| is_quick(action)).count();
    quick == 0 || quick == actions.len()
}

/// The actions of an item.
pub(super) fn of_item(list: &Given<'_>, now: Timestamp) -> Result<Vec<Action>, Invalid> {
    all(list, (1, ITEM_ACTIONS_MAX), &OF_ITEMS, now)
}

/// Gone after one answer, so never beside a button that stays.
fn is_quick(action: &Action) -> bool {
    matches!(action, Action::Reply { .. } | Action::LocationRequest { .. })
}

fn all(
    list: &Given<'_>,
    (least, most): (usize, usize),
    kinds: &[&'static str],
    now: Timestamp,
) -> Result<Vec<Action>, Invalid> {
    list.list_of(least, most)?.iter().map(|each| action(each, kinds, now)).collect()
}

fn action(given: &Given<'_>, kinds: &[&'static str], now: Timestamp) -> Result<Action, Invalid> {
    let kind = given.required("type", |kind| kind.word(kinds))?;
    let id = fresh(now);
    let metadata = given.optional("metadata", Given::facts)?.unwrap_or_default();
    if kind == "share" {
        return Ok(Action::Share { id, metadata });
    }
    let text = given.required("text", |text| text.filled_within(TEXT_MAX))?;
    let payload = || given.required("payload", |payload| payload.text_within(TEXT_MAX));
    Ok(match kind {
        "link" => Action::Link {
            id,
            text,
            uri: given.required("uri", address)?,
            default: given.optional("default", Given::flag)?.unwrap_or(false),
            extra_channel_options: given.optional("extraChannelOptions", extra_options)?.flatten(),
            metadata,
        },
        "webview" => Action::Webview {
            id,
            text,
            uri: given.required("uri", Given::web_url)?,
            fallback: given.required("fallback", Given::web_url)?,
            size: given.optional("size", |size| size.word(&["compact", "tall", "full"]))?.map(str::to_owned),
            default: false,
            open_on_receive: false,
            extra_channel_options: None,
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

/// What single channels are told beyond the address. Only Messenger knows any; what nobody knows is left out.
pub(in crate::wire) fn extra_options(given: &Given<'_>) -> Result<Option<Value>, Invalid> {
    let known = given.optional("messenger", |messenger| {
        let extensions = messenger.optional("messenger_extensions", Given::flag)?;
        let share = messenger.optional("webview_share_button", |share| share.word(&["hide"]))?;
        Ok(Written::new().maybe("messenger_extensions", extensions).maybe("webview_share_button", share))
    })?;
    Ok(known.map(|messenger| Written::new().with("messenger", messenger).into()))
}

/// An absolute address of any scheme: `tel:` makes a call button.
pub(in crate::wire) fn address(given: &Given<'_>) -> Result<String, Invalid> {
    let text = given.filled_within(URI_MAX)?;
    if Url::parse(&text).is_ok() { Ok(text) } else { Err(given.refuse("must be an absolute URI")) }
}

pub(in crate::wire) fn cents(given: &Given<'_>) -> Result<i64, Invalid> {
    let amount = given.integer()?;
    if amount > 0 { Ok(amount) } else { Err(given.refuse("must be positive")) }
}

pub(in crate::wire) fn currency(given: &Given<'_>) -> Result<String, Invalid> {
    let code = given.text()?;
    let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_code { Ok(code.to_ascii_lowercase()) } else { Err(given.refuse("must be an ISO 4217 code")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(options: Value) -> Result<Option<Value>, Invalid> {
        let actions = json!({"actions": [{"type": "link", "text": "Open", "uri": "https://example.com/",
                                          "extraChannelOptions": options}]});
        let actions = of_message(&Given::root(&actions), Timestamp::from_millis(0))?;
        let [Action::Link { extra_channel_options, .. }] = &actions[..] else { panic!("a link") };
        Ok(extra_channel_options.clone())
    }

    #[test]
    fn a_link_keeps_what_single_channels_know() {
        let messenger = json!({"messenger": {"messenger_extensions": true, "webview_share_button": "hide"}});
        assert_eq!(read(messenger.clone()), Ok(Some(messenger)));
        let more = json!({"messenger": {"messenger_extensions": false, "colour": 1}, "line": 2});
        assert_eq!(read(more), Ok(Some(json!({"messenger": {"messenger_extensions": false}}))));
        assert_eq!(read(json!({"line": 2})), Ok(None));
        let refused = read(json!({"messenger": {"webview_share_button": "show"}})).expect_err("a refusal");
        assert_eq!(refused.path, "actions[0].extraChannelOptions.messenger.webview_share_button");
    }
}
