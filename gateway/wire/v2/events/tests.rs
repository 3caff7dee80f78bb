//! Every payload, as a whole.

mod ids;
mod people;

use serde_json::Map;

use super::*;
use crate::model::{
    Author, ControlError, Controller, ConversationKind, CreationReason, EventDestination, Held, Message,
    Referral, Role, Timestamp, WebhookVersion,
};
use crate::wire::v1::sample;

fn webhook() -> Webhook {
    Webhook { version: WebhookVersion::V2, ..sample::webhook() }
}

fn held() -> Held {
    Held {
        id: sample::user().conversation,
        kind: ConversationKind::Personal,
        is_default: true,
        metadata: Map::new(),
        active: None,
        pending: None,
    }
}

fn happened(what: What) -> Event {
    Event {
        id: Id::new("0193c2a4-5b6c-7def-8123-456789abcdef"),
        app: webhook().app,
        at: Timestamp::from_millis(1_480_001_440_731),
        conversation: Some(held()),
        what,
    }
}

#[track_caller]
fn check(what: What, name: &str, expected: Value) {
    check_for(&webhook(), &happened(what), name, expected);
}

#[track_caller]
fn check_for(webhook: &Webhook, event: &Event, name: &str, expected: Value) {
    assert_eq!(
        payload(webhook, event),
        json!({"id": "583707a08123456789abcdef", "createdAt": "2016-11-24T15:30:40.731Z", "type": name,
               "payload": expected})
    );
}

fn conversation() -> Value {
    json!({"id": "0a01d368966f45bb6bd7d41c", "type": "personal"})
}

fn alice() -> Value {
    json!({"id": "4a9006a2b1a17bebf00542ab", "authenticated": false})
}

fn whatsapp() -> Value {
    json!({"type": "whatsapp", "integrationId": "5b354bdab42a1d61143ccc26"})
}

fn on_whatsapp() -> Source {
    sample::reply().source
}

fn said(client: Option<Client>, recent_notifications: Vec<Message>) -> What {
    What::Message { message: sample::reply(), user: Some(sample::user()), client, recent_notifications }
}

fn reply() -> Value {
    json!({
        "id": "5c8a5b96bac2a4128e5225ec",
        "received": "2019-03-14T13:48:06.396Z",
        "author": {"type": "user", "userId": "4a9006a2b1a17bebf00542ab", "displayName": "Alice", "user": alice()},
        "content": {"type": "text", "text": "This is a user reply to a notification"},
        "source": whatsapp(),
    })
}

#[test]
fn a_reply_brings_the_notifications_before_it() {
    let notified = json!({
        "id": "5c8a5b90fa8624128cc5ba32",
        "received": "2019-03-14T13:48:00.984Z",
        "author": {"type": "business"},
        "content": {"type": "text", "text": "This is a sample notification."},
        "source": {"type": "notification"},
    });
    check(
        said(Some(sample::client()), vec![sample::notified()]),
        "conversation:message",
        json!({"conversation": conversation(), "message": reply(), "recentNotifications": [notified]}),
    );
    let event = Event { conversation: None, ..happened(said(None, Vec::new())) };
    let expected = json!({"conversation": conversation(), "message": reply()});
    check_for(&webhook(), &event, "conversation:message", expected);
}

#[test]
fn a_webhook_may_ask_for_the_client_and_the_whole_user() {
    let webhook = Webhook { include_client: true, include_full_user: true, ..webhook() };
    let told = payload(&webhook, &happened(said(Some(sample::client()), Vec::new())));
    let message = &told["payload"]["message"];
    assert_eq!(message["author"]["user"], views::user(&sample::user()));
    assert_eq!(message["author"]["user"]["profile"], json!({"givenName": "Alice"}));
    assert_eq!(message["source"]["client"], views::client(&sample::client()));
    let unheard = Client { kind: "pigeon".into(), ..sample::client() };
    let told = payload(&webhook, &happened(said(Some(unheard), Vec::new())));
    assert_eq!(told["payload"]["message"]["source"], whatsapp(), "a type that no client of v2 knows");
}

#[test]
fn the_business_is_nobodys_identity() {
    let webhook = Webhook { include_client: true, ..webhook() };
    let message = Message { source: Source::of("api"), ..sample::notified() };
    let (user, client) = (Some(sample::user()), Some(sample::client()));
    let what = What::Message { message, user, client, recent_notifications: Vec::new() };
    let told = payload(&webhook, &happened(what));
    assert_eq!(told["payload"]["message"]["author"], json!({"type": "business"}));
    assert_eq!(told["payload"]["message"]["source"], json!({"type": "api:conversations"}));
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
        underlying: Some(json!({"errors": [{"code": 470}]})),
    }
}

