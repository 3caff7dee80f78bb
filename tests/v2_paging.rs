//! Lists of v2 read page by page, while others come and go.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::config::APP;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    messages_are_read_backwards_while_others_come_and_go,
    messages_are_read_forwards_from_any_place,
    conversations_are_read_both_ways_while_others_come,
}

fn of(rest: &str) -> String {
    format!("/v2/apps/{APP}/conversations{rest}")
}

fn text(text: &str) -> Value {
    json!({"author": {"type": "business"}, "content": {"type": "text", "text": text}})
}

/// A conversation with so many messages, and their ids.
async fn talk(rig: &Rig, count: usize) -> (String, Vec<String>) {
    let user = rig.user("steveb@example.com").await;
    let asked = json!({"type": "personal", "participants": [{"userId": user}]});
    let made = rig.gateway.api().post(&of(""), &asked).await.expect(201)["conversation"].clone();
    let path = of(&format!("/{}/messages", made["id"].as_str().expect("an id")));
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(say(&rig.gateway.api(), &path, &number.to_string()).await);
    }
    (path, ids)
}

async fn say(api: &Api, path: &str, said: &str) -> String {
    let answer = api.post(path, &text(said)).await.expect(201);
    answer["messages"][0]["id"].as_str().expect("an id").to_owned()
}

fn ids_of(page: &Value, list: &str) -> Vec<String> {
    let entries = page[list].as_array().expect("a list");
    entries.iter().map(|entry| entry["id"].as_str().expect("an id").to_owned()).collect()
}

fn cursor<'a>(page: &'a Value, side: &str) -> Option<&'a str> {
    page["meta"][side].as_str()
}

async fn messages_are_read_backwards_while_others_come_and_go(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (api, (path, ids)) = (rig.gateway.api(), talk(&rig, 260).await);
    let mut page = api.get(&path).await.expect(200);
    assert_eq!(ids_of(&page, "messages"), ids[160..], "the newest hundred, oldest first");
    assert_eq!((page["meta"]["hasMore"].clone(), cursor(&page, "afterCursor")), (json!(true), None));
    let (mut seen, mut turn) = (ids_of(&page, "messages"), 0);
    while let Some(before) = cursor(&page, "beforeCursor") {
        // One is added, and the one that the next page is asked from is taken away.
        say(&api, &path, "meanwhile").await;
        api.delete(&format!("{path}/{before}")).await.expect(200);
        let query = match turn % 2 {
            0 => format!("?page[before]={before}&page[size]=7"),
            _ => format!("?page=%7B%22before%22%3A%22{before}%22%7D"),
        };
        page = api.get(&format!("{path}{query}")).await.expect(200);
        seen.splice(0..0, ids_of(&page, "messages"));
        turn += 1;
    }
    assert_eq!((turn, page["meta"]["hasMore"].clone()), (2, json!(false)));
    assert_eq!(seen, ids, "nothing twice, nothing missing");
    assert!(page["links"].get("prev").is_none() && page["links"]["next"].is_string(), "{}", page["links"]);
}

async fn messages_are_read_forwards_from_any_place(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (api, (path, ids)) = (rig.gateway.api(), talk(&rig, 120).await);
    let page = api.get(&format!("{path}?page%5Bafter%5D={}", ids[4])).await.expect(200);
    assert_eq!(ids_of(&page, "messages"), ids[5..105]);
    assert_eq!(cursor(&page, "beforeCursor"), Some(ids[5].as_str()));
    let link = page["links"]["next"].as_str().expect("there is more");
    let last = api.get(&link[link.find("/v2/").expect("a path")..]).await.expect(200);
    assert_eq!((ids_of(&last, "messages"), &last["meta"]["hasMore"]), (ids[105..].to_vec(), &json!(false)));
    api.delete(&path).await.expect(200);
    let empty = api.get(&path).await.expect(200);
    assert_eq!(empty, json!({"messages": [], "meta": {"hasMore": false}}));
}

async fn conversations_are_read_both_ways_while_others_come(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (api, user) = (rig.gateway.api(), rig.user("steveb@example.com").await);
    let asked = json!({"type": "personal", "participants": [{"userId": user}]});
    let make = async || {
        let made = api.post(&of(""), &asked).await.expect(201);
        made["conversation"]["id"].as_str().expect("an id").to_owned()
    };
    let mut ids = Vec::new();
    for _ in 0..23 {
        ids.push(make().await);
    }
    let list =
        async |query: String| api.get(&of(&format!("?filter[userId]={user}&{query}"))).await.expect(200);
    let mut page = list("page[size]=5".to_owned()).await;
    let mut seen = ids_of(&page, "conversations");
    while let Some(after) = cursor(&page, "afterCursor").filter(|_| seen.len() < 40) {
        ids.push(make().await);
        page = list(format!("page[size]=5&page[after]={after}")).await;
        seen.extend(ids_of(&page, "conversations"));
    }
    assert_eq!(seen, ids[..seen.len()]);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "nothing twice");
    let mut back = Vec::new();
    let mut before = ids[20].clone();
    loop {
        let page = list(format!("page=%7B%22before%22%3A%22{before}%22%2C%22size%22%3A6%7D")).await;
        back.splice(0..0, ids_of(&page, "conversations"));
        let Some(cursor) = cursor(&page, "beforeCursor") else { break };
        before = cursor.to_owned();
        let removed = api.delete(&of(&format!("/{before}"))).await;
        assert!([200, 400].contains(&removed.status), "the default one stays");
    }
    assert_eq!(back, ids[..20]);
}
