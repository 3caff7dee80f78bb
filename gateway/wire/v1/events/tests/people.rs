//! What is told of what people do, and of who they turn out to be.

use heliograph_connectors::channel::Action;
use serde_json::json;

use super::*;

/// Where the person of the samples writes from.
fn source() -> Source {
    Source {
        client: Some(sample::client().id),
        integration: Some(sample::client().integration),
        ..Source::of("whatsapp")
    }
}

/// A payload with what all of these events have.
fn told(trigger: &str, facts: Value) -> Value {
    let mut body = json!({
        "trigger": trigger,
        "app": {"_id": "5babc57a79ace012bba4781a"},
        "version": "v1.1",
        "appUser": {"_id": "4a9006a2b1a17bebf00542ab", "conversationStarted": true},
        "conversation": {"_id": "0a01d368966f45bb6bd7d41c"},
        "timestamp": 1480001440.731
    });
    body.as_object_mut().expect("an object").extend(facts.as_object().expect("an object").clone());
    body
}

fn from_whatsapp() -> Value {
    json!({"type": "whatsapp", "integrationId": "5b354bdab42a1d61143ccc26"})
}

fn referral() -> Referral {
    Referral {
        code: "summer".into(),
        details: json!({"source": "ADS", "type": "OPEN_THREAD", "adId": "6045246247433"}),
    }
}

#[test]
fn a_known_button_is_told_with_the_message_it_stands_under() {
    let action = Action::Postback {
        id: "5cc9e8a40e2a2a0010a4f8a5".into(),
        text: "Order".into(),
        payload: "TACOS".into(),
        metadata: Map::from_iter([("dish".to_owned(), json!(7))]),
    };
    let shown = json!({"_id": "5cc9e8a40e2a2a0010a4f8a5", "type": "postback", "text": "Order",
                       "payload": "TACOS", "uri": "", "metadata": {"dish": 7}});
    check(
        What::Postback {
            user: sample::user(),
            client: None,
            payload: "TACOS".into(),
            source: source(),
            message: Some(sample::notified()),
            action: Some(action),
        },
        told(
            "postback",
            json!({"postbacks": [{"message": super::message(&sample::notified()), "action": shown}]}),
        ),
    );
}

#[test]
fn a_press_queued_before_buttons_were_known_is_still_told() {
    let mut kept = serde_json::to_value(What::Postback {
        user: sample::user(),
        client: None,
        payload: "TACOS".into(),
        source: source(),
        message: None,
        action: None,
    })
    .expect("JSON");
    let fields = kept.as_object_mut().expect("an object");
    assert!(fields.remove("message").is_some() && fields.remove("action").is_some());
    let read = serde_json::from_value(kept).expect("the old form");
    check(
        read,
        told("postback", json!({"postbacks": [{"action": {"type": "postback", "payload": "TACOS"}}]})),
    );
}

#[test]
fn a_conversation_starts() {
    for (referral, facts) in [
        (None, json!({"source": from_whatsapp()})),
        (
            Some(referral()),
            json!({"source": from_whatsapp(), "referral": {"code": "summer",
                   "details": {"source": "ADS", "type": "OPEN_THREAD", "adId": "6045246247433"}}}),
        ),
    ] {
        check(
            What::ConversationStarted {
                user: Some(sample::user()),
                reason: CreationReason::Message,
                client: None,
                source: source(),
                referral,
            },
            told("conversation:start", facts),
        );
    }
    check(
        What::ConversationStarted {
            user: Some(sample::user()),
            reason: CreationReason::LinkRequest,
            client: None,
            source: Source::of("api"),
            referral: None,
        },
        told("conversation:start", json!({"source": {"type": "api"}})),
    );
}

#[test]
fn a_person_has_read() {
    let read = || What::Read {
        by: Role::User,
        user: Some(sample::user()),
        client: Some(sample::client()),
        source: source(),
    };
    check(read(), told("conversation:read", json!({"source": from_whatsapp()})));
    let webhook = Webhook { include_client: true, ..sample::webhook() };
    let facts =
        json!({"source": from_whatsapp(), "client": super::client_of(&sample::user(), &sample::client())});
    check_for(&webhook, read(), told("conversation:read", facts));
}

#[test]
fn a_person_comes_back_through_a_link() {
    let bare = Referral { details: Value::Null, ..referral() };
    check(
        What::Referral { user: sample::user(), client: None, source: source(), referral: bare },
        told("conversation:referral", json!({"source": from_whatsapp(), "referral": {"code": "summer"}})),
    );
    check(
        What::Referral { user: sample::user(), client: None, source: source(), referral: referral() },
        told(
            "conversation:referral",
            json!({"source": from_whatsapp(), "referral": {"code": "summer",
                   "details": {"source": "ADS", "type": "OPEN_THREAD", "adId": "6045246247433"}}}),
        ),
    );
}

#[test]
fn a_person_types_and_pauses() {
    for (started, activity) in [(true, "typing:start"), (false, "typing:stop")] {
        check(
            What::Typing {
                by: Role::User,
                user: Some(sample::user()),
                client: None,
                source: source(),
                started,
            },
            told("typing:appUser", json!({"source": from_whatsapp(), "activity": {"type": activity}})),
        );
    }
}

#[test]
fn two_people_are_one() {
    let alias = User {
        id: Id::new("4a9006a2b1a17bebf00542ac"),
        external_id: Some("alice@example.com".into()),
        conversation_started: false,
        ..sample::user()
    };
    let webhook = Webhook { include_full_user: true, ..sample::webhook() };
    check_for(
        &webhook,
        What::Merged { surviving: sample::user(), discarded: vec![Departed::of(&alias)], details: None },
        json!({
            "trigger": "merge:appUser",
            "app": {"_id": "5babc57a79ace012bba4781a"},
            "version": "v1.1",
            "surviving": {"_id": "4a9006a2b1a17bebf00542ab", "conversationStarted": true},
            "discarded": [{"_id": "4a9006a2b1a17bebf00542ac", "userId": "alice@example.com",
                           "conversationStarted": false}]
        }),
    );
}

#[test]
fn of_an_erased_person_only_the_names_are_told_and_kept() {
    let webhook = Webhook { include_client: true, include_full_user: true, ..sample::webhook() };
    let user = User { external_id: Some("alice@example.com".into()), ..sample::user() };
    let what = What::UserDeleted { user: Departed::of(&user) };
    let kept = serde_json::to_string(&what).expect("JSON");
    assert!(!kept.contains("Alice") && !kept.contains("+15145550155"), "{kept}");
    check_for(
        &webhook,
        what,
        json!({
            "trigger": "appUser:delete",
            "app": {"_id": "5babc57a79ace012bba4781a"},
            "version": "v1.1",
            "appUser": {"_id": "4a9006a2b1a17bebf00542ab", "userId": "alice@example.com",
                        "conversationStarted": true},
            "timestamp": 1480001440.731
        }),
    );
}
