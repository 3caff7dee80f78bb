//! What people become, and how they are reached.

use super::*;
use crate::model::{ClientStatus, Departed, Union};

fn shown(client: &Client) -> Value {
    views::client(client)
}

#[test]
fn a_link_begins_moves_and_ends() {
    let pending = Client { status: ClientStatus::Pending, ..sample::client() };
    let seen = |client: &Client, reason: &str| json!({"conversation": conversation(), "user": alice(), "client": shown(client), "reason": reason});
    let mut begun = seen(&pending, "channelLinking");
    begun["source"] = json!({"type": "api:conversations"});
    check(What::LinkStarted { user: sample::user(), client: pending.clone() }, "client:add", begun);
    let moved = |outcome, client: Option<Client>| What::Link {
        outcome,
        user: sample::user(),
        channel: "whatsapp".into(),
        criteria: Map::new(),
        client,
    };
    check(moved(LinkOutcome::Match, Some(pending.clone())), "client:update", seen(&pending, "matched"));
    let linked = sample::client();
    check(moved(LinkOutcome::Success, Some(linked.clone())), "client:update", seen(&linked, "confirmed"));
    assert_eq!(trigger(&happened(moved(LinkOutcome::Success, None))), None, "nothing to show");
    assert_eq!(trigger(&happened(moved(LinkOutcome::Failure(refused()), Some(pending)))), None);
    let user = sample::user();
    let added = What::ClientAdded { user, client: linked.clone(), reason: "channelLinking".into() };
    assert_eq!(trigger(&happened(added)), None, "it was told when the link began");
    let blocked = Client { status: ClientStatus::Blocked, ..linked };
    let changed =
        What::ClientChanged { user: sample::user(), client: blocked.clone(), reason: "blocked".into() };
    check(changed, "client:update", seen(&blocked, "blocked"));
}

#[test]
fn an_identity_goes() {
    let removed = |reason: &str, error| What::ClientRemoved {
        user: sample::user(),
        client: sample::client(),
        reason: reason.into(),
        error,
    };
    let mut expected = json!({"user": alice(), "client": shown(&sample::client()), "reason": "api",
                              "source": {"type": "api:conversations"}});
    check(removed("api", None), "client:remove", expected.clone());
    expected["conversation"] = conversation();
    expected["reason"] = json!("theft");
    expected["source"] = whatsapp();
    check(removed("theft", None), "client:remove", expected.clone());
    expected["reason"] = json!("linkFailed");
    expected["error"] = json!({"code": "bad_request", "message": "Re-engagement message",
                               "underlyingError": {"errors": [{"code": 470}]}});
    check(removed("linkFailed", Some(refused())), "client:remove", expected);
}

#[test]
fn people_turn_out_to_be_one() {
    let gone = User { id: Id::new("4a9006a2b1a17bebf00542ac"), ..sample::user() };
    let merged = |details: Option<Union>| What::Merged {
        surviving: sample::user(),
        discarded: vec![Departed::of(&gone)],
        details: details.map(Box::new),
    };
    let other = json!({"id": "4a9006a2b1a17bebf00542ac", "authenticated": false});
    let mut expected = json!({"mergedUsers": {"surviving": alice(), "discarded": other}, "reason": "api"});
    check(merged(None), "user:merge", expected.clone());
    let other = Held { id: Id::new("0a01d368966f45bb6bd7d41d"), ..held() };
    let second = Client { id: Id::new("5c8a5b90fa8624128cc5ba34"), ..sample::client() };
    let details = Union {
        reason: "channelLinking".into(),
        discarded: gone.clone(),
        conversations: Some((held(), other)),
        clients: Some((sample::client(), second.clone())),
        discarded_metadata: Map::from_iter([("much".to_owned(), json!("too much"))]),
    };
    expected["reason"] = json!("channelLinking");
    expected["mergedConversations"] = json!({
        "surviving": conversation(),
        "discarded": {"id": "0a01d368966f45bb6bd7d41d", "type": "personal"},
    });
    expected["mergedClients"] = json!({"surviving": shown(&sample::client()), "discarded": shown(&second)});
    expected["discardedMetadata"] = json!({"much": "too much"});
    check(merged(Some(details)), "user:merge", expected);
}

#[test]
fn people_change_and_go() {
    let proved =
        User { authenticated: true, external_id: Some("alice@example.com".into()), ..sample::user() };
    let known =
        json!({"id": "4a9006a2b1a17bebf00542ab", "externalId": "alice@example.com", "authenticated": true});
    let what = What::UserUpdated {
        user: proved.clone(),
        reason: "authentication".into(),
        source: Source::of("api"),
    };
    let expected =
        json!({"user": known, "reason": "authentication", "source": {"type": "api:conversations"}});
    check(what, "user:update", expected);
    check(What::UserDeleted { user: Departed::of(&proved) }, "user:remove", json!({"user": known}));
}
