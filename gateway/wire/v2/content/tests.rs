//! Every kind of content, as the contract has it.

use serde_json::Value;

use super::*;

fn shown(given: Value) -> Value {
    let given: Content = serde_json::from_value(given).expect("content");
    content(&given).into()
}

#[test]
fn texts_and_files_say_what_is_known_of_them() {
    assert_eq!(shown(json!({"type": "text", "text": "Hello"})), json!({"type": "text", "text": "Hello"}));
    let image = json!({"type": "image", "mediaUrl": "https://example.com/a.png", "mediaType": "image/png",
                       "altText": "a.png", "text": "A parcel"});
    assert_eq!(shown(image.clone()), image);
    let file = json!({"type": "file", "mediaUrl": "https://example.com/a.pdf"});
    assert_eq!(shown(file.clone()), file);
    let mut nothing_said = file.clone();
    nothing_said["text"] = json!("");
    nothing_said["altText"] = json!("");
    assert_eq!(shown(nothing_said), file);
}

#[test]
fn places_and_items_have_a_text() {
    assert_eq!(
        shown(
            json!({"type": "location", "lat": 45.5261583, "long": -73.595346, "place": {"name": "Office"}})
        ),
        json!({
            "type": "location",
            "text": "Location shared:\nhttps://maps.google.com/maps?q=45.5261583,-73.595346",
            "coordinates": {"lat": 45.5261583, "long": -73.595346},
            "location": {"name": "Office"},
        })
    );
    let items = json!([
        {"_id": "1", "title": "Tacos", "description": "Beef and cheese", "size": "large",
         "mediaUrl": "https://example.com/t.jpg", "mediaType": "image/jpeg", "altText": "tacos",
         "actions": [{"_id": "a", "type": "postback", "text": "Order", "payload": "tacos", "metadata": {"n": 1}},
                     {"_id": "b", "type": "buy", "text": "Pay", "amount": 500, "currency": "usd"},
                     {"_id": "c", "type": "share"}]},
        {"_id": "2", "title": "Burritos", "description": "",
         "actions": [{"_id": "c", "type": "webview", "text": "More", "uri": "https://example.com/b",
                      "fallback": "https://example.com/f", "size": "tall"},
                     {"_id": "d", "type": "share"},
                     {"_id": "e", "type": "reply", "text": "Yes", "payload": "y", "iconUrl": "https://e.com/y"}]},
    ]);
    let bare = json!([
        {"title": "Tacos", "description": "Beef and cheese", "size": "large",
         "mediaUrl": "https://example.com/t.jpg", "mediaType": "image/jpeg", "altText": "tacos",
         "actions": [{"type": "postback", "text": "Order", "payload": "tacos", "metadata": {"n": 1}},
                     {"type": "buy", "text": "Pay", "amount": 500, "currency": "usd"},
                     {"type": "link", "text": "Share", "uri": "https://example.com/t.jpg"}]},
        {"title": "Burritos",
         "actions": [{"type": "webview", "text": "More", "uri": "https://example.com/b",
                      "fallback": "https://example.com/f", "size": "tall"},
                     {"type": "link", "text": "Share", "uri": "about:blank"},
                     {"type": "postback", "text": "Yes", "payload": "y"}]},
    ]);
    let text = "1. Tacos\nBeef and cheese\n\n\n2. Burritos\n\nMore: https://example.com/f";
    let carousel = shown(json!({"type": "carousel", "items": items, "aspect": "square"}));
    let expected = json!({"type": "carousel", "text": text, "items": bare,
                          "displaySettings": {"imageAspectRatio": "square"}});
    assert_eq!(carousel, expected);
    let more = json!([{"_id": "a", "type": "link", "text": "All", "uri": "https://example.com/"}]);
    assert_eq!(
        shown(json!({"type": "list", "items": items, "actions": more})),
        json!({"type": "list", "text": text, "items": bare,
               "actions": [{"type": "link", "text": "All", "uri": "https://example.com/"}]})
    );
}

#[test]
fn buttons_carry_what_they_were_given() {
    let actions = json!([
        {"type": "link", "text": "Open", "uri": "https://example.com/", "default": true,
         "extraChannelOptions": {"messenger": {"webview_share_button": "hide"}}, "metadata": {"a": true}},
        {"type": "reply", "text": "Yes", "payload": "YES", "iconUrl": "https://example.com/y.png"},
        {"type": "locationRequest", "text": "Where?"},
    ]);
    let mut kept = actions.clone();
    kept.as_array_mut().expect("a list").iter_mut().for_each(|action| action["_id"] = json!("1"));
    assert_eq!(
        shown(json!({"type": "text", "text": "", "actions": kept})),
        json!({"type": "text", "text": "", "actions": actions})
    );
}

#[test]
fn forms_and_their_answers_hide_ids() {
    assert_eq!(
        shown(json!({"type": "form", "blockChatInput": true, "fields": [
            {"_id": "1", "type": "text", "name": "who", "label": "Your name?", "minSize": 2, "maxSize": 1000},
            {"_id": "2", "type": "select", "name": "size", "label": "Your size?", "placeholder": "S or M",
             "options": [{"_id": "3", "name": "s", "label": "Small"}]},
        ]})),
        json!({"type": "form", "submitted": false, "blockChatInput": true, "fields": [
            {"type": "text", "name": "who", "label": "Your name?", "minSize": 2},
            {"type": "select", "name": "size", "label": "Your size?", "placeholder": "S or M",
             "options": [{"name": "s", "label": "Small"}]},
        ]})
    );
    let lines = "Your name?: Ann\nYour size?: Small";
    assert_eq!(
        shown(json!({"type": "formResponse", "textFallback": lines, "fields": [
            {"_id": "1", "type": "text", "name": "who", "label": "Your name?", "text": "Ann"},
            {"_id": "2", "type": "select", "name": "size", "label": "Your size?",
             "select": [{"name": "s", "label": "Small"}]},
        ]})),
        json!({"type": "formResponse", "textFallback": lines, "fields": [
            {"type": "text", "name": "who", "label": "Your name?", "text": "Ann"},
            {"type": "select", "name": "size", "label": "Your size?",
             "select": [{"name": "s", "label": "Small"}]},
        ]})
    );
}
