//! What a message says, as v1.1 shows it.

use heliograph_connectors::channel::{Action, Content, Field, FieldKind, Item, text};
use serde_json::json;

use crate::wire::written::Written;

/// The fields that say what a message says.
pub(super) fn content(content: &Content) -> Written {
    let written = Written::new().with("type", content.kind()).with("text", text_form(content));
    match content {
        Content::Text { actions, .. } => written.and(all_actions(actions)),
        Content::Image { media_url, media_type, alt_text, actions, .. } => {
            written.and(media(media_url, media_type, alt_text)).and(all_actions(actions))
        }
        Content::File { media_url, media_type, alt_text, .. } => {
            written.and(media(media_url, media_type, alt_text))
        }
        Content::Location { lat, long, place } => {
            written.with("coordinates", json!({"lat": lat, "long": long})).maybe("location", place.as_ref())
        }
        Content::Carousel { items, aspect } => written
            .with("items", items.iter().map(item).collect::<Vec<_>>())
            .with("displaySettings", json!({"imageAspectRatio": aspect})),
        Content::List { items, actions } => {
            written.with("items", items.iter().map(item).collect::<Vec<_>>()).and(all_actions(actions))
        }
        Content::Form { fields, block_chat_input, .. } => written
            .with("fields", fields.iter().map(field).collect::<Vec<_>>())
            .with("submitted", false)
            .with("blockChatInput", block_chat_input),
        Content::FormResponse { fields, text_fallback } => {
            written.with("fields", fields).with("textFallback", text_fallback)
        }
    }
}

/// What the message reads like; receivers that know no rich content show this.
fn text_form(content: &Content) -> String {
    match content {
        Content::Text { text, .. } => text.clone(),
        Content::Image { text, .. } | Content::File { text, .. } => text.clone().unwrap_or_default(),
        Content::Location { lat, long, .. } => text::location(*lat, *long),
        Content::Carousel { items, .. } | Content::List { items, .. } => text::items(items),
        Content::Form { fields, .. } => {
            fields.iter().map(|field| field.label.as_str()).collect::<Vec<_>>().join("\n")
        }
        Content::FormResponse { text_fallback, .. } => text_fallback.clone(),
    }
}

fn media(url: &str, kind: &Option<String>, alt_text: &Option<String>) -> Written {
    Written::new().with("mediaUrl", url).maybe("mediaType", kind.as_ref()).maybe("altText", alt_text.as_ref())
}

fn item(item: &Item) -> Written {
    Written::of(item).and(all_actions(&item.actions))
}

fn all_actions(actions: &[Action]) -> Written {
    let shown: Vec<Written> = actions.iter().map(action).collect();
    Written::new().maybe("actions", (!shown.is_empty()).then_some(shown))
}

/// An action as it is kept, with what receivers expect to find beside it.
pub(super) fn action(action: &Action) -> Written {
    let shown = Written::of(action);
    match action {
        Action::Postback { .. } | Action::Reply { .. } | Action::LocationRequest { .. } => {
            shown.with("uri", "")
        }
        Action::Buy { .. } => shown.with("state", "offered"),
        Action::Link { .. } | Action::Webview { .. } | Action::Share { .. } => shown,
    }
}

fn field(field: &Field) -> Written {
    let is_select = field.kind == FieldKind::Select;
    Written::of(field).maybe("selectSize", is_select.then_some(1))
}

#[cfg(test)]
mod tests {
    use heliograph_connectors::channel::{AspectRatio, MapPlace, SelectOption};
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn shown(content: Content) -> Value {
        super::content(&content).into()
    }

    fn content(value: Value) -> Content {
        serde_json::from_value(value).expect("content")
    }

    #[test]
    fn items_and_actions_carry_what_receivers_expect() {
        let carousel = content(json!({"type": "carousel", "items": [
            {"_id": "1", "title": "Tacos", "description": "Beef and cheese", "mediaUrl": "https://example.com/t.jpg",
             "actions": [{"_id": "a", "type": "postback", "text": "Order", "payload": "tacos"},
                         {"_id": "b", "type": "buy", "text": "Pay", "amount": 500, "currency": "usd"}]},
            {"_id": "2", "title": "Burritos", "description": "Beefier",
             "actions": [{"_id": "c", "type": "link", "text": "More", "uri": "https://example.com/b"},
                         {"_id": "d", "type": "share"}]}
        ]}));
        assert_eq!(
            shown(carousel),
            json!({
                "type": "carousel",
                "text": "1. Tacos\nBeef and cheese\n\n\n2. Burritos\nBeefier\nMore: https://example.com/b",
                "displaySettings": {"imageAspectRatio": "horizontal"},
                "items": [
                    {"_id": "1", "title": "Tacos", "description": "Beef and cheese",
                     "mediaUrl": "https://example.com/t.jpg",
                     "actions": [
                        {"_id": "a", "type": "postback", "text": "Order", "payload": "tacos", "uri": ""},
                        {"_id": "b", "type": "buy", "text": "Pay", "amount": 500, "currency": "usd",
                         "state": "offered"}]},
                    {"_id": "2", "title": "Burritos", "description": "Beefier",
                     "actions": [
                        {"_id": "c", "type": "link", "text": "More", "uri": "https://example.com/b"},
                        {"_id": "d", "type": "share"}]}
                ]
            })
        );
    }

