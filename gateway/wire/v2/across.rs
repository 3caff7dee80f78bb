//! That what v2 says survives v1.1: shown there, said there again as it was shown, and shown by v2 once more.

use heliograph_connectors::channel::Body;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::NewMessage;
use crate::model::{Id, Markup, Message, Source, Timestamp};
use crate::wire::{v1, v2};

/// What v1.1 has no word for, by its place; `*` stands for every element of a list.
const LOST: [&[&str]; 14] = [
    &["references"],
    &["author", "subtypes"],
    // A business without a picture has the one that v1.1 shows of it.
    &["author", "avatarUrl"],
    &["content", "htmlText"],
    &["content", "blockChatInput"],
    &["content", "actions", "*", "default"],
    &["content", "actions", "*", "openOnReceive"],
    &["content", "actions", "*", "extraChannelOptions"],
    &["content", "items", "*", "metadata"],
    &["content", "items", "*", "actions", "*", "default"],
    &["content", "items", "*", "actions", "*", "openOnReceive"],
    &["content", "items", "*", "actions", "*", "extraChannelOptions"],
    // v1.1's are the labels of its questions.
    &["content", "text", "of a form"],
    &["content", "fields", "*", "format"],
];

fn at() -> Timestamp {
    Timestamp::from_millis(1_500_000_000_123)
}

fn bare(author: crate::model::Author, body: Body) -> Message {
    let Body::Content(content) = body else { panic!("content") };
    let id = Id::new("5963c0d619a30a2e00de36b8");
    Message { id, ..Message::new(&Id::new("c"), author, at(), content, Source::of("api")) }
}

/// The message that a post of v2 becomes.
fn said_by_v2(post: &Value) -> Message {
    let NewMessage { speaker, said, references, metadata, .. } =
        NewMessage::parse(post.to_string().as_bytes(), at()).unwrap_or_else(|no| panic!("{post}: {no}"));
    Message {
        metadata,
        references,
        payload: said.payload,
        block_chat_input: said.block_chat_input,
        markup: said.html_text.map(Markup::Html),
        ..bare(speaker.author, said.body)
    }
}

/// The same, as v1.1 shows it and is told it again.
fn said_by_v1(shown: &Value) -> Message {
    let post = v1::PostMessage::parse(shown.to_string().as_bytes(), at())
        .unwrap_or_else(|no| panic!("{shown}: {no}"));
    Message { metadata: post.metadata, payload: post.payload, ..bare(post.author, post.body) }
}

/// Without what is lost.
fn lessened(mut shown: Value) -> Value {
    let is_form = shown["content"]["type"] == "form";
    for path in LOST {
        match path {
            ["content", "text", "of a form"] if is_form => take(&mut shown, &path[..2]),
            // In a form v1.1 has it, and takes none for false.
            ["content", "blockChatInput"] if is_form && shown["content"]["blockChatInput"] == true => {}
            path => take(&mut shown, path),
        }
    }
    shown
}

fn take(value: &mut Value, path: &[&str]) {
    match (path, value) {
        ([last], Value::Object(members)) => {
            members.remove(*last);
        }
        (["*", rest @ ..], Value::Array(all)) => all.iter_mut().for_each(|each| take(each, rest)),
        ([first, rest @ ..], Value::Object(members)) => {
            members.get_mut(*first).into_iter().for_each(|member| take(member, rest));
        }
        _ => {}
    }
}

fn text() -> impl Strategy<Value = String> {
    "[A-Za-z0-9 <>&\u{e9}\u{1f4e6}]{1,20}"
}

fn facts() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map("[a-z]{1,4}", any::<bool>(), 0..3).prop_map(|facts| json!(facts))
}

fn maybe(key: &'static str, value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    proptest::option::of(value).prop_map(move |value| match value {
        Some(value) => json!({ key: value }),
        None => json!({}),
    })
}

/// One object of several.
fn all(parts: Vec<BoxedStrategy<Value>>) -> BoxedStrategy<Value> {
    parts
        .prop_map(|parts| {
            let members = parts.into_iter().filter_map(|part| part.as_object().cloned()).flatten();
            Value::Object(members.collect::<Map<_, _>>())
        })
        .boxed()
}

fn words(key: &'static str) -> BoxedStrategy<Value> {
    maybe(key, text().prop_map(Value::from)).boxed()
}

fn flag(key: &'static str) -> BoxedStrategy<Value> {
    maybe(key, any::<bool>().prop_map(Value::from)).boxed()
}

fn url(key: &'static str) -> BoxedStrategy<Value> {
    "[a-z]{1,9}".prop_map(move |page| json!({ key: format!("https://example.com/{page}") })).boxed()
}

fn just(object: Value) -> BoxedStrategy<Value> {
    Just(object).boxed()
}

fn lasting_action() -> BoxedStrategy<Value> {
    let options = || just(json!({"extraChannelOptions": {"messenger": {"messenger_extensions": true}}}));
    let metadata = || maybe("metadata", facts()).boxed();
    prop_oneof![
        all(vec![
            just(json!({"type": "link", "text": "a"})),
            url("uri"),
            flag("default"),
            metadata(),
            options()
        ]),
        all(vec![just(json!({"type": "postback", "text": "b", "payload": "B"})), metadata()]),
        all(vec![just(json!({"type": "buy", "text": "c", "amount": 500, "currency": "eur"})), metadata()]),
        all(vec![
            just(json!({"type": "webview", "text": "d", "size": "tall"})),
            url("uri"),
            url("fallback"),
            flag("default"),
            options(),
        ]),
    ]
    .boxed()
}

