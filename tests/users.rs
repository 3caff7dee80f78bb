//! App users: made, read, changed, removed, under any id a business may choose.

use serde_json::json;

use crate::harness::config::APP;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, Rig, on_both_engines};

on_both_engines! {
    a_user_is_made_once_and_found_by_both_ids,
    a_user_that_is_not_there_is_not_found,
    odd_ids_are_decoded_once_and_never_as_a_form,
    paths_ignore_case_but_ids_do_not,
}

async fn a_user_is_made_once_and_found_by_both_ids(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut golden = Golden::of("v1/user");
    let body = json!({
        "userId": "steveb@example.com", "givenName": "Steve", "surname": "Example",
        "email": "steveb@example.com", "signedUpAt": "2019-01-14T18:55:12.515Z",
        "properties": {"favoriteFood": "pizza", "age": 42, "vip": true},
        "credentialRequired": true,
    });
    golden.compare("created.json", &rig.gateway.api().post(&of_app("/appusers"), &body).await.expect(201));
    let id = golden.holes.text("user").to_owned();
    for name in [id.as_str(), "steveb@example.com"] {
        golden.compare(
            "created.json",
            &rig.gateway.api().get(&of_app(&format!("/appusers/{name}"))).await.expect(200),
        );
    }
    rig.gateway.api().post(&of_app("/appusers"), &body).await.refused(409, "conflict");
    rig.gateway.api().post(&of_app("/appusers"), &json!({})).await.refused(400, "bad_request");
    // In a path either id names a person, so that nobody may be called by another's.
    rig.gateway.api().post(&of_app("/appusers"), &json!({"userId": id})).await.refused(409, "conflict");
}

async fn a_user_that_is_not_there_is_not_found(engine: Engine) {
    let rig = Rig::start(engine).await;
    for id in ["nobody", "5963c0d619a30a2e00de3fff"] {
        rig.gateway.api().get(&of_app(&format!("/appusers/{id}"))).await.refused(404, "user_not_found");
    }
}

async fn odd_ids_are_decoded_once_and_never_as_a_form(engine: Engine) {
    let rig = Rig::start(engine).await;
    for (id, ways) in [
        ("+15145550150", vec!["+15145550150", "%2B15145550150"]),
        ("steve b@example.com", vec!["steve%20b@example.com", "steve%20b%40example.com"]),
        ("100%25", vec!["100%2525"]),
        ("a/b", vec!["a%2Fb", "a%2fb"]),
        ("zoë", vec!["zo%C3%AB"]),
    ] {
        let made = rig.user(id).await;
        for way in ways {
            let user = rig.get_user(way).await;
            assert_eq!((&user["_id"], &user["userId"]), (&json!(made), &json!(id)), "as {way}");
        }
    }
}

async fn paths_ignore_case_but_ids_do_not(engine: Engine) {
    let rig = Rig::start(engine).await;
    let id = rig.user("MixedCase").await;
    for path in ["/v1.1/apps/{}/appUsers/MixedCase", "/V1.1/Apps/{}/APPUSERS/MixedCase"] {
        let user = rig.gateway.api().get(&path.replace("{}", APP)).await.expect(200);
        assert_eq!(user["appUser"]["_id"], id);
    }
    rig.gateway.api().get(&of_app("/appusers/mixedcase")).await.refused(404, "user_not_found");
    let named_as_a_word = rig.user("messages").await;
    assert_eq!(rig.get_user("messages").await["_id"], named_as_a_word);
    assert_eq!(rig.messages("messages").await.len(), 0);
}
