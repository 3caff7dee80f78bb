//! Who takes part in a conversation: joining and leaving groups, and looking.

use crate::model::{App, Conversation, Id, Participant, Source, Tenant, User, What, Whom};
use crate::store::{Batch, Versioned};

use super::records::{conversations_of, save};
use super::talk::{Room, Talk, event};
use super::{Core, CoreError, Once, retried};

/// People of a group. Every message tells how much each of them has not read, so they stand in its document.
const PEOPLE_MAX: usize = 100;

/// Somebody who takes part in a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// In which.
    pub conversation: Conversation,
    /// How.
    pub participant: Participant,
    /// Who.
    pub user: User,
}

/// Who is to leave a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaver {
    /// A person.
    Person(Whom),
    /// A participant, by the id of their taking part.
    Participant(Id<Participant>),
}

impl Core {
    /// Has a person take part in a group. Who takes part already goes on to.
    pub async fn join(
        &self,
        tenant: &Tenant,
        id: &str,
        whom: &Whom,
        once: Once<'_, Member>,
    ) -> Result<Member, CoreError> {
        retried(|| self.try_join(tenant, id, whom, &once)).await
    }

    async fn try_join(
        &self,
        tenant: &Tenant,
        id: &str,
        whom: &Whom,
        once: &Once<'_, Member>,
    ) -> Result<Member, CoreError> {
        let (app, now) = (&tenant.app.id, self.clock.now());
        let mut read = self.group(tenant, id, "joined").await?;
        let person = self.named(app, whom).await?;
        let mut batch = Batch::new(app);
        let member = match self.place_among(app, &read.value, &person.value.id).await? {
            Some(place) => member(&read.value, place, person.value),
            None if read.value.participants.len() >= PEOPLE_MAX => {
                return Err(CoreError::Invalid("Too many participants".into()));
            }
            None => {
                read.value.participants.push(Participant::new(&person.value.id, now));
                batch.update(&read);
                // So that nobody is erased or becomes somebody else at the same moment.
                batch.update(&person);
                let begun = read.value.created().millis();
                batch.append(conversations_of(&person.value.id), begun, read.value.id.as_str());
                let what = What::Joined { user: person.value.clone(), source: Source::of("api") };
                self.announce(&mut batch, tenant, &event(tenant, &read.value, now, what));
                member(&read.value, read.value.participants.len() - 1, person.value)
            }
        };
        once.enter(&mut batch, now, &member);
        if !batch.is_empty() {
            self.store.commit(batch).await?;
        }
        Ok(member)
    }

    /// Has a person take no part in a group any more. What they said stays.
    pub async fn leave(
        &self,
        tenant: &Tenant,
        id: &str,
        leaver: &Leaver,
        once: Once<'_, ()>,
    ) -> Result<(), CoreError> {
        retried(|| self.try_leave(tenant, id, leaver, &once)).await
    }

    async fn try_leave(
        &self,
        tenant: &Tenant,
        id: &str,
        leaver: &Leaver,
        once: &Once<'_, ()>,
    ) -> Result<(), CoreError> {
        let (app, now) = (&tenant.app.id, self.clock.now());
        let Versioned { value: mut group, version } = self.group(tenant, id, "left").await?;
        let place = match leaver {
            Leaver::Participant(id) => {
                group.participants.iter().position(|participant| participant.id_in(&group.id) == *id)
            }
            Leaver::Person(whom) => match self.named(app, whom).await {
                Ok(person) => self.place_among(app, &group, &person.value.id).await?,
                Err(CoreError::NotFound(_)) => None,
                Err(error) => return Err(error),
            },
        };
        let left = group.participants.remove(place.ok_or(CoreError::NotAMember)?);
        let mut batch = Batch::new(app);
        save(&mut batch, Some(version), &group);
        batch.remove(conversations_of(&left.user), group.id.as_str());
        if let Some(person) = self.person(app, &left.user).await? {
            batch.remove(conversations_of(&person.value.id), group.id.as_str());
            let what = What::Left { user: person.value, source: Source::of("api") };
            self.announce(&mut batch, tenant, &event(tenant, &group, now, what));
        }
        once.enter(&mut batch, now, &());
        Ok(self.store.commit(batch).await?)
    }

    /// Who takes part in a conversation. Who is gone and not taken out yet is left out.
    pub async fn members(&self, tenant: &Tenant, id: &str) -> Result<Vec<Member>, CoreError> {
        let app = &tenant.app.id;
        let (conversation, _) = self.room(tenant, Talk::Named(id)).await?.into_conversation();
        let ids: Vec<String> = conversation.participants.iter().map(|one| one.user.to_string()).collect();
        let found = self.store.load_all::<User>(app, &ids).await?;
        let mut members = Vec::new();
        for (place, found) in found.into_iter().enumerate() {
            let found = match found {
                Some(read) => Some(read),
                None => self.person(app, &conversation.participants[place].user).await?,
            };
            members.extend(found.map(|read| member(&conversation, place, read.value)));
        }
        Ok(members)
    }

    /// Where a person stands among those who take part; who was somebody else once may stand there under that id.
    pub(super) async fn place_among(
        &self,
        app: &Id<App>,
        conversation: &Conversation,
        user: &Id<User>,
    ) -> Result<Option<usize>, CoreError> {
        let participants = &conversation.participants;
        if let Some(place) = participants.iter().position(|participant| participant.user == *user) {
            return Ok(Some(place));
        }
        let ids: Vec<String> = participants.iter().map(|participant| participant.user.to_string()).collect();
        let found = self.store.load_all::<User>(app, &ids).await?;
        for (place, _) in found.iter().enumerate().filter(|(_, found)| found.is_none()) {
            let person = self.person(app, &participants[place].user).await?;
            if person.is_some_and(|person| person.value.id == *user) {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// The person that a caller names, who must take part in a conversation.
    pub(super) async fn partaker(
        &self,
        tenant: &Tenant,
        room: &Room,
        whom: &Whom,
    ) -> Result<User, CoreError> {
        let app = &tenant.app.id;
        let user = self.named(app, whom).await?.value;
        match (room, self.place_among(app, room.conversation(), &user.id).await?) {
            (_, Some(_)) => Ok(user),
            (Room::Personal(known), None) if known.user.id == user.id => Ok(user),
            _ => Err(CoreError::Invalid("author: the user does not take part in the conversation".into())),
        }
    }

    async fn group(
        &self,
        tenant: &Tenant,
        id: &str,
        done: &str,
    ) -> Result<Versioned<Conversation>, CoreError> {
        match self.room(tenant, Talk::Named(id)).await? {
            Room::Group(read) => Ok(*read),
            Room::Personal(_) => {
                Err(CoreError::Invalid(format!("Only conversations of type sdkGroup can be {done}")))
            }
        }
    }
}

fn member(conversation: &Conversation, place: usize, user: User) -> Member {
    let participant = conversation.participants[place].clone();
    Member { conversation: conversation.clone(), participant, user }
}
