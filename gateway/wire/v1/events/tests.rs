//! Every payload, as a whole.

mod people;

use serde_json::json;

use super::*;
use crate::model::Timestamp;
use crate::wire::v1::sample;

#[track_caller]
fn check(what: What, expected: Value) {
    check_for(&sample::webhook(), what, expected);
}

#[track_caller]
fn check_for(webhook: &Webhook, what: What, expected: Value) {
    let event = Event {
        id: Id::fresh_uuid(Timestamp::from_millis(0)),
        app: Id::new("5babc57a79ace012bba4781a"),
        at: Timestamp::from_millis(1_480_001_440_731),
        conversation: None,
        what,
    };
    assert_eq!(payload(webhook, &event), expected);
}

fn said(client: Option<Client>, recent_notifications: Vec<Message>) -> What {
    What::Message { message: sample::reply(), user: Some(sample::user()), client, recent_notifications }
}

fn delivery(told: Notified, subject: DeliverySubject, user: Option<User>) -> What {
    What::Delivery {
        told,
        subject,
        destination: EventDestination {
            kind: "whatsapp".into(),
            integration: Id::new("5b354bdab42a1d61143ccc26"),
            address: "+15145550155".into(),
        },
        external_ids: vec!["wamid.1".into()],
        conversation: user.as_ref().map(|user| user.conversation.clone()),
        user,
    }
}

fn refused() -> DeliveryError {
    DeliveryError {
        code: heliograph_connectors::channel::Code::BadRequest,
        message: "Re-engagement message".into(),
        underlying: Some(json!({"errors": [{"code": 470, "title": "outside the window"}]})),
    }
}

fn notification() -> DeliverySubject {
    DeliverySubject::Notification("e361392f-7dd3-4bdb-8844-d0d002ac7f72".into())
}

#[test]
fn a_reply_brings_the_notifications_before_it() {
    check(
        said(Some(sample::client()), vec![sample::notified()]),
        json!({
            "trigger": "message:appUser",
            "app": {"_id": "5babc57a79ace012bba4781a"},
            "version": "v1.1",
            "messages": [{
                "type": "text",
                "text": "This is a user reply to a notification",
                "role": "appUser",
                "received": 1552571286.396,
                "name": "Alice",
                "authorId": "4a9006a2b1a17bebf00542ab",
                "_id": "5c8a5b96bac2a4128e5225ec",
                "source": {"type": "whatsapp", "integrationId": "5b354bdab42a1d61143ccc26"}
            }],
            "appUser": {"_id": "4a9006a2b1a17bebf00542ab", "conversationStarted": true},
            "conversation": {"_id": "0a01d368966f45bb6bd7d41c"},
            "recentNotifications": [{
                "_id": "5c8a5b90fa8624128cc5ba32",
                "role": "appMaker",
                "type": "text",
                "text": "This is a sample notification.",
                "authorId": "Ya0ZFKZqgJ3rlzgWpTUqM2",
                "avatarUrl":
                    "https://www.gravatar.com/avatar/00000000000000000000000000000000.png?s=200&d=mm",
                "received": 1552571280.984,
                "source": {"type": "notification"}
            }]
        }),
    );
}

#[test]
fn a_webhook_may_ask_for_the_client_and_the_whole_user() {
    let webhook = Webhook { include_client: true, include_full_user: true, ..sample::webhook() };
    check_for(
        &webhook,
        said(Some(sample::client()), Vec::new()),
        json!({
            "trigger": "message:appUser",
            "app": {"_id": "5babc57a79ace012bba4781a"},
            "version": "v1.1",
            "messages": [super::message(&sample::reply())],
            "appUser": {
                "_id": "4a9006a2b1a17bebf00542ab",
                "conversationStarted": true,
                "givenName": "Alice",
                "signedUpAt": "2019-03-14T13:48:00.984Z",
                "properties": {"favoriteFood": "prizza"}
            },
            "conversation": {"_id": "0a01d368966f45bb6bd7d41c"},
            "client": {
                "_id": "5c8a5b90fa8624128cc5ba33",
                "id": "5c8a5b90fa8624128cc5ba33",
                "platform": "whatsapp",
                "integrationId": "5b354bdab42a1d61143ccc26",
                "externalId": "+15145550155",
                "status": "active",
                "active": true,
                "displayName": "+1 514-555-0155",
                "lastSeen": "2019-03-14T13:48:06.396Z",
                "raw": {"profile": {"name": "Alice"}},
                "primary": true
            }
        }),
    );
}

