//! JSON Web Tokens as the platform has them: HS256 and nothing else, so that no algorithm can be swapped.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use heliograph_connectors::channel::jwt::Token;
use heliograph_connectors::channel::signature::hmac_sha256;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::{Key, KeyScope, Timestamp};

/// Whom a token speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Speaker {
    /// An app.
    App,
    /// The account.
    Account,
    /// One user of an app, by the business's own id.
    User(String),
    /// A custom integration.
    Integration,
}

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refused(pub(super) &'static str);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Scope {
    App,
    Account,
    AppUser,
    Integration,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    scope: Scope,
    user_id: Option<String>,
    exp: Option<f64>,
    nbf: Option<f64>,
}

/// The key a token was signed with and whom it speaks for.
pub(super) fn verify(
    token: &str,
    now: Timestamp,
    find: impl FnOnce(&str) -> Option<Key>,
) -> Result<(Key, Speaker), Refused> {
    let token = Token::parse(token).map_err(|_| Refused("Malformed token"))?;
    // Customers sign with this one alone, so that no algorithm can be swapped.
    if token.algorithm != "HS256" {
        return Err(Refused("A token must be signed with HS256"));
    }
    // An unknown key and a wrong signature look the same from outside.
    let forged = Refused("Invalid credential");
    let key = token.key_id.as_deref().and_then(find).ok_or(forged.clone())?;
    let (claims, _): (Claims, _) = token.claims(key.secret.expose().as_bytes()).map_err(|_| forged)?;
    if claims.exp.is_some_and(|exp| exp <= now.seconds()) {
        return Err(Refused("The token is expired"));
    }
    if claims.nbf.is_some_and(|nbf| nbf > now.seconds()) {
        return Err(Refused("The token is not valid yet"));
    }
    Ok((key, speaker(claims.scope, claims.user_id)?))
}

/// A token that opens what its key opens, for as long as the key is there: that is how the platform gives them out.
pub(super) fn sign(key: &Key, now: Timestamp) -> String {
    let scope = match key.scope {
        KeyScope::Account | KeyScope::ServiceAccount(_) => "account",
        KeyScope::App(_) => "app",
        KeyScope::Integration { .. } => "integration",
    };
    let header = json!({ "alg": "HS256", "typ": "JWT", "kid": key.id });
    let claims = json!({ "scope": scope, "iat": now.millis() / 1000 });
    signed(&header, &claims, key.secret.expose())
}

fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(hmac_sha256(secret.as_bytes(), signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// Whether a token says that it speaks for a user. Nobody has proven it.
pub(super) fn says_user(token: &str) -> bool {
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims = claims.and_then(|json| serde_json::from_slice::<Value>(&json).ok());
    claims.is_some_and(|claims| claims["scope"] == "appUser")
}

fn speaker(scope: Scope, user_id: Option<String>) -> Result<Speaker, Refused> {
    match scope {
        Scope::App => Ok(Speaker::App),
        Scope::Account => Ok(Speaker::Account),
        Scope::Integration => Ok(Speaker::Integration),
        Scope::AppUser => {
            let named = user_id.filter(|id| !id.is_empty());
            named.map(Speaker::User).ok_or(Refused("A token of scope appUser must name a userId"))
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use heliograph_connectors::channel::Secret;

    use super::*;
    use crate::model::Id;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    /// A token over any header and claims.
    pub(crate) fn token(header: &Value, claims: &Value, secret: &str) -> String {
        signed(header, claims, secret)
    }

    fn find(id: &str) -> Option<Key> {
        let scope = KeyScope::App(Id::new("5963c0d619a30a2e00de36b8"));
        (id == "app_1").then(|| Key::declared(id, Secret::new("fake-secret"), scope))
    }

    fn checked(header: Value, claims: Value) -> Result<Speaker, &'static str> {
        let token = token(&header, &claims, "fake-secret");
        verify(&token, NOW, find).map(|(_, speaker)| speaker).map_err(|refused| refused.0)
    }

    fn good() -> Value {
        json!({ "alg": "HS256", "typ": "JWT", "kid": "app_1" })
    }

    #[test]
    fn a_token_without_expiry_is_believed() {
        assert_eq!(checked(good(), json!({ "scope": "app", "iat": 1 })), Ok(Speaker::App));
        assert_eq!(checked(good(), json!({ "scope": "account", "userId": null })), Ok(Speaker::Account));
    }

    #[test]
    fn a_users_token_names_the_user_by_a_text() {
        let named = |user: Value| checked(good(), json!({ "scope": "appUser", "userId": user }));
        assert_eq!(named(json!("u")), Ok(Speaker::User("u".into())));
        for odd in [json!(5), json!(["u"]), json!({}), json!(true)] {
            assert_eq!(named(odd), Err("Invalid credential"));
        }
        for missing in [json!(null), json!("")] {
            assert_eq!(named(missing), Err("A token of scope appUser must name a userId"));
        }
        assert!(checked(good(), json!({ "scope": "appUser" })).is_err());
    }

    #[test]
    fn no_other_algorithm_is_taken() {
        for alg in ["none", "None", "", "hs256", "HS384", "HS512", "RS256"] {
            let refused = checked(json!({ "alg": alg, "kid": "app_1" }), json!({ "scope": "app" }));
            assert_eq!(refused, Err("A token must be signed with HS256"), "{alg}");
        }
        let unsigned = token(&json!({ "alg": "none", "kid": "app_1" }), &json!({ "scope": "app" }), "");
        let unsigned = format!("{}.", unsigned.rsplit_once('.').expect("has dots").0);
        assert!(verify(&unsigned, NOW, find).is_err());
    }

    #[test]
    fn header_and_claims_must_be_whole() {
        let claims = json!({ "scope": "app" });
        assert!(checked(json!({ "alg": "HS256" }), claims.clone()).is_err());
        assert!(checked(json!({ "alg": "HS256", "kid": "app_2" }), claims.clone()).is_err());
        let critical = json!({ "alg": "HS256", "kid": "app_1", "crit": ["b64"], "b64": false });
        assert!(checked(critical, claims).is_err());
        assert!(checked(good(), json!({})).is_err());
        assert!(checked(good(), json!({ "scope": "user" })).is_err());
        for text in ["", ".", "..", "a.b", "a.b.c", "e30.e30.", "\u{1f}.\u{e9}.x"] {
            assert!(verify(text, NOW, find).is_err(), "{text}");
        }
    }

    #[test]
    fn a_signed_token_opens_what_its_key_opens() {
        let of = |scope| Key::declared("app_1", Secret::new("fake-secret"), scope);
        for (scope, expected) in [
            (KeyScope::App(Id::new("a")), Speaker::App),
            (KeyScope::Account, Speaker::Account),
            (KeyScope::ServiceAccount(Id::new("s")), Speaker::Account),
            (KeyScope::Integration { app: Id::new("a"), integration: Id::new("i") }, Speaker::Integration),
        ] {
            let token = sign(&of(scope), NOW);
            let (_, speaker) = verify(&token, NOW, find).expect("it is believed");
            assert_eq!(speaker, expected);
            assert!(!says_user(&token));
        }
    }

    #[test]
    fn what_a_token_says_is_seen_before_it_is_proven() {
        assert!(says_user(&token(&good(), &json!({ "scope": "appUser", "exp": 1 }), "fake-other")));
        for odd in ["", "a", "a.b.c", "e30.e30.e30", "a.bnVsbA.c", "a.W10.c"] {
            assert!(!says_user(odd), "{odd}");
        }
    }

    #[test]
    fn times_are_honoured() {
        let at = |exp: f64, nbf: f64| checked(good(), json!({ "scope": "app", "exp": exp, "nbf": nbf }));
        assert_eq!(at(1_700_000_001.0, 1_700_000_000.0), Ok(Speaker::App));
        assert_eq!(at(1_700_000_000.0, 0.0), Err("The token is expired"));
        assert_eq!(at(1_700_000_009.5, 1_700_000_000.5), Err("The token is not valid yet"));
        assert!(checked(good(), json!({ "scope": "app", "exp": "tomorrow" })).is_err());
    }

    #[test]
    fn a_changed_token_is_refused() {
        let signed = token(&good(), &json!({ "scope": "app" }), "fake-secret");
        let (head, signature) = signed.rsplit_once('.').expect("has dots");
        let header = head.split('.').next().expect("has a header");
        let other = URL_SAFE_NO_PAD.encode(json!({ "scope": "account" }).to_string());
        assert!(verify(&format!("{header}.{other}.{signature}"), NOW, find).is_err());
        assert!(verify(&signed[..signed.len() - 2], NOW, find).is_err());
        assert!(verify(&token(&good(), &json!({ "scope": "app" }), "fake-other"), NOW, find).is_err());
    }
}