    #[test]
    fn places_and_pictures_have_a_text() {
        let place = Some(MapPlace { name: Some("Office".into()), address: None });
        assert_eq!(
            shown(Content::Location { lat: 45.5261583, long: -73.595346, place }),
            json!({
                "type": "location",
                "text": "Location shared:\nhttps://maps.google.com/maps?q=45.5261583,-73.595346",
                "coordinates": {"lat": 45.5261583, "long": -73.595346},
                "location": {"name": "Office"}
            })
        );
        let image =
            json!({"type": "image", "mediaUrl": "https://example.com/a.png", "mediaType": "image/png"});
        let mut expected = image.clone();
        expected["text"] = json!("");
        assert_eq!(shown(content(image)), expected);
    }

    #[test]
    fn a_form_is_not_submitted_yet() {
        let form = content(json!({"type": "form", "blockChatInput": true, "fields": [
            {"_id": "1", "type": "text", "name": "who", "label": "Your name?", "minSize": 2},
            {"_id": "2", "type": "select", "name": "size", "label": "Your size?",
             "options": [{"_id": "3", "name": "s", "label": "Small"}]}
        ]}));
        assert_eq!(
            shown(form),
            json!({
                "type": "form",
                "text": "Your name?\nYour size?",
                "submitted": false,
                "blockChatInput": true,
                "fields": [
                    {"_id": "1", "type": "text", "name": "who", "label": "Your name?", "minSize": 2},
                    {"_id": "2", "type": "select", "name": "size", "label": "Your size?", "selectSize": 1,
                     "options": [{"_id": "3", "name": "s", "label": "Small"}]}
                ]
            })
        );
    }

    #[test]
    fn a_filled_in_form_reads_as_lines() {
        let fields = json!([
            {"_id": "1", "type": "text", "name": "who", "label": "Your name?", "text": "Ann"},
            {"_id": "2", "type": "email", "name": "mail", "label": "Your mail?", "email": "ann@example.com"},
            {"_id": "3", "type": "select", "name": "size", "label": "Your size?",
             "select": [{"name": "s", "label": "Small"}, {"name": "m", "label": "Middle"}]}
        ]);
        let lines = "Your name?: Ann\nYour mail?: ann@example.com\nYour size?: Small, Middle";
        let response = content(json!({"type": "formResponse", "fields": fields, "textFallback": lines}));
        let Content::FormResponse { fields: answers, .. } = &response else { panic!("answers") };
        assert_eq!(text::answers(answers), lines);
        let expected =
            json!({"type": "formResponse", "text": lines, "textFallback": lines, "fields": fields});
        assert_eq!(shown(response), expected);
    }

    fn any_action() -> impl Strategy<Value = Action> {
        (0..5, ".*", ".*", any::<i64>()).prop_map(|(kind, text, other, amount)| {
            let (id, metadata) = (String::new(), Default::default());
            match kind {
                0 => Action::Link {
                    id,
                    text,
                    uri: other,
                    default: true,
                    extra_channel_options: Some(json!({})),
                    metadata,
                },
                1 => Action::Buy { id, text, amount, currency: other, metadata },
                2 => Action::Reply { id, text, payload: other, icon_url: None, metadata },
                3 => Action::Webview {
                    id,
                    text,
                    uri: other.clone(),
                    fallback: other,
                    size: None,
                    default: false,
                    open_on_receive: true,
                    extra_channel_options: None,
                    metadata,
                },
                _ => Action::Share { id, metadata },
            }
        })
    }

    fn any_item() -> impl Strategy<Value = Item> {
        (".*", proptest::option::of(".*"), proptest::collection::vec(any_action(), 0..4)).prop_map(
            |(title, description, actions)| Item {
                id: String::new(),
                title,
                description,
                media_url: None,
                media_type: None,
                alt_text: None,
                size: None,
                actions,
                metadata: Default::default(),
            },
        )
    }

    fn any_field() -> impl Strategy<Value = Field> {
        (0..3_usize, ".*", proptest::option::of(any::<u32>())).prop_map(|(kind, label, size)| Field {
            id: String::new(),
            kind: [FieldKind::Text, FieldKind::Email, FieldKind::Select][kind],
            name: label.clone(),
            label: label.clone(),
            placeholder: None,
            min_size: size,
            max_size: size,
            options: vec![SelectOption { id: String::new(), name: label.clone(), label }],
            format: None,
        })
    }

    fn any_content() -> impl Strategy<Value = Content> {
        let items = || proptest::collection::vec(any_item(), 0..4);
        let actions = || proptest::collection::vec(any_action(), 0..4);
        prop_oneof![
            (".*", actions()).prop_map(|(text, actions)| Content::Text { text, actions }),
            (".*", proptest::option::of(".*"), actions()).prop_map(|(media_url, text, actions)| {
                Content::Image { media_url, media_type: None, alt_text: text.clone(), text, actions }
            }),
            (".*", proptest::option::of(".*")).prop_map(|(media_url, text)| Content::File {
                media_url,
                media_type: text.clone(),
                text,
                alt_text: None
            }),
            (any::<f64>(), any::<f64>()).prop_map(|(lat, long)| Content::Location { lat, long, place: None }),
            items().prop_map(|items| Content::Carousel { items, aspect: AspectRatio::Square }),
            (items(), actions()).prop_map(|(items, actions)| Content::List { items, actions }),
            (proptest::collection::vec(any_field(), 0..4), any::<bool>()).prop_map(
                |(fields, block_chat_input)| Content::Form { fields, block_chat_input, text: None }
            ),
        ]
    }

    proptest! {
        #[test]
        fn any_content_can_be_shown(content in any_content()) {
            let kind = content.kind();
            let shown = shown(content);
            prop_assert_eq!(&shown["type"], kind);
            prop_assert!(shown["text"].is_string());
        }
    }
}