#[test]
fn a_notifications_acceptance_need_not_be_the_end() {
    for is_final in [false, true] {
        check(
            delivery(Notified::Channel { is_final }, notification(), Some(sample::user())),
            json!({
                "trigger": "notification:delivery:channel",
                "app": {"_id": "5babc57a79ace012bba4781a"},
                "version": "v1.1",
                "timestamp": 1480001440.731,
                "destination": {
                    "type": "whatsapp",
                    "integrationId": "5b354bdab42a1d61143ccc26",
                    "destinationId": "+15145550155"
                },
                "isFinalEvent": is_final,
                "externalMessages": [{"id": "wamid.1"}],
                "notification": {"_id": "e361392f-7dd3-4bdb-8844-d0d002ac7f72"},
                "matchResult": {
                    "appUser": {"_id": "4a9006a2b1a17bebf00542ab", "conversationStarted": true}
                }
            }),
        );
    }
}

#[test]
fn a_notification_arrives() {
    let user = User { external_id: Some("bob@example.com".into()), ..sample::user() };
    check(
        delivery(Notified::User, notification(), Some(user)),
        json!({
            "trigger": "notification:delivery:user",
            "app": {"_id": "5babc57a79ace012bba4781a"},
            "version": "v1.1",
            "timestamp": 1480001440.731,
            "isFinalEvent": true,
            "destination": {
                "type": "whatsapp",
                "integrationId": "5b354bdab42a1d61143ccc26",
                "destinationId": "+15145550155"
            },
            "externalMessages": [{"id": "wamid.1"}],
            "notification": {"_id": "e361392f-7dd3-4bdb-8844-d0d002ac7f72"},
            "matchResult": {
                "appUser": {
                    "_id": "4a9006a2b1a17bebf00542ab",
                    "userId": "bob@example.com",
                    "conversationStarted": true
                }
            }
        }),
    );
}

#[test]
fn a_notification_fails_before_anybody_was_matched() {
    let What::Delivery { told, subject, destination, .. } =
        delivery(Notified::Failure { error: refused() }, notification(), None)
    else {
        panic!("a delivery");
    };
    let conversation = None;
    check(
        What::Delivery { told, subject, destination, external_ids: Vec::new(), user: None, conversation },
        json!({
            "trigger": "notification:delivery:failure",
            "app": {"_id": "5babc57a79ace012bba4781a"},
            "version": "v1.1",
            "timestamp": 1480001440.731,
            "destination": {
                "type": "whatsapp",
                "integrationId": "5b354bdab42a1d61143ccc26",
                "destinationId": "+15145550155"
            },
            "isFinalEvent": true,
            "notification": {"_id": "e361392f-7dd3-4bdb-8844-d0d002ac7f72"},
            "error": {
                "code": "bad_request",
                "message": "Re-engagement message",
                "underlyingError": {"errors": [{"code": 470, "title": "outside the window"}]}
            }
        }),
    );
}

#[test]
fn a_message_of_a_conversation_tells_less_of_its_destination() {
    let error = DeliveryError { underlying: None, ..refused() };
    for (told, trigger, is_final, error) in [
        (Notified::Channel { is_final: false }, "message:delivery:channel", false, None),
        (Notified::User, "message:delivery:user", true, None),
        (
            Notified::Failure { error },
            "message:delivery:failure",
            true,
            Some(json!({"code": "bad_request", "message": "Re-engagement message"})),
        ),
    ] {
        let mut expected = json!({
            "trigger": trigger,
            "app": {"_id": "5babc57a79ace012bba4781a"},
            "version": "v1.1",
            "appUser": {"_id": "4a9006a2b1a17bebf00542ab", "conversationStarted": true},
            "conversation": {"_id": "0a01d368966f45bb6bd7d41c"},
            "destination": {"type": "whatsapp", "integrationId": "5b354bdab42a1d61143ccc26"},
            "isFinalEvent": is_final,
            "externalMessages": [{"id": "wamid.1"}],
            "message": {"_id": "5baa610db5e78c1abbc255d6"},
            "timestamp": 1480001440.731
        });
        if let Some(error) = error {
            expected["error"] = error;
        }
        let subject = DeliverySubject::Message(Id::new("5baa610db5e78c1abbc255d6"));
        check(delivery(told, subject, Some(sample::user())), expected);
    }
}