fn actions() -> BoxedStrategy<Value> {
    let quick = prop_oneof![
        all(vec![
            just(json!({"type": "reply", "text": "e", "payload": "E"})),
            maybe("metadata", facts()).boxed()
        ]),
        just(json!({"type": "locationRequest", "text": "f"})),
    ];
    let lists = prop_oneof![
        proptest::collection::vec(lasting_action(), 1..4),
        proptest::collection::vec(quick, 1..4),
    ];
    maybe("actions", lists.prop_map(Value::from)).boxed()
}

fn items() -> BoxedStrategy<Value> {
    let acts = proptest::collection::vec(lasting_action(), 1..=3).prop_map(|all| json!({ "actions": all }));
    let title = text().prop_map(|title| json!({ "title": title })).boxed();
    let facts = maybe("metadata", facts()).boxed();
    let item = all(vec![title, acts.boxed(), words("description"), words("altText"), url("mediaUrl"), facts]);
    proptest::collection::vec(item, 1..=10).prop_map(|all| json!({ "items": all })).boxed()
}

fn fields() -> BoxedStrategy<Value> {
    let option = text().prop_map(|text| json!({"name": text, "label": text}));
    let options = proptest::collection::vec(option, 1..=20).prop_map(|all| json!({ "options": all }));
    let field = prop_oneof![
        all(vec![
            just(json!({"type": "text", "minSize": 2, "maxSize": 9, "format": "integer"})),
            words("placeholder")
        ]),
        just(json!({"type": "email"})),
        all(vec![just(json!({"type": "select"})), options.boxed()]),
    ];
    let named = |(at, mut field): (usize, Value)| {
        field["name"] = json!(format!("question-{at}"));
        field["label"] = json!("Which?");
        field
    };
    proptest::collection::vec(field, 1..=20)
        .prop_map(move |all| json!({ "fields": all.into_iter().enumerate().map(named).collect::<Vec<_>>() }))
        .boxed()
}

fn content() -> BoxedStrategy<Value> {
    let kind = |kind: &str| just(json!({ "type": kind }));
    let said = || text().prop_map(|text| json!({ "text": text })).boxed();
    let html = || just(json!({"htmlText": "<b>bold</b> and <i>not</i>"}));
    prop_oneof![
        all(vec![kind("text"), said(), actions(), words("payload"), flag("blockChatInput")]),
        all(vec![kind("text"), html(), words("text")]),
        all(vec![kind("image"), url("mediaUrl"), words("text"), words("altText"), actions()]),
        all(vec![kind("file"), url("mediaUrl"), words("altText"), html()]),
        just(json!({"type": "location", "coordinates": {"lat": 45.5, "long": -73.25}, "location": {"name": "Office"}})),
        all(vec![kind("carousel"), items(), just(json!({"displaySettings": {"imageAspectRatio": "square"}}))]),
        all(vec![kind("list"), items()]),
        all(vec![kind("form"), fields(), words("text"), flag("blockChatInput")]),
    ]
    .boxed()
}

fn post() -> BoxedStrategy<Value> {
    let author = all(vec![
        just(json!({"type": "business", "subtypes": ["AI"]})),
        words("displayName"),
        url("avatarUrl"),
    ]);
    let user = all(vec![just(json!({"type": "user", "userId": "ada"})), words("displayName")]);
    let references = json!({"references": [{"uri": "https://example.com/"}]});
    let business = all(vec![
        author.prop_map(|author| json!({ "author": author })).boxed(),
        content().prop_map(|content| json!({ "content": content })).boxed(),
        maybe("metadata", facts()).boxed(),
        just(references),
    ]);
    let person = all(vec![
        user.prop_map(|author| json!({ "author": author })).boxed(),
        text().prop_map(|text| json!({"content": {"type": "text", "text": text, "payload": "p"}})).boxed(),
    ]);
    prop_oneof![9 => business, 1 => person].boxed()
}

proptest! {
    #[test]
    fn what_v2_says_survives_v1(post in post()) {
        let message = said_by_v2(&post);
        let again = said_by_v1(&v1::message(&message));
        let (mut one, other) = (lessened(v2::message(&message)), lessened(v2::message(&again)));
        // A path names the person in v1.1.
        if let Some(author) = one["author"].as_object_mut() {
            author.remove("userId");
        }
        prop_assert_eq!(one, other);
    }
}

#[test]
fn every_loss_is_one() {
    let post = json!({
        "author": {"type": "business", "subtypes": ["AI"]}, "references": [{"uri": "https://example.com/"}],
        "content": {"type": "text", "htmlText": "<b>a</b>", "blockChatInput": true, "actions": [
            {"type": "webview", "text": "a", "uri": "https://example.com/", "fallback": "https://example.com/",
             "default": true, "openOnReceive": true, "extraChannelOptions": {"messenger": {"messenger_extensions": true}}}]},
    });
    let message = said_by_v2(&post);
    let again = v2::message(&said_by_v1(&v1::message(&message)));
    let shown = v2::message(&message);
    for (place, key) in
        [("/content", "htmlText"), ("/content", "blockChatInput"), ("/content/actions/0", "openOnReceive")]
    {
        let at = |value: &Value| value.pointer(place).and_then(|object| object.get(key)).cloned();
        assert!(at(&shown).is_some() && at(&again).is_none(), "{place} {key}");
    }
    assert!(shown.get("references").is_some() && again.get("references").is_none());
}
