//! Who is who: users by id, by the business's own id, and by address; the names messages carry.

use heliograph_connectors::channel::Person;
use serde_json::{Map, Value};

use crate::model::{Client, ClientStatus, Conversation, Id, Tenant, Timestamp, User};
use crate::store::{Batch, StoreError, Versioned};

use super::known::{ALIASES_MAX, Known};
use super::records::{ExternalId, Linked, address_id, referred};
use super::settle::Scene;
use super::{Core, CoreError, Once, Route, Thing};

/// A user as the business describes them before they ever write.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    /// The business's own id; somebody without one is anonymous.
    pub external_id: Option<String>,
    /// First name.
    pub given_name: Option<String>,
    /// Last name.
    pub surname: Option<String>,
    /// Email address, for display.
    pub email: Option<String>,
    /// Where their picture is.
    pub avatar_url: Option<String>,
    /// Their language.
    pub locale: Option<String>,
    /// Whether the business wants their data kept.
    pub to_be_retained: bool,
    /// When they signed up; now when unset.
    pub signed_up_at: Option<Timestamp>,
    /// The business's own facts.
    pub properties: Map<String, Value>,
}

impl Core {
    /// Creates a user before they ever write.
    pub async fn create_user(
        &self,
        tenant: &Tenant,
        new: NewUser,
        once: Once<'_, User>,
    ) -> Result<User, CoreError> {
        let app = &tenant.app.id;
        let now = self.clock.now();
        // Either id names a person in a path, so that one must not mean two people.
        if let Some(external_id) = &new.external_id
            && self.store.load::<User>(app, external_id).await?.is_some()
        {
            return Err(CoreError::Conflict("User already exists".into()));
        }
        let mut known = Known::stranger(now);
        let user = &mut known.user;
        user.external_id = new.external_id;
        user.given_name = new.given_name;
        user.surname = new.surname;
        user.email = new.email;
        user.avatar_url = new.avatar_url;
        user.locale = new.locale;
        user.to_be_retained = new.to_be_retained;
        user.signed_up_at = new.signed_up_at.unwrap_or(user.signed_up_at);
        user.properties = new.properties;
        let mut batch = Batch::new(app);
        if let Some(external_id) = user.external_id.clone() {
            batch.insert(&ExternalId { external_id, user: user.id.clone() });
        }
        known.save(&mut batch);
        once.enter(&mut batch, now, &known.user);
        match self.store.commit(batch).await {
            Err(StoreError::Conflict(_)) => Err(CoreError::Conflict("User already exists".into())),
            result => result.map(|()| known.user).map_err(CoreError::from),
        }
    }

    /// The user under our id or the business's own.
    pub async fn user(&self, tenant: &Tenant, id: &str) -> Result<User, CoreError> {
        Ok(self.find_user(tenant, id).await?.value)
    }

    pub(super) async fn find_user(&self, tenant: &Tenant, id: &str) -> Result<Versioned<User>, CoreError> {
        let app = &tenant.app.id;
        if Id::<User>::is_like_ours(id)
            && let Some(found) = self.store.load::<User>(app, id).await?
        {
            return Ok(found);
        }
        match self.store.load::<ExternalId>(app, id).await? {
            Some(named) => Ok(referred(&*self.store, app, named.value.user.as_str()).await?),
            None => Err(CoreError::NotFound(Thing::User)),
        }
    }

    /// The user under an id, with their default conversation.
    pub(super) async fn find_known(&self, tenant: &Tenant, id: &str) -> Result<Known, CoreError> {
        let user = self.find_user(tenant, id).await?;
        self.with_conversation(tenant, user, None).await
    }

    /// The person linked to an address, or to another spelling of it.
    pub(super) async fn at_address(
        &self,
        scene: Scene<'_>,
        address: &str,
    ) -> Result<Option<Known>, CoreError> {
        match self.sighted(scene, &Person::at(address)).await? {
            Sighting::Known { known, .. } => Ok(Some(*known)),
            Sighting::Nobody { .. } => Ok(None),
        }
    }

    /// Whether nobody is linked to any of a person's addresses.
    pub async fn is_stranger(&self, route: Route<'_>, person: &Person) -> Result<bool, CoreError> {
        let scene = Scene::at(route, self.clock.now());
        Ok(matches!(self.sighted(scene, person).await?, Sighting::Nobody { .. }))
    }