#[test]
fn a_link_moves() {
    for (outcome, trigger, error) in [
        (LinkOutcome::Match, "link:match", None),
        (LinkOutcome::Success, "link:success", None),
        (
            LinkOutcome::Failure(DeliveryError { underlying: None, ..refused() }),
            "link:failure",
            Some(json!({"code": "bad_request", "message": "Re-engagement message"})),
        ),
    ] {
        let mut expected = json!({
            "trigger": trigger,
            "app": {"_id": "5babc57a79ace012bba4781a"},
            "version": "v1.1",
            "appUser": {"_id": "4a9006a2b1a17bebf00542ab", "conversationStarted": true},
            "channel": "twilio",
            "criteria": {"phoneNumber": "+15145550155"}
        });
        if let Some(error) = error {
            expected["error"] = error;
        }
        let criteria = Map::from_iter([("phoneNumber".to_owned(), json!("+15145550155"))]);
        check(
            What::Link { outcome, user: sample::user(), channel: "twilio".into(), criteria, client: None },
            expected,
        );
    }
}

#[test]
fn identities_come_and_go() {
    let (user, client) = (sample::user(), sample::client());
    let mut expected = json!({
        "trigger": "client:add",
        "app": {"_id": "5babc57a79ace012bba4781a"},
        "version": "v1.1",
        "appUser": {"_id": "4a9006a2b1a17bebf00542ab", "conversationStarted": true},
        "client": super::client_of(&user, &client),
        "reason": "channelLinking",
        "timestamp": 1480001440.731
    });
    let reason = "channelLinking".to_owned();
    check(What::ClientAdded { user: user.clone(), client: client.clone(), reason }, expected.clone());
    expected["trigger"] = json!("client:remove");
    expected["reason"] = json!("theft");
    let removed = |reason: &str, error| What::ClientRemoved {
        user: user.clone(),
        client: client.clone(),
        reason: reason.into(),
        error,
    };
    check(removed("theft", None), expected.clone());
    expected["reason"] = json!("linkFailed");
    expected["error"] = json!({"code": "forbidden", "message": "the person declined"});
    let code = heliograph_connectors::channel::Code::Forbidden;
    let declined = DeliveryError { code, message: "the person declined".into(), underlying: None };
    check(removed("linkFailed", Some(declined)), expected);
}

#[test]
fn a_button_was_pressed() {
    check(
        What::Postback {
            user: sample::user(),
            client: None,
            payload: "TACOS".into(),
            source: Source::of("messenger"),
            message: None,
            action: None,
        },
        json!({
            "trigger": "postback",
            "app": {"_id": "5babc57a79ace012bba4781a"},
            "version": "v1.1",
            "postbacks": [{"action": {"type": "postback", "payload": "TACOS"}}],
            "appUser": {"_id": "4a9006a2b1a17bebf00542ab", "conversationStarted": true},
            "conversation": {"_id": "0a01d368966f45bb6bd7d41c"},
            "timestamp": 1480001440.731
        }),
    );
}

#[test]
fn subscriptions_cover_names() {
    let covers = |names: &[&str], trigger| {
        subscribes(&names.iter().map(ToString::to_string).collect::<BTreeSet<_>>(), trigger)
    };
    assert!(covers(&["message"], "message:appUser") && covers(&["message"], "message:appMaker"));
    assert!(!covers(&["message"], "message:delivery:user"));
    assert!(covers(&["*"], "postback") && covers(&["link:match", "postback"], "link:match"));
    assert!(!covers(&[], "postback") && !covers(&["Postback", "link"], "postback"));
}
