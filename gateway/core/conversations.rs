//! Conversations as the business makes, names and removes them, and those that a person has.

use serde_json::{Map, Value};

use crate::model::{
    App, Conversation, ConversationKind, CreationReason, Id, NewJob, Participant, Source, Tenant, Timestamp,
    User, What, Whole, Whom,
};
use crate::store::{Batch, Expect, Record, Versioned};

use super::control::begins;
use super::known::Known;
use super::listing::{Listed, Slice};
use super::profile::{Change, PROPERTIES_MAX, change_facts};
use super::records::{ExternalId, conversations_of, referred, save};
use super::start::Start;
use super::talk::{Room, Talk, event, whole};
use super::{Core, CoreError, Once, Thing, retried};

/// A conversation to be made.
#[derive(Debug, Clone)]
pub struct NewTalk {
    /// One person or several.
    pub kind: ConversationKind,
    /// Who takes part: exactly one in a personal one.
    pub participants: Vec<Whom>,
    /// What is known of it.
    pub known: TalkChange,
}

/// What a request changes about a conversation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TalkChange {
    /// What it is called.
    pub display_name: Change<String>,
    /// What it is about.
    pub description: Change<String>,
    /// Where its picture is.
    pub icon_url: Change<String>,
    /// Whether all facts go before others are set.
    pub clears_metadata: bool,
    /// Facts that are set, and with null those that are removed; the others stay.
    pub metadata: Map<String, Value>,
}

impl TalkChange {
    fn apply(self, conversation: &mut Conversation) -> Result<(), CoreError> {
        self.display_name.apply(&mut conversation.display_name);
        self.description.apply(&mut conversation.description);
        self.icon_url.apply(&mut conversation.icon_url);
        if self.clears_metadata {
            conversation.metadata.clear();
        }
        if change_facts(&mut conversation.metadata, self.metadata) > PROPERTIES_MAX {
            let message = format!("metadata is limited to {PROPERTIES_MAX} bytes in size");
            return Err(CoreError::Invalid(message));
        }
        Ok(())
    }
}

impl Core {
    /// Makes a conversation. The first one of a person is their default one, if nothing was said in that yet.
    pub async fn create_conversation(
        &self,
        tenant: &Tenant,
        new: NewTalk,
        once: Once<'_, Whole>,
    ) -> Result<Whole, CoreError> {
        retried(|| self.try_create_conversation(tenant, new.clone(), &once)).await
    }

    async fn try_create_conversation(
        &self,
        tenant: &Tenant,
        new: NewTalk,
        once: &Once<'_, Whole>,
    ) -> Result<Whole, CoreError> {
        let (app, now) = (&tenant.app.id, self.clock.now());
        let mut people: Vec<Versioned<User>> = Vec::new();
        for whom in &new.participants {
            let person = self.named(app, whom).await?;
            if !people.iter().any(|known| known.value.id == person.value.id) {
                people.push(person);
            }
        }
        if let (ConversationKind::Personal, Some(person)) = (new.kind, people.first())
            && !person.value.conversation_started
        {
            return self.begin_default(tenant, person.clone(), new.known, once).await;
        }
        let participants =
            people.iter().map(|person| Participant::new(&person.value.id, now)).collect::<Vec<_>>();
        let mut conversation = Conversation::new(new.kind, participants, now);
        new.known.apply(&mut conversation)?;
        begins(tenant, None, &mut conversation);
        let mut batch = Batch::new(app);
        batch.insert(&conversation);
        for person in &people {
            // So that nobody is erased or becomes somebody else at the same moment.
            batch.update(person);
            batch.append(conversations_of(&person.value.id), now.millis(), conversation.id.as_str());
        }
        let is_personal = new.kind == ConversationKind::Personal;
        let what = What::ConversationStarted {
            user: people.into_iter().next().map(|person| person.value).filter(|_| is_personal),
            reason: CreationReason::None,
            client: None,
            source: Source::of("api"),
            referral: None,
        };
        self.announce(&mut batch, tenant, &event(tenant, &conversation, now, what));
        self.commit_made(tenant, conversation, (batch, now), once).await
    }

    /// Makes the place that is kept free for a person's first conversation that conversation.
    async fn begin_default(
        &self,
        tenant: &Tenant,
        person: Versioned<User>,
        change: TalkChange,
        once: &Once<'_, Whole>,
    ) -> Result<Whole, CoreError> {
        let now = self.clock.now();
        let mut known = self.with_conversation(tenant, person, None).await?;
        change.apply(&mut known.conversation)?;
        let mut batch = Batch::new(&tenant.app.id);
        let start =
            Start { reason: CreationReason::None, client: None, source: Source::of("api"), referral: None };
        self.starts(tenant, &mut known, start, now, &mut batch);
        known.save(&mut batch);
        self.commit_made(tenant, known.conversation, (batch, now), once).await
    }

    async fn commit_made(
        &self,
        tenant: &Tenant,
        conversation: Conversation,
        (mut batch, now): (Batch, Timestamp),
        once: &Once<'_, Whole>,
    ) -> Result<Whole, CoreError> {
        let whole = whole(tenant, conversation);
        once.enter(&mut batch, now, &whole);
        self.store.commit(batch).await?;
        Ok(whole)
    }

    /// Changes what is known of a conversation.
    pub async fn change_conversation(
        &self,
        tenant: &Tenant,
        id: &str,
        change: &TalkChange,
    ) -> Result<Whole, CoreError> {
        retried(|| self.try_change_conversation(tenant, id, change)).await
    }