    /// Looks for whoever is linked to one of a person's addresses, or to another spelling of the first one. The
    /// order of the addresses decides where they lead to different people.
    pub(super) async fn sighted(&self, scene: Scene<'_>, person: &Person) -> Result<Sighting, CoreError> {
        let app = &scene.tenant.app.id;
        let variants = scene.channel.destination(&person.address).map_or(Vec::new(), |known| known.variants);
        // Another spelling may be another person's number one day: it finds people, but is not linked to them.
        let aliases: Vec<&String> =
            person.aliases.iter().filter(|alias| !variants.contains(alias)).take(ALIASES_MAX).collect();
        let own = std::iter::once(&person.address).chain(aliases);
        let addresses: Vec<&String> = own.clone().chain(&variants).collect();
        let ids: Vec<String> =
            addresses.iter().map(|address| address_id(&scene.integration.id, address)).collect();
        let found = self.store.load_all::<Linked>(app, &ids).await?;
        let free = own.zip(&found).filter(|(_, linked)| linked.is_none());
        let free: Vec<String> = free.map(|(address, _)| address.clone()).collect();
        let Some((linked, under)) =
            found.into_iter().zip(addresses).find_map(|(linked, address)| Some((linked?, address)))
        else {
            return Ok(Sighting::Nobody { free });
        };
        let user: Versioned<User> = referred(&*self.store, app, linked.value.user.as_str()).await?;
        let seat = user.value.client_at(&scene.integration.id, under).and_then(|client| client.seat.clone());
        let known = Box::new(self.with_conversation(scene.tenant, user, seat.as_ref()).await?);
        Ok(Sighting::Known { known, under: under.clone(), free })
    }

    /// The person with these addresses, known before or met now, with every address linked to them that was
    /// nobody's.
    pub(super) async fn meet(
        &self,
        scene: Scene<'_>,
        person: &Person,
        batch: &mut Batch,
    ) -> Result<Known, CoreError> {
        match self.sighted(scene, person).await? {
            Sighting::Known { mut known, under, free } => {
                known.learn(scene.integration, &under, &free, batch);
                Ok(*known)
            }
            Sighting::Nobody { free } => {
                let is_blocked = self.wants_none(scene, &person.address).await?;
                let status = if is_blocked { ClientStatus::Blocked } else { ClientStatus::Active };
                Ok(stranger(scene, person, status, &free, batch))
            }
        }
    }

    /// A person with the conversation they speak in: the default one where that one is gone.
    pub(super) async fn with_conversation(
        &self,
        tenant: &Tenant,
        user: Versioned<User>,
        seat: Option<&Id<Conversation>>,
    ) -> Result<Known, CoreError> {
        let app = &tenant.app.id;
        if let Some(seat) = seat.filter(|seat| **seat != user.value.conversation)
            && let Some(conversation) = self.store.load::<Conversation>(app, seat.as_str()).await?
            && conversation.value.has(&user.value.id)
        {
            return Ok(Known::read(user, conversation));
        }
        let conversation = referred(&*self.store, app, user.value.conversation.as_str()).await?;
        Ok(Known::read(user, conversation))
    }
}

/// What a look for a person found.
#[derive(Debug)]
pub(super) enum Sighting {
    /// Somebody linked before.
    Known {
        /// Who.
        known: Box<Known>,
        /// The address under which they were found.
        under: String,
        /// Addresses of theirs that are linked to nobody yet.
        free: Vec<String>,
    },
    /// Nobody.
    Nobody {
        /// All their addresses.
        free: Vec<String>,
    },
}

/// A stranger with the identity under which we met them, called as their channel calls them.
fn stranger(
    scene: Scene<'_>,
    person: &Person,
    status: ClientStatus,
    addresses: &[String],
    batch: &mut Batch,
) -> Known {
    let mut known = Known::stranger(scene.now);
    let user = &mut known.user;
    if let Some(name) = &person.display_name {
        let (given_name, surname) = name.trim().split_once(' ').unwrap_or((name.trim(), ""));
        user.given_name = (!given_name.is_empty()).then(|| given_name.to_owned());
        user.surname = (!surname.is_empty()).then(|| surname.trim().to_owned());
    }
    let mut client = client_of(scene, person, status);
    client.aliases = addresses.iter().filter(|address| **address != client.address).cloned().collect();
    link_addresses(&known.user, &client, batch);
    known.user.clients.push(client);
    known
}

