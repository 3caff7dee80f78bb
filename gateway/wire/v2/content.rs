//! What a message says, as v2 shows it.

use heliograph_connectors::channel::{Action, Answer, AspectRatio, Content, Field, Item, SelectOption, text};
use serde_json::json;

use crate::wire::written::Written;

/// Where a button leads that would pass on something without an address.
const NOWHERE: &str = "about:blank";

/// Characters a form asks for or takes, at most.
const SIZE_MAX: u32 = 256;

/// The fields that say what is said. Ids of what stands inside are v1.1's alone.
pub(super) fn content(content: &Content) -> Written {
    let written = Written::new().with("type", content.kind());
    match content {
        Content::Text { text, actions } => written.with("text", text).and(buttons(actions)),
        Content::Image { media_url, media_type, text, alt_text, actions } => {
            written.and(file(media_url, media_type, text, alt_text)).and(buttons(actions))
        }
        Content::File { media_url, media_type, text, alt_text } => {
            written.and(file(media_url, media_type, text, alt_text))
        }
        Content::Location { lat, long, place } => written
            .with("text", text::location(*lat, *long))
            .with("coordinates", json!({"lat": lat, "long": long}))
            .maybe("location", place.as_ref()),
        Content::Carousel { items: all, aspect } => {
            written.and(items(all)).with("displaySettings", shape(*aspect))
        }
        Content::List { items: all, actions } => written.and(items(all)).and(subset(actions, None)),
        Content::Form { fields, block_chat_input, text } => written
            .maybe("text", filled(text))
            .with("fields", fields.iter().map(field).collect::<Vec<_>>())
            .with("submitted", false)
            .maybe("blockChatInput", block_chat_input.then_some(true)),
        Content::FormResponse { fields, text_fallback } => written
            .with("fields", fields.iter().map(answer).collect::<Vec<_>>())
            .with("textFallback", text_fallback),
    }
}

/// A text, unless it is empty: strict clients refuse empty ones.
pub(super) fn filled(text: &Option<String>) -> Option<&String> {
    text.as_ref().filter(|text| !text.is_empty())
}

fn file(url: &str, kind: &Option<String>, text: &Option<String>, alt_text: &Option<String>) -> Written {
    Written::new()
        .with("mediaUrl", url)
        .maybe("mediaType", filled(kind))
        .maybe("altText", filled(alt_text))
        .maybe("text", filled(text))
}

fn shape(aspect: AspectRatio) -> Written {
    Written::new().with("imageAspectRatio", aspect)
}

fn items(items: &[Item]) -> Written {
    Written::new().with("text", text::items(items)).with("items", items.iter().map(item).collect::<Vec<_>>())
}

fn item(item: &Item) -> Written {
    Written::new()
        .with("title", &item.title)
        .maybe("description", filled(&item.description))
        .maybe("mediaUrl", filled(&item.media_url))
        .maybe("mediaType", filled(&item.media_type))
        .maybe("altText", filled(&item.alt_text))
        .maybe("size", item.size.as_ref())
        .maybe("metadata", (!item.metadata.is_empty()).then_some(&item.metadata))
        .and(subset(&item.actions, item.media_url.as_deref()))
}

fn buttons(actions: &[Action]) -> Written {
    let shown: Vec<Written> = actions.iter().map(action).collect();
    Written::new().maybe("actions", (!shown.is_empty()).then_some(shown))
}

/// The actions of an item or of a list, where v2 knows neither quick replies nor passing on: those lead back to the
/// business and to the item's picture.
fn subset(actions: &[Action], picture: Option<&str>) -> Written {
    let within = |each: &Action| match each {
        Action::Share { metadata, .. } => Written::new()
            .with("type", "link")
            .with("text", "Share")
            .with("uri", picture.unwrap_or(NOWHERE))
            .maybe("metadata", (!metadata.is_empty()).then_some(metadata)),
        Action::Reply { .. } => action(each).with("type", "postback").without("iconUrl"),
        each => action(each),
    };
    let shown: Vec<Written> = actions.iter().map(within).collect();
    Written::new().maybe("actions", (!shown.is_empty()).then_some(shown))
}

/// A button of a message.
pub(super) fn action(action: &Action) -> Written {
    match action {
        Action::Share { .. } => {
            Written::new().with("type", "link").with("text", "Share").with("uri", NOWHERE)
        }
        action => Written::of(action).without("_id"),
    }
}

fn field(field: &Field) -> Written {
    let size = |size: Option<u32>| size.filter(|size| (1..=SIZE_MAX).contains(size));
    let options: Vec<Written> = field.options.iter().map(option).collect();
    Written::new()
        .with("type", field.kind)
        .with("name", &field.name)
        .with("label", &field.label)
        .maybe("placeholder", filled(&field.placeholder))
        .maybe("minSize", size(field.min_size))
        .maybe("maxSize", size(field.max_size))
        .maybe("options", (!options.is_empty()).then_some(options))
        .maybe("format", field.format.as_ref())
}

fn option(option: &SelectOption) -> Written {
    Written::new().with("label", &option.label).with("name", &option.name)
}

fn answer(answer: &Answer) -> Written {
    Written::of(answer).without("_id")
}

#[cfg(test)]
mod tests;
