//! Encryption at rest: ChaCha20-Poly1305 under `secrets.key`, bound to the document's kind and id.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use heliograph_connectors::channel::Secret;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::{Deployment, Integration, Seal, SealBroken, Webhook};
use crate::store::{Batch, Expect, SecretRecord, StoreError};

use super::deployments::DEPLOYMENTS;
use super::integrations::INTEGRATIONS;
use super::webhooks::{KeptSecret, WEBHOOKS};
use super::{KeyOwner, Settings, account};

/// The one field of a sealed value.
const SEALED: &str = "sealed";

/// How sealed text begins: the form that follows is base64 of nonce and ciphertext.
const FORM: &str = "1:";

/// Encrypts with the operator's key, or not at all when there is none.
#[derive(Debug)]
pub struct Sealer(Option<LessSafeKey>);

impl Sealer {
    /// With `secrets.key`: 32 bytes in base64.
    pub fn new(key: Option<&Secret>) -> Result<Sealer, String> {
        let Some(key) = key else { return Ok(Sealer(None)) };
        let bytes = STANDARD.decode(key.expose()).map_err(|error| format!("secrets.key: {error}"))?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes);
        let key = key.map_err(|_| "secrets.key: must be 32 bytes in base64")?;
        Ok(Sealer(Some(LessSafeKey::new(key))))
    }
}

impl Seal for Sealer {
    fn has_key(&self) -> bool {
        self.0.is_some()
    }

    fn seal(&self, kind: &str, id: &str, value: &Value) -> Value {
        let Some(key) = &self.0 else { return value.clone() };
        // 96 bits of chance: one value a millisecond for a year meets itself with a chance of one in 10^8.
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut bytes = value.to_string().into_bytes();
        let aad = Aad::from(format!("{kind}/{id}"));
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut bytes)
            .expect("a document is shorter than the 256 GiB that a nonce is good for");
        let text = STANDARD.encode([&nonce[..], &bytes].concat());
        json!({ SEALED: format!("{FORM}{text}") })
    }

    fn open(&self, kind: &str, id: &str, stored: Value) -> Result<Value, SealBroken> {
        let Some(text) = sealed_text(&stored) else { return Ok(stored) };
        let Some(key) = &self.0 else {
            return Err(SealBroken(format!("{kind} {id} is encrypted, and secrets.key is not set")));
        };
        let opened = decrypt(key, text, &format!("{kind}/{id}"));
        opened.ok_or_else(|| SealBroken(format!("{kind} {id} was not encrypted with this secrets.key")))
    }
}

fn sealed_text(stored: &Value) -> Option<&str> {
    let fields = stored.as_object().filter(|fields| fields.len() == 1)?;
    fields.get(SEALED)?.as_str()?.strip_prefix(FORM)
}

fn decrypt(key: &LessSafeKey, text: &str, aad: &str) -> Option<Value> {
    let bytes = STANDARD.decode(text).ok()?;
    let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut sealed = sealed.to_vec();
    let plain = key.open_in_place(nonce, Aad::from(aad), &mut sealed).ok()?;
    serde_json::from_slice(plain).ok()
}

/// What tells at start whether the key is the one the store was sealed with, whatever else it holds.
#[derive(Serialize, Deserialize)]
struct Proof {
    word: String,
}

impl SecretRecord for Proof {
    const KIND: &'static str = "proof";
    const SECRET: &'static str = "word";

    fn record_id(&self) -> String {
        "secrets.key".to_owned()
    }
}

impl Settings {
    /// Refuses a store that was sealed with another key. One that was never sealed is from now on.
    pub(super) async fn prove_key(&self) -> Result<(), StoreError> {
        let proof = Proof { word: "heliograph".to_owned() };
        let found = self.store.load_sealed::<Proof>(&account(), &proof.record_id(), &*self.seal).await?;
        if found.is_some() || !self.seal.has_key() {
            return Ok(());
        }
        self.seal_all().await?;
        let mut batch = Batch::new(&account());
        batch.put_sealed(&*self.seal, &proof, Expect::Absent, None);
        self.store.commit(batch).await
    }

    /// Seals what was stored before there was a key. Answers kept for idempotency are left: they soon expire.
    async fn seal_all(&self) -> Result<(), StoreError> {
        let seal = &*self.seal;
        for tenant in self.tenants() {
            let id = &tenant.app.id;
            self.store.seal_stored::<Integration>(id, &self.members(id, INTEGRATIONS).await?, seal).await?;
            self.store.seal_stored::<Webhook>(id, &self.members(id, WEBHOOKS).await?, seal).await?;
            let kept: Vec<String> = tenant.webhooks.iter().map(KeptSecret::name_for).collect();
            self.store.seal_stored::<KeptSecret>(id, &kept, seal).await?;
            self.seal_keys(&KeyOwner::App(id.clone())).await?;
            self.seal_integration_keys(id).await?;
        }
        let deployments = self.members(&account(), DEPLOYMENTS).await?;
        self.store.seal_stored::<Deployment>(&account(), &deployments, seal).await?;
        for service_account in self.service_accounts() {
            self.seal_keys(&KeyOwner::ServiceAccount(service_account.id)).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealer(byte: u8) -> Sealer {
        let key = Secret::new(STANDARD.encode([byte; 32]));
        Sealer::new(Some(&key)).expect("a key of 32 bytes")
    }

    fn plain() -> Sealer {
        Sealer::new(None).expect("no key is fine")
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_and_nowhere_else() {
        let (one, value) = (sealer(1), json!("fake-secret"));
        let sealed = one.seal("key", "app_1", &value);
        assert!(!sealed.to_string().contains("fake-secret"), "{sealed}");
        assert_ne!(sealed, one.seal("key", "app_1", &value), "no two look alike");
        assert_eq!(one.open("key", "app_1", sealed.clone()), Ok(value));
        for (kind, id) in [("key", "app_2"), ("webhook", "app_1")] {
            assert!(one.open(kind, id, sealed.clone()).is_err(), "{kind} {id}");
        }
        let said = |sealer: Sealer| sealer.open("key", "app_1", sealed.clone()).expect_err("it is refused").0;
        assert_eq!(said(sealer(2)), "key app_1 was not encrypted with this secrets.key");
        assert_eq!(said(plain()), "key app_1 is encrypted, and secrets.key is not set");
    }

    #[test]
    fn a_key_has_32_bytes() {
        for odd in ["", "c2hvcnQ=", "not base64"] {
            assert!(Sealer::new(Some(&Secret::new(odd))).is_err(), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn what_was_stored_in_the_clear_is_still_read(text in ".*", with_key in any::<bool>()) {
            let sealer = if with_key { sealer(1) } else { plain() };
            for value in [json!(text), json!({ "authToken": text }), json!({ SEALED: text.trim_start_matches('1') })] {
                prop_assert_eq!(sealer.open("integration", "i", value.clone()), Ok(value));
            }
            let broken = json!({ SEALED: format!("{FORM}{text}") });
            prop_assert!(sealer.open("integration", "i", broken).is_err());
        }

        #[test]
        fn any_value_survives(text in ".*", id in "[0-9a-f]{24}") {
            let value = json!({ "secret": text, "more": [1, null] });
            let (one, other) = (sealer(7), sealer(7));
            prop_assert_eq!(other.open("once", &id, one.seal("once", &id, &value)), Ok(value));
        }
    }
}
