//! Objects as v2 shows them, not yet wrapped in their names.

use serde_json::Value;

use crate::model::User;
use crate::wire::v1;
use crate::wire::written::Written;

/// A user with all that is known about them. Empty texts are left out: strict clients refuse them.
pub fn user(user: &User) -> Value {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let profile = Written::new()
        .maybe("givenName", text(&user.given_name))
        .maybe("surname", text(&user.surname))
        .maybe("email", text(&user.email))
        .maybe("avatarUrl", text(&user.avatar_url))
        .maybe("locale", text(&user.locale));
    Written::new()
        .with("id", &user.id)
        .maybe("externalId", user.external_id.as_ref())
        .with("signedUpAt", user.signed_up_at.iso())
        .maybe("toBeRetained", user.to_be_retained.then_some(true))
        .with("hasPaymentInfo", false)
        .with("profile", profile)
        .with("metadata", &user.properties)
        .with("identities", v1::identities(user))
        .into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Id, Timestamp};

    #[test]
    fn what_is_not_known_is_left_out() {
        let mut someone = User::new(Timestamp::from_millis(1_500_000_000_123));
        someone.id = Id::new("5963c0d619a30a2e00de36c1");
        someone.given_name = Some(String::new());
        assert_eq!(
            user(&someone),
            json!({
                "id": "5963c0d619a30a2e00de36c1",
                "signedUpAt": "2017-07-14T02:40:00.123Z",
                "hasPaymentInfo": false,
                "profile": {},
                "metadata": {},
                "identities": [],
            })
        );
    }
}
