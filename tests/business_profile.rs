//! The business's profile on WhatsApp: read, changed, and given a photo.

use serde_json::json;

use crate::harness::api::Answer;
use crate::harness::config::TWILIO;
use crate::harness::line::called;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    a_profile_is_changed_field_by_field,
    a_photo_is_put_at_meta,
    what_is_no_profile_or_photo_is_refused,
}

async fn rig(engine: Engine) -> Rig {
    Rig::with(engine, |config| called("whatsapp").join(config)).await
}

fn profile() -> String {
    of_app(&format!("/integrations/{}/profile", called("whatsapp").integration))
}

async fn a_profile_is_changed_field_by_field(engine: Engine) {
    let rig = rig(engine).await;
    let api = rig.gateway.api();
    assert_eq!(api.get(&profile()).await.expect(200), json!({"profile": {}}));
    let first =
        json!({"about": "We deliver.", "email": "shop@example.org", "websites": ["https://example.org/"]});
    let answer = api.put(&profile(), &first).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    assert_eq!(api.get(&profile()).await.expect(200), json!({ "profile": first }));
    api.put(&profile(), &json!({"about": "We still deliver."})).await.expect(200);
    let shown = api.get(&profile()).await.expect(200)["profile"].clone();
    assert_eq!((&shown["about"], &shown["email"]), (&json!("We still deliver."), &json!("shop@example.org")));
}

async fn put_photo(rig: &Rig, field: &str, file: &[u8]) -> Answer {
    rig.gateway.api().put_file(&format!("{}/photo", profile()), field, file).await
}

async fn a_photo_is_put_at_meta(engine: Engine) {
    let rig = rig(engine).await;
    let answer = put_photo(&rig, "source", b"\x89PNG\r\n\x1a\n and more").await.expect(200);
    assert!(answer["photoUrl"].as_str().is_some_and(|url| url.starts_with("http")), "{answer}");
    let shown = rig.gateway.api().get(&profile()).await.expect(200);
    assert_eq!(shown["profile"]["photoUrl"], answer["photoUrl"]);
}

async fn what_is_no_profile_or_photo_is_refused(engine: Engine) {
    let rig = rig(engine).await;
    let api = rig.gateway.api();
    let said = api.put(&profile(), &json!({"about": "x".repeat(140)})).await.refused(400, "bad_request");
    assert!(said.starts_with("about: "), "{said}");
    let said = api.put(&profile(), &json!({"email": "nobody"})).await.refused(400, "bad_request");
    assert!(said.contains("WhatsApp refused this: "), "{said}");
    let said = put_photo(&rig, "source", b"GIF89a").await.refused(400, "bad_request");
    assert!(said.contains("must be a JPEG or PNG image"), "{said}");
    let said = put_photo(&rig, "picture", b"x").await.refused(400, "bad_request");
    assert!(said.contains("source: is required"), "{said}");
    let mut large = b"\x89PNG\r\n\x1a\n".to_vec();
    large.resize((5 << 20) + 1, 0);
    put_photo(&rig, "source", &large).await.refused(413, "payload_too_large");
    api.put(&format!("{}/photo", profile()), &json!({})).await.refused(400, "bad_request");
    let on_twilio = of_app(&format!("/integrations/{TWILIO}/profile"));
    let said = api.get(&on_twilio).await.refused(400, "bad_request");
    assert!(said.contains("has no business profile"), "{said}");
    let nobodys = of_app("/integrations/000000000000000000000000/profile");
    api.get(&nobodys).await.refused(404, "integration_not_found");
    assert_eq!(api.get(&profile()).await.expect(200)["profile"], json!({}));
}
