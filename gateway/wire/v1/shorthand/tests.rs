//! Each form of shorthand, alone and among others, and that a text is never lost.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::wire::v1::content::content;

fn stored() -> HashMap<String, Content> {
    HashMap::from([("hours".to_owned(), Content::text("From nine to five"))])
}

fn spoken(text: &str) -> Result<Vec<Spoken>, Invalid> {
    let shorthand = Shorthand::read(text).expect("shorthand");
    shorthand.spoken(&stored(), Vec::new(), Timestamp::from_millis(0))
}

/// What a text becomes, without the ids of its buttons.
fn shown(text: &str) -> Value {
    let shown = |one: &Spoken| {
        let mut shown = Value::from(content(&one.content));
        let actions = shown.get_mut("actions").and_then(Value::as_array_mut);
        for action in actions.into_iter().flatten() {
            let action = action.as_object_mut().expect("an action");
            action.retain(|key, value| key != "_id" && value != "");
        }
        shown
    };
    spoken(text).expect("messages").iter().map(shown).collect()
}

#[test]
fn buttons_stand_in_the_text() {
    let link = json!({"type": "link", "text": "Open", "uri": "https://example.com/a_(b)"});
    let reply = json!({"type": "reply", "text": "Yes", "payload": "YES"});
    for (text, said, actions) in [
        ("See %[Open](https://example.com/a_(b))", "See", json!([link])),
        ("%[Open](https://example.com/a_(b))", "", json!([link])),
        ("Well? %[Yes](reply:YES) or not", "Well? or not", json!([reply])),
        ("Well?\n%[Yes](reply:YES)\n%[Yes](reply:YES)\nSay it", "Well?\nSay it", json!([reply, reply])),
        ("a%[Go](postback:a:b)b", "ab", json!([{"type": "postback", "text": "Go", "payload": "a:b"}])),
        ("Where?%[Here](location)", "Where?", json!([{"type": "locationRequest", "text": "Here"}])),
        ("$[Buy](25.5)", "", json!([{"type": "buy", "text": "Buy", "amount": 2550, "currency": "usd"}])),
    ] {
        let mut expected = json!([{"type": "text", "text": said, "actions": actions}]);
        if text.starts_with('$') {
            expected[0]["actions"][0]["state"] = "offered".into();
        }
        assert_eq!(shown(text), expected, "{text}");
    }
    let refused = spoken("%[Yes](reply:Y) %[Open](https://example.com)").expect_err("they do not mix");
    assert_eq!(refused.path, "text");
}

#[test]
fn a_picture_takes_the_text_and_every_further_one_is_a_message() {
    let image = |text: &str, url: &str| json!({"type": "image", "text": text, "mediaUrl": url});
    let (one, two) = ("https://example.com/1.png", "https://example.com/2.png");
    assert_eq!(shown(&format!("Look ![]({one}) here")), json!([image("Look here", one)]));
    assert_eq!(shown(&format!("![]({one})![]({two})!")), json!([image("", one), image("!", two)]));
}

#[test]
fn a_stored_template_is_a_message_between_the_others() {
    let text = |text: &str| json!({"type": "text", "text": text});
    let hours = text("From nine to five");
    for form in ["%((template:hours))%", "%{{template: hours}}%", "%(( template: hours ))%"] {
        assert_eq!(shown(&format!("Hi {form} bye")), json!([text("Hi"), hours, text("bye")]), "{form}");
        assert_eq!(shown(form), json!([hours]));
    }
    assert_eq!(shown("Hi %((template:other))% bye"), json!([text("Hi %((template:other))% bye")]));
    let many = "%((template:hours))%".repeat(MESSAGES_MAX + 1);
    assert!(spoken(&many).is_err());
    let shorthand = Shorthand::read("%((template:a))%%((template:b))%%((template:a))%").expect("shorthand");
    assert_eq!(shorthand.names(), ["a", "b"]);
}

#[test]
fn what_stood_beside_the_text_goes_with_its_end() {
    let action = action(&Meaning::Reply { label: "Yes", payload: "Y" }, Timestamp::from_millis(0));
    let beside: Vec<Action> = action.into_iter().collect();
    let shorthand = Shorthand::read("Hi %((template:hours))%").expect("shorthand");
    let spoken = shorthand.spoken(&stored(), beside.clone(), Timestamp::from_millis(0)).expect("messages");
    assert_eq!(spoken.len(), 3);
    assert_eq!(spoken[2].content, Content::Text { text: String::new(), actions: beside });
}