#[test]
fn a_delivery_moves_and_ends() {
    let message = || DeliverySubject::Message(Id::new("5baa610db5e78c1abbc255d6"));
    let failed = json!({"code": "bad_request", "message": "Re-engagement message",
                        "underlyingError": {"errors": [{"code": 470}]}});
    for (told, name, is_final, error) in [
        (Notified::Channel { is_final: false }, "channel", false, None),
        (Notified::Channel { is_final: true }, "channel", true, None),
        (Notified::User, "user", true, None),
        (Notified::Failure { error: refused() }, "failure", true, Some(failed)),
    ] {
        let mut expected = json!({
            "conversation": conversation(),
            "user": alice(),
            "message": {"id": "5baa610db5e78c1abbc255d6"},
            "destination": whatsapp(),
            "externalMessages": [{"id": "wamid.1"}],
            "isFinalEvent": is_final,
        });
        if let Some(error) = error {
            expected["error"] = error;
        }
        let what = delivery(told, message(), Some(sample::user()));
        check(what, &format!("conversation:message:delivery:{name}"), expected);
    }
}

#[test]
fn a_notification_shows_its_address_and_whom_it_was_matched_with() {
    let id = "e361392f-7dd3-4bdb-8844-d0d002ac7f72";
    let mut expected = json!({
        "conversation": conversation(),
        "user": alice(),
        "notification": {"id": id},
        "destination": {"type": "whatsapp", "integrationId": "5b354bdab42a1d61143ccc26",
                        "destinationId": "+15145550155"},
        "externalMessages": [{"id": "wamid.1"}],
        "isFinalEvent": true,
    });
    let notification = || DeliverySubject::Notification(id.into());
    let what = delivery(Notified::User, notification(), Some(sample::user()));
    check(what, "notification:delivery:user", expected.clone());
    let what = delivery(Notified::Channel { is_final: true }, notification(), None);
    let event = Event { conversation: None, ..happened(what) };
    for known in ["conversation", "user"] {
        expected.as_object_mut().expect("an object").remove(known);
    }
    check_for(&webhook(), &event, "notification:delivery:channel", expected);
}

#[test]
fn a_conversation_begins_and_ends() {
    let referral = || Some(Referral { code: "ad-7".into(), details: json!({"source": "ADS", "adId": "7"}) });
    let began = |reason, user, referral| What::ConversationStarted {
        user,
        reason,
        client: None,
        source: on_whatsapp(),
        referral,
    };
    check(
        began(CreationReason::StartConversation, Some(sample::user()), referral()),
        "conversation:create",
        json!({"conversation": conversation(), "creationReason": "startConversation", "user": alice(),
               "source": whatsapp(),
               "referral": {"code": "ad-7", "details": {"source": "ADS", "adId": "7"}}}),
    );
    let group = Held { kind: ConversationKind::SdkGroup, is_default: false, ..held() };
    let event = happened(began(CreationReason::None, None, None)).within(group);
    let expected = json!({"conversation": {"id": "0a01d368966f45bb6bd7d41c", "type": "sdkGroup"},
                          "creationReason": "none", "source": whatsapp()});
    check_for(&webhook(), &event, "conversation:create", expected);
    let what = What::Referral {
        user: sample::user(),
        client: None,
        source: on_whatsapp(),
        referral: referral().expect("a referral"),
    };
    let expected = json!({"conversation": conversation(), "user": alice(), "source": whatsapp(),
                          "referral": {"code": "ad-7", "details": {"source": "ADS", "adId": "7"}}});
    check(what, "conversation:referral", expected);
    let source = Source::of("api");
    let removed = What::ConversationRemoved { user: None, source: source.clone() };
    check(removed, "conversation:remove", json!({"conversation": conversation()}));
    let seat = json!({"conversation": conversation(), "user": alice()});
    check(What::Joined { user: sample::user(), source: source.clone() }, "conversation:join", seat.clone());
    check(What::Left { user: sample::user(), source }, "conversation:leave", seat);
}

