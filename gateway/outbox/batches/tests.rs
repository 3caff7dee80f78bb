//! Who gathers, who joins, and what is signed.

use super::*;
use crate::model::{App, Event, User, WebhookVersion, What};

fn webhook() -> Webhook {
    Webhook {
        id: Id::new("5f1e438bf99fb467810c0ac2"),
        app: Id::new("a"),
        target: "https://example.com/".into(),
        triggers: ["*".to_owned()].into(),
        secret: "fake-secret".into(),
        version: WebhookVersion::V2,
        include_client: false,
        include_full_user: false,
        integration: None,
        name: None,
        declared: false,
    }
}

fn told() -> Told {
    let now = Timestamp::from_millis(1_552_571_286_396);
    let user = crate::model::Departed::of(&User::new(now));
    let event = Event::new(&Id::<App>::new("a"), now, What::UserDeleted { user });
    wire::told(&webhook(), &event).expect("v2 has a word for it")
}

fn join<'a>(batches: &'a Batches) -> Joined<'a> {
    batches.join(&webhook().id, &told())
}

fn leads(joined: Joined<'_>) -> Leading<'_> {
    match joined {
        Joined::Leads(leading) => leading,
        Joined::Follows(_) => panic!("somebody else gathers"),
    }
}

fn follows(joined: Joined<'_>) -> oneshot::Receiver<Came> {
    match joined {
        Joined::Follows(came) => came,
        Joined::Leads(_) => panic!("nobody else gathers"),
    }
}

#[tokio::test]
async fn the_first_gathers_until_nothing_more_has_room() {
    let batches = Batches::new(Duration::from_secs(3600), 3);
    let leading = leads(join(&batches));
    let other = batches.join(&Id::new("another"), &told());
    assert!(matches!(other, Joined::Leads(_)), "every webhook has its own");
    let (one, two) = (follows(join(&batches)), follows(join(&batches)));
    leading.gathers(&CancellationToken::new()).await;
    let next = leads(join(&batches));
    let members = leading.close();
    assert_eq!(members.len(), 2);
    for member in members {
        member.came.send(Came::Alone).expect("somebody waits");
    }
    assert_eq!((one.await, two.await), (Ok(Came::Alone), Ok(Came::Alone)));
    let late = follows(join(&batches));
    drop(next);
    assert!(late.await.is_err(), "who is left alone hears of it");
    assert!(matches!(join(&batches), Joined::Leads(_)));
}

#[tokio::test]
async fn nobody_waits_longer_than_the_window_or_the_gateway() {
    let batches = Batches::new(Duration::from_millis(1), 100);
    let leading = leads(join(&batches));
    leading.gathers(&CancellationToken::new()).await;
    assert!(leading.close().is_empty());
    let batches = Batches::new(Duration::from_secs(3600), 100);
    let stop = CancellationToken::new();
    stop.cancel();
    leads(join(&batches)).gathers(&stop).await;
}

#[tokio::test]
async fn a_post_does_not_grow_beyond_its_bytes() {
    let batches = Batches::new(Duration::from_secs(3600), usize::MAX);
    let leading = leads(join(&batches));
    let mut joined = 1;
    let next = loop {
        match join(&batches) {
            Joined::Leads(next) => break next,
            Joined::Follows(_) => joined += 1,
        }
    };
    assert!((joined + 1) * told().size() > BYTES_MAX && joined * told().size() <= BYTES_MAX);
    leading.gathers(&CancellationToken::new()).await;
    assert_eq!(leading.close().len() + 1, joined);
    assert!(matches!(join(&batches), Joined::Follows(_)), "the next one gathers now");
    drop(next);
}

#[test]
fn an_event_that_is_refused_does_not_take_others_with_it() {
    let answer = |status| Ok(Answer { status, retry_after: None, aborts: false });
    for alone in [400, 404, 410, 413, 422] {
        assert!(refuses_one(&answer(alone)), "{alone}");
    }
    for together in [200, 302, 408, 429, 500, 503] {
        assert!(!refuses_one(&answer(together)), "{together}");
    }
    assert!(refuses_one(&Ok(Answer { status: 500, retry_after: None, aborts: true })));
    assert!(!refuses_one(&Err(Unreached::Timeout)));
}

#[test]
fn a_signature_is_made_as_standard_webhooks_describes() {
    // The specification's own example.
    let body = br#"{"test": 2432232314}"#;
    let signed = [b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.".as_slice(), body].concat();
    let key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    assert_eq!(STANDARD.encode(hmac_sha256(&key, &signed)), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_eq!(signing_key("plain"), b"plain");
}