    async fn try_change_conversation(
        &self,
        tenant: &Tenant,
        id: &str,
        change: &TalkChange,
    ) -> Result<Whole, CoreError> {
        let (mut conversation, version) = self.room(tenant, Talk::Named(id)).await?.into_conversation();
        change.clone().apply(&mut conversation)?;
        let mut batch = Batch::new(&tenant.app.id);
        save(&mut batch, version, &conversation);
        self.store.commit(batch).await?;
        Ok(whole(tenant, conversation))
    }

    /// Removes a conversation: it is gone at once, its messages soon. Whoever spoke in it from a channel speaks in
    /// their default one from then on.
    pub async fn delete_conversation(&self, tenant: &Tenant, id: &str) -> Result<(), CoreError> {
        retried(|| self.try_delete_conversation(tenant, id)).await
    }

    async fn try_delete_conversation(&self, tenant: &Tenant, id: &str) -> Result<(), CoreError> {
        let (app, now) = (&tenant.app.id, self.clock.now());
        let mut room = self.room(tenant, Talk::Named(id)).await?;
        let mut batch = Batch::new(app);
        if let Room::Personal(known) = &mut room {
            known.leave_seats();
            known.save_user_if_changed(&mut batch);
        }
        let user = room.person().cloned();
        let (conversation, version) = room.into_conversation();
        if conversation.is_default {
            let refusal = format!("Conversation {id} cannot be deleted because it is the default.");
            return Err(CoreError::Invalid(refusal));
        }
        let expect = version.map_or(Expect::Absent, Expect::Version);
        batch.delete_expecting(Conversation::KIND, conversation.record_id(), expect);
        for participant in &conversation.participants {
            batch.remove(conversations_of(&participant.user), conversation.id.as_str());
        }
        if let Some(user) = &user {
            // Where they were somebody else once, the list is under who they are now.
            batch.remove(conversations_of(&user.id), conversation.id.as_str());
        }
        if let Some(up_to) = conversation.last_message_at {
            batch.job(NewJob::sweep(app, &conversation.id, up_to, now));
        }
        let what = What::ConversationRemoved { user, source: Source::of("api") };
        self.announce(&mut batch, tenant, &event(tenant, &conversation, now, what));
        Ok(self.store.commit(batch).await?)
    }

    /// The conversations that a person takes part in, in the order in which they began.
    pub async fn conversations_of(
        &self,
        tenant: &Tenant,
        who: &Whom,
        slice: &Slice,
    ) -> Result<Listed<Whole>, CoreError> {
        let app = &tenant.app.id;
        let user = retried(|| self.with_list(tenant, who)).await?;
        let rank = match slice.cursor() {
            Some(cursor) => self.begun(app, cursor).await?.millis(),
            None => 0,
        };
        let Listed { items, has_earlier, has_later } =
            self.part(app, &conversations_of(&user.id), slice, rank).await?;
        let ids: Vec<String> = items.into_iter().map(|entry| entry.member).collect();
        let found = self.store.load_all::<Conversation>(app, &ids).await?;
        // One that was removed since the list was read is not shown.
        let items = found.into_iter().flatten().map(|read| whole(tenant, read.value)).collect();
        Ok(Listed { items, has_earlier, has_later })
    }

    /// A person in whose list of conversations the default one stands, if it began. What began before there were such
    /// lists is entered when somebody asks.
    async fn with_list(&self, tenant: &Tenant, who: &Whom) -> Result<User, CoreError> {
        let app = &tenant.app.id;
        let mut read = self.named(app, who).await?;
        if read.value.listed || !read.value.conversation_started {
            return Ok(read.value);
        }
        let conversation: Versioned<Conversation> =
            referred(&*self.store, app, read.value.conversation.as_str()).await?;
        read.value.listed = true;
        let mut batch = Batch::new(app);
        batch.update(&read);
        enter_list(&mut batch, &read.value.id, &conversation.value);
        self.store.commit(batch).await?;
        Ok(read.value)
    }

    /// When a conversation began, or one that is gone was made.
    async fn begun(&self, app: &Id<App>, id: &str) -> Result<Timestamp, CoreError> {
        let found = self.store.load::<Conversation>(app, id).await?;
        let made = || Id::<Conversation>::new(id).moment().unwrap_or(Timestamp::from_millis(0));
        Ok(found.map_or_else(made, |read| read.value.created()))
    }

    /// The person that a caller names.
    pub(super) async fn named(&self, app: &Id<App>, whom: &Whom) -> Result<Versioned<User>, CoreError> {
        let gone = || CoreError::NotFound(Thing::User);
        match whom {
            Whom::Id(id) => self.store.load::<User>(app, id.as_str()).await?.ok_or_else(gone),
            Whom::ExternalId(id) => {
                let named = self.store.load::<ExternalId>(app, id).await?.ok_or_else(gone)?;
                Ok(referred(&*self.store, app, named.value.user.as_str()).await?)
            }
        }
    }
}

/// Enters a conversation into the list of a person who takes part in it.
pub(super) fn enter_list(batch: &mut Batch, user: &Id<User>, conversation: &Conversation) {
    batch.append(conversations_of(user), conversation.created().millis(), conversation.id.as_str());
}

impl Known {
    /// Enters the default conversation, which begins at this moment, into the person's list.
    pub(super) fn enter_default(&mut self, now: Timestamp, batch: &mut Batch) {
        self.conversation.created = Some(now);
        self.user.listed = true;
        enter_list(batch, &self.user.id, &self.conversation);
    }
}
