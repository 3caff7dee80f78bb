//! The conversations of somebody who was merged become those of whom they were merged into: the first with the merge, the
//! rest in bites. Until then whoever finds the old name in one is led to the new.

use crate::model::{App, Conversation, Id, Participant, User};
use crate::store::{Batch, Cut};

use super::records::conversations_of;
use super::{Core, CoreError};

/// Conversations that pass from one to the other in one batch.
const BITE: usize = 100;

impl Core {
    /// What is to be written so that some more of a merged person's conversations are theirs who is left, and whether
    /// that leaves any.
    pub async fn adopt(&self, app: &Id<App>, from: &Id<User>) -> Result<(Batch, bool), CoreError> {
        let mut batch = Batch::new(app);
        // Whoever erased them takes all of their conversations away.
        let Some(person) = self.person(app, from).await? else { return Ok((batch, false)) };
        let (ids, more) = self.next_of(app, from).await?;
        self.pass_on(app, &ids, from, &person.value.id, &mut batch).await?;
        Ok((batch, more))
    }

    /// The same together with the merge. What somebody is to speak in at once is among them; the default one is not.
    pub(super) async fn adopt_first(
        &self,
        app: &Id<App>,
        from: &User,
        to: &Id<User>,
        batch: &mut Batch,
    ) -> Result<bool, CoreError> {
        let (mut ids, more) = self.next_of(app, &from.id).await?;
        let pending = from.pending.iter().map(|link| &link.client);
        let seats = from.clients.iter().chain(pending).filter_map(|client| client.seat.as_ref());
        ids.extend(seats.map(ToString::to_string));
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| id != from.conversation.as_str());
        self.pass_on(app, &ids, &from.id, to, batch).await?;
        Ok(more)
    }

    /// The oldest of somebody's conversations, and whether there are more.
    async fn next_of(&self, app: &Id<App>, person: &Id<User>) -> Result<(Vec<String>, bool), CoreError> {
        let cut = Cut::After { rank: i64::MIN, limit: BITE + 1 };
        let page = self.store.page(app, &conversations_of(person), cut).await?;
        let more = page.len() > BITE;
        Ok((page.into_iter().take(BITE).map(|entry| entry.member).collect(), more))
    }

    async fn pass_on(
        &self,
        app: &Id<App>,
        ids: &[String],
        from: &Id<User>,
        to: &Id<User>,
        batch: &mut Batch,
    ) -> Result<(), CoreError> {
        let found = self.store.load_all::<Conversation>(app, ids).await?;
        for (id, read) in ids.iter().zip(found) {
            batch.remove(conversations_of(from), id);
            let Some(mut read) = read.filter(|read| read.value.has(from)) else { continue };
            pass(&mut read.value, from, to);
            batch.append(conversations_of(to), read.value.created().millis(), id);
            batch.update(&read);
        }
        Ok(())
    }
}

/// Enters a default conversation that was begun into the list of its user's conversations.
pub(super) fn list_default(user: &mut User, conversation: &Conversation, batch: &mut Batch) {
    if user.conversation_started {
        user.listed = true;
        batch.append(conversations_of(&user.id), conversation.created().millis(), conversation.id.as_str());
    }
}

/// Gives one person's part in a conversation to another. Who has both parts read what either of them did.
pub(super) fn pass(conversation: &mut Conversation, from: &Id<User>, to: &Id<User>) {
    let people = &mut conversation.participants;
    let Some(at) = people.iter().position(|person| person.user == *from) else { return };
    let gone = people.remove(at);
    match people.iter_mut().find(|person| person.user == *to) {
        Some(own) => {
            own.unread = own.unread.min(gone.unread);
            own.last_read = own.last_read.max(gone.last_read);
        }
        None => {
            let id = Some(gone.id_in(&conversation.id));
            people.insert(at, Participant { id, user: to.clone(), ..gone });
        }
    }
}
