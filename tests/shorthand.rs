//! Shorthand in the text of a message: buttons, pictures and templates written where they stand.

use serde_json::{Value, json};

use crate::harness::line::called;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    buttons_and_pictures_are_read_out_of_a_text,
    a_stored_template_becomes_a_message_of_its_own,
    a_whatsapp_template_goes_to_whatsapp_and_its_fallback_elsewhere,
    what_people_say_is_left_as_they_said_it,
}

const NUMBER: &str = "+15145550171";

/// A user linked to a number.
async fn linked(rig: &Rig) -> String {
    let user = rig.user("ann@example.com").await;
    rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    rig.receiver.trigger("link:success").await;
    user
}

async fn say(rig: &Rig, user: &str, text: &str) -> Value {
    let body = json!({"role": "appMaker", "type": "text", "text": text});
    rig.gateway.api().post(&of_app(&format!("/appusers/{user}/messages")), &body).await.expect(201)
}

/// What reached somebody, once it is so many messages.
async fn reached(rig: &Rig, number: &str, count: usize) -> Vec<Value> {
    let sent = eventually("all messages", async || {
        Some(rig.sim().sent_to(number).await).filter(|sent| sent.len() >= count)
    });
    sent.await
}

async fn buttons_and_pictures_are_read_out_of_a_text(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = linked(&rig).await;
    let page = "https://example.com/page";
    for (text, said, kind, payload) in [
        (format!("See %[Page]({page}) here"), "See here", "link", Value::Null),
        ("Well? %[Yes](reply:YES)".into(), "Well?", "reply", json!("YES")),
        ("Well? %[Yes](postback:YES)".into(), "Well?", "postback", json!("YES")),
        ("Where? %[Here](location)".into(), "Where?", "locationRequest", Value::Null),
        ("Pay $[Now](25.00)".into(), "Pay", "buy", Value::Null),
    ] {
        let answer = say(&rig, &user, &text).await;
        let message = &answer["message"];
        assert_eq!((&message["type"], &message["text"]), (&json!("text"), &json!(said)), "{message}");
        let actions = message["actions"].as_array().expect("actions");
        assert_eq!((actions.len(), &actions[0]["type"]), (1, &json!(kind)), "{message}");
        assert_eq!(actions[0].get("payload").cloned().unwrap_or_default(), payload, "{message}");
        assert_eq!(answer.get("extraMessages"), None, "{answer}");
    }
    let sent = reached(&rig, NUMBER, 5).await;
    let first = sent[0]["text"].as_str().expect("a text");
    assert!(first.starts_with("See here") && first.contains(page), "{first}");

    let picture = "https://example.com/a.png";
    let message = say(&rig, &user, &format!("Look ![]({picture})")).await["message"].clone();
    let shown = (&message["type"], &message["text"], &message["mediaUrl"]);
    assert_eq!(shown, (&json!("image"), &json!("Look"), &json!(picture)), "{message}");
    let plain = "100% sure, $5 (or [so])! & more %[a](b";
    assert_eq!(say(&rig, &user, plain).await["message"]["text"], plain);

    let path = of_app(&format!("/appusers/{user}/messages"));
    for text in [format!("%[Yes](reply:Y)%[Page]({page})"), "&((template=[[a]] colour=[[b]]))&".into()] {
        let body = json!({"role": "appMaker", "type": "text", "text": text});
        let description = rig.gateway.api().post(&path, &body).await.refused(400, "bad_request");
        assert!(description.contains("text"), "{description:?}");
    }
}

async fn a_stored_template_becomes_a_message_of_its_own(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = linked(&rig).await;
    let message = json!({"role": "appMaker", "type": "text", "text": "From nine to five"});
    let template = json!({"name": "opening hours", "message": message});
    rig.gateway.api().post(&of_app("/templates"), &template).await.expect(201);

    let answer = say(&rig, &user, "Hello %((template: opening hours))% and goodbye").await;
    let extra = answer["extraMessages"].as_array().expect("more messages");
    let texts: Vec<&Value> =
        std::iter::once(&answer["message"]).chain(extra).map(|message| &message["text"]).collect();
    let expected = ["Hello", "From nine to five", "and goodbye"];
    assert_eq!(texts, expected);
    let sent = reached(&rig, NUMBER, 3).await;
    assert_eq!(sent.iter().map(|one| &one["text"]).collect::<Vec<_>>(), expected);
    assert_eq!(rig.messages(&user).await.iter().map(|one| &one["text"]).collect::<Vec<_>>(), expected);
    let told = eventually("all told", async || {
        let mut told = rig.receiver.events();
        told.retain(|event| event["trigger"] == "message:appMaker");
        (told.len() == 3).then_some(told)
    })
    .await;
    assert_eq!(told.iter().map(|event| &event["messages"][0]["text"]).collect::<Vec<_>>(), expected);

    let alone = say(&rig, &user, "%{{template:opening hours}}%").await;
    assert_eq!((&alone["message"]["text"], alone.get("extraMessages")), (&json!(expected[1]), None));
    let unknown = "%((template:nobody made it))%";
    assert_eq!(say(&rig, &user, unknown).await["message"]["text"], unknown);
}

async fn a_whatsapp_template_goes_to_whatsapp_and_its_fallback_elsewhere(engine: Engine) {
    let rig = Rig::with(engine, |config| called("whatsapp").join(config)).await;
    let user = linked(&rig).await;
    let line = called("whatsapp");
    let other = rig.user("pat@example.com").await;
    let body = json!({"type": "whatsapp", "integrationId": line.integration, "phoneNumber": line.person,
                      "confirmation": {"type": "immediate"}});
    rig.gateway.api().post(&of_app(&format!("/appusers/{other}/channels")), &body).await.expect(200);
    let linked =
        |event: &Value| event["trigger"] == "link:success" && event["appUser"]["_id"] == other.as_str();
    rig.receiver.event("the link to WhatsApp", linked).await;

    let parts = [
        "namespace=[[ns]]",
        "template=[[shipping_update]]",
        "fallback=[[It leaves on Friday]]",
        "language=[[en]]",
        "header_image=[[https://example.com/a.png]]",
        "body_text=[[Friday]]",
        "body_text=[[noon]]",
    ];
    for (count, between) in [(1, " "), (2, "")] {
        let text = format!("&(({}))&", parts.join(between));
        let answer = say(&rig, &other, &text).await;
        // Without the account's token nobody knows what the template says.
        assert_eq!(answer["message"]["text"], "It leaves on Friday", "{answer}");
        let sent = reached(&rig, line.person, count).await;
        let template = &sent[count - 1]["request"]["template"];
        assert_eq!(
            (&template["name"], &template["language"]["code"]),
            (&json!("shipping_update"), &json!("en"))
        );
        let components = &template["components"];
        assert_eq!(
            components[0]["parameters"][0]["image"]["link"], "https://example.com/a.png",
            "{template}"
        );
        assert_eq!(components[1]["parameters"][1]["text"], "noon", "{template}");

        say(&rig, &user, &text).await;
        assert_eq!(reached(&rig, NUMBER, count).await[count - 1]["text"], "It leaves on Friday");
    }
}

async fn what_people_say_is_left_as_they_said_it(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = linked(&rig).await;
    let text = "I typed %[a](https://example.com) and ![](https://example.com/a.png)";
    let body = json!({"role": "appUser", "type": "text", "text": text});
    let path = of_app(&format!("/appusers/{user}/messages"));
    let message = rig.gateway.api().post(&path, &body).await.expect(201)["message"].clone();
    assert_eq!((&message["text"], message.get("actions")), (&json!(text), None));
}