#[test]
fn a_button_was_pressed() {
    let pressed = |action| What::Postback {
        user: sample::user(),
        client: None,
        payload: "TACOS".into(),
        source: on_whatsapp(),
        message: None,
        action,
    };
    let expected = |postback: Value| json!({"postback": postback, "conversation": conversation(), "user": alice(), "source": whatsapp()});
    check(pressed(None), "conversation:postback", expected(json!({"payload": "TACOS"})));
    let button = json!({"_id": "1", "type": "postback", "text": "Order", "payload": "TACOS",
                        "metadata": {"table": 7}});
    let button = serde_json::from_value(button).expect("a button");
    let known = expected(json!({"payload": "TACOS", "metadata": {"table": 7}}));
    check(pressed(Some(button)), "conversation:postback", known);
}

#[test]
fn somebody_reads_or_types() {
    let person = json!({"type": "user", "userId": "4a9006a2b1a17bebf00542ab", "user": alice()});
    let activity = |kind: &str, author: &Value, source: Value| json!({"conversation": conversation(), "activity": {"type": kind, "author": author, "source": source}});
    let user = || Some(sample::user());
    let read = |by, source| What::Read { by, user: user(), client: None, source };
    let read_on = activity("conversation:read", &person, whatsapp());
    check(read(Role::User, on_whatsapp()), "conversation:read", read_on);
    let business = json!({"type": "business"});
    let by_api = json!({"type": "api:conversations"});
    let read_by = activity("conversation:read", &business, by_api.clone());
    check(read(Role::Business, Source::of("api")), "conversation:read", read_by);
    for (started, kind) in [(true, "typing:start"), (false, "typing:stop")] {
        let typing = |by, source| What::Typing { by, user: user(), client: None, source, started };
        let expected = activity(kind, &person, whatsapp());
        check(typing(Role::User, on_whatsapp()), "conversation:typing", expected);
        let expected = activity(kind, &business, by_api.clone());
        check(typing(Role::Business, Source::of("api")), "conversation:typing", expected);
    }
}

fn controller(id: &str, integration: &str) -> Controller {
    Controller {
        id: Id::new(id),
        name: "bot".into(),
        integration: Id::new(integration),
        kind: "custom".into(),
    }
}

#[test]
fn the_lead_of_a_conversation_moves() {
    let bot = controller("6b8a5b90fa8624128cc5ba01", webhook().id.as_str());
    let desk = controller("6b8a5b90fa8624128cc5ba02", "6b8a5b90fa8624128cc5ba03");
    let control = |action, error: Option<&str>, to: &Controller| What::Control {
        action,
        error: error
            .map(|code| ControlError { code: code.into(), message: "There is nobody of that name".into() }),
        user: Some(sample::user()),
        metadata: Map::from_iter([("because".to_owned(), json!("asked"))]),
        to: Some(to.clone()),
        history: vec![sample::reply()],
    };
    let led = Held { active: Some(bot.clone()), pending: Some(desk.clone()), ..held() };
    let shown = |id: &str, integration: &Id<_>| json!({"id": id, "name": "bot", "integrationId": integration, "integrationType": "custom"});
    let mut conversation = conversation();
    conversation["activeSwitchboardIntegration"] = shown(bot.id.as_str(), &bot.integration);
    conversation["pendingSwitchboardIntegration"] = shown(desk.id.as_str(), &desk.integration);
    let bare = json!({"conversation": conversation, "metadata": {"because": "asked"}});
    for (action, name) in [
        (ControlAction::Pass, "passControl"),
        (ControlAction::Offer, "offerControl"),
        (ControlAction::Accept, "acceptControl"),
        (ControlAction::Release, "releaseControl"),
    ] {
        let event = happened(control(action, None, &desk)).within(led.clone());
        check_for(&webhook(), &event, &format!("switchboard:{name}"), bare.clone());
        let event = happened(control(action, Some("switchboard_invalid_target"), &desk)).within(led.clone());
        if action == ControlAction::Release {
            assert_eq!(trigger(&event), None);
            continue;
        }
        let mut failed = bare.clone();
        failed["error"] =
            json!({"code": "switchboard_invalid_target", "message": "There is nobody of that name"});
        check_for(&webhook(), &event, &format!("switchboard:{name}:failure"), failed);
    }
    let event = happened(control(ControlAction::Pass, None, &bot)).within(led);
    let told = payload(&webhook(), &event);
    let history = &told["payload"]["messageHistory"];
    assert_eq!(history[0]["id"], "5c8a5b96bac2a4128e5225ec", "who leads next learns what was said: {told}");
    assert_eq!(
        history[0]["author"],
        json!({"type": "user", "userId": sample::user().id, "displayName": "Alice"})
    );
    assert_eq!(Author::business().role, Role::Business);
}