/// Makes a client's addresses lead to its user, where they are nobody's yet.
fn link_addresses(user: &User, client: &Client, batch: &mut Batch) {
    for address in client.addresses() {
        batch.insert(&Linked::of(user, client, address));
    }
}

/// The identity a person has on an integration.
pub(super) fn client_of(scene: Scene<'_>, person: &Person, status: ClientStatus) -> Client {
    let is_phone = scene.channel.capabilities().destination_key == "phoneNumber";
    let number = Some(&person.address).filter(|address| is_phone && address.starts_with('+'));
    let (integration, id) = (scene.integration, Id::fresh(scene.now));
    Client {
        aliases: person.aliases.clone(),
        status,
        display_name: person.display_name.clone().or_else(|| Some(person.address.clone())),
        raw: person.raw.clone(),
        info: number.map(|number| ("phoneNumber".to_owned(), number.as_str().into())).into_iter().collect(),
        ..Client::new(id, integration.id.clone(), &integration.kind, &person.address)
    }
}

/// The name a person's message carries: what the business knows, else an invented or a generated one.
pub(super) fn name_of(
    tenant: &Tenant,
    user: &User,
    channel_word: Option<&str>,
    address: Option<&str>,
) -> String {
    let own: Vec<&str> =
        [&user.given_name, &user.surname].into_iter().flatten().map(String::as_str).collect();
    if !own.is_empty() {
        return own.join(" ");
    }
    if tenant.app.settings.use_animal_names {
        return animal_name(&user.id);
    }
    let Some(word) = channel_word else {
        return format!("User {}", user.id);
    };
    let id = user.external_id.as_deref().or(address).unwrap_or(user.id.as_str());
    format!("{word} User {id}")
}

const ADJECTIVES: [&str; 16] = [
    "Acrobatic",
    "Brave",
    "Cheerful",
    "Curious",
    "Daring",
    "Eager",
    "Gentle",
    "Honest",
    "Jolly",
    "Kind",
    "Lively",
    "Optimistic",
    "Patient",
    "Quiet",
    "Swift",
    "Witty",
];

const ANIMALS: [&str; 16] = [
    "Badger", "Crane", "Dolphin", "Falcon", "Ferret", "Gecko", "Heron", "Ibex", "Koala", "Lynx", "Marmot",
    "Otter", "Puffin", "Rat", "Salmon", "Walrus",
];

/// Stable per user.
fn animal_name(user: &Id<User>) -> String {
    let mut sum =
        user.as_str().bytes().fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let adjective = ADJECTIVES[sum % ADJECTIVES.len()];
    sum /= ADJECTIVES.len();
    format!("{adjective} {}", ANIMALS[sum % ANIMALS.len()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{App, AppSettings};

    fn tenant(use_animal_names: bool) -> Tenant {
        let settings = AppSettings { use_animal_names, ..AppSettings::default() };
        let app = App { settings, ..App::new(Id::new("5963c0d619a30a2e00de36b8"), "Demo") };
        Tenant::new(app)
    }

    fn user() -> User {
        User { id: Id::new("097491b5b2d5388e43f20354"), ..User::new(Timestamp::from_millis(0)) }
    }

    #[test]
    fn names_follow_what_is_known_best() {
        let plain = tenant(false);
        let mut someone = user();
        let name = |tenant: &Tenant, user: &User, word, address| name_of(tenant, user, word, address);
        assert_eq!(name(&plain, &someone, None, None), "User 097491b5b2d5388e43f20354");
        assert_eq!(name(&plain, &someone, Some("Android"), None), "Android User 097491b5b2d5388e43f20354");
        assert_eq!(name(&plain, &someone, Some("WhatsApp"), Some("1234567890")), "WhatsApp User 1234567890");
        someone.external_id = Some("usr_AB23A".into());
        assert_eq!(name(&plain, &someone, Some("iOS"), Some("1234567890")), "iOS User usr_AB23A");
        let animal = name(&tenant(true), &someone, Some("iOS"), None);
        assert!(animal.split(' ').count() == 2 && animal == self::animal_name(&someone.id), "{animal}");
        someone.surname = Some("Johnson".into());
        assert_eq!(name(&tenant(true), &someone, Some("iOS"), None), "Johnson");
        someone.given_name = Some("John".into());
        assert_eq!(name(&plain, &someone, None, None), "John Johnson");
    }
}