#[test]
fn a_whatsapp_template_has_its_own_words_and_a_fallback() {
    let parts = [
        "template=[[hi]]",
        "fallback=[[Hello [1]]]",
        "language=[[nl]]",
        "header_image=[[https://e.org/a]]",
        "body_text=[[Ann]]",
        "body_text=[[two words]]",
        "button_text=[[x]]",
        "namespace=[[n]]",
    ];
    let expected = json!({"type": "template", "template": {
    "name": "hi", "namespace": "n", "language": {"code": "nl"}, "components": [
        {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://e.org/a"}}]},
        {"type": "body", "parameters": [{"type": "text", "text": "Ann"}, {"type": "text", "text": "two words"}]},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "x"}]},
    ]}});
    for between in [" ", "", "\n"] {
        let spoken = spoken(&format!("&(({}))&", parts.join(between))).expect("a message");
        let told = Spoken { content: Content::text("Hello [1]"), whatsapp: Some(expected.clone()) };
        assert_eq!(spoken, [told], "{between:?}");
    }
    let bare = spoken("Hi &((template=[[hi]]))&").expect("messages");
    assert_eq!((bare.len(), &bare[1].content), (2, &Content::text("hi")));
    for wrong in ["&((template=[[hi]] colour=[[red]]))&", "&((fallback=[[hi]]))&", "&((template=[[]]))&"] {
        assert_eq!(spoken(wrong).expect_err("a refusal").path, "text", "{wrong}");
    }
}

#[test]
fn what_is_no_shorthand_is_text() {
    for text in [
        "100%",
        "%[](https://example.com)",
        "%[a](nowhere)",
        "%[a\nb](https://example.com)",
        "%[a](https://example.com",
        "%[a]",
        "$[a](free)",
        "$[a](0.00)",
        "$[a](1.234)",
        "$[](1)",
        "![](a.png)",
        "![](ftp://example.com/a)",
        "%((hours))%",
        "%((template:))%",
        "%((template:a}}%",
        "&(())&",
        "&((a))&",
        "&((template=[[a]]",
        "&((template=[[a))&",
        "",
    ] {
        assert_eq!(Shorthand::read(text), None, "{text:?}");
    }
    assert_eq!(
        shown("%[a %[b](location)"),
        json!([{"type": "text", "text": "%[a",
        "actions": [{"type": "locationRequest", "text": "b"}]}])
    );
}

/// Texts in which the signs of shorthand are likely.
fn signs() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("%["),
        Just("]("),
        Just(")"),
        Just("$["),
        Just("!["),
        Just("%(("),
        Just("))%"),
        Just("%{{"),
        Just("}}%"),
        Just("&(("),
        Just("))&"),
        Just("template:"),
        Just("template=[["),
        Just("]]"),
        Just("body_text=[["),
        Just("hours"),
        Just("reply:"),
        Just("location"),
        Just("https://example.com"),
        Just("1.50"),
        Just(" "),
        Just("\n"),
        Just("é"),
        Just("🙂"),
        Just("%"),
    ];
    proptest::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn nothing_of_a_text_is_lost(text in prop_oneof![signs(), any::<String>()]) {
        let raw: String = tokens(&text).iter().map(|token| token.raw).collect();
        prop_assert_eq!(&raw, &text);
        if let Some(shorthand) = Shorthand::read(&text) {
            if let Ok(spoken) = shorthand.spoken(&stored(), Vec::new(), Timestamp::from_millis(0)) {
                prop_assert!(spoken.len() <= MESSAGES_MAX);
            }
            // Where no template is known, one that stands alone is the text it was.
            let only_stored = shorthand.0.iter().all(|token| matches!(token.means, Meaning::Text | Meaning::Stored { .. }));
            if only_stored {
                let spoken = shorthand.spoken(&HashMap::new(), Vec::new(), Timestamp::from_millis(0));
                prop_assert_eq!(spoken, Ok(vec![Spoken { content: Content::text(&*text), whatsapp: None }]));
            }
        }
    }

    #[test]
    fn a_text_without_signs_is_plain(text in "[^%$!&]*") {
        prop_assert_eq!(Shorthand::read(&text), None);
    }
}
