//! What is left of a person after they were erased, found and taken away bite by bite. Beginning anew, after a crash
//! or a store that was away, finds what is still there.

mod groups;
mod theirs;

use heliograph_connectors::channel::{Code, Content};
use serde::Deserialize;

use crate::model::{
    App, Conversation, Delivery, Id, Job, MediaFile, Message, Seal, Standing, Timestamp, User,
};
use crate::store::{Batch, Cut, Expect, Key, Met, Record, Stored, Versioned, Walk};

use super::announce::forget_told;
use super::dead_letters::{DEAD_LETTERS, DeadLetter, Place};
use super::erase::Erasing;
use super::hidden::{ERASED, Since, both_ids, hidden_id};
use super::merge::{Merged, absorbed_by};
use super::once::{ONCE, keep_mark, without_answer};
use super::records::{ProviderId, SEEN, Waiting, address_id, messages_of};
use super::send::error;
use super::watermark::unread_by;
use super::{Core, CoreError};

/// Jobs or entries looked at in one bite.
const LOOK: usize = 400;

/// Documents looked at in one bite: with each delivery go a few others.
const DOCUMENTS: usize = 150;

/// Messages, letters, files or people taken away in one bite.
const BITE: usize = 50;

/// Kinds that name a person without standing where they are found from them.
const KINDS: [&str; 4] = [Delivery::KIND, "linkrequest", ONCE, Waiting::KIND];

/// What is being taken away, and how far that is.
#[derive(Debug, Clone)]
pub struct Erasure {
    app: Id<App>,
    of: Erasing,
    stage: Stage,
}

/// Some of it.
#[derive(Debug)]
pub struct Bite {
    /// Files to be discarded before anything else of it.
    pub files: Vec<MediaFile>,
    jobs: Vec<Id<Job>>,
    batch: Batch,
    then: Stage,
}

/// A place on the way: what is looked for, in which of several lists, behind what.
#[derive(Debug, Clone, Default)]
struct Stage {
    step: Step,
    at: usize,
    behind: Option<String>,
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Step {
    /// What would be told or shown of them.
    #[default]
    Jobs,
    /// Their messages, and how each was sent.
    History,
    /// What they said where others speak, too.
    Groups,
    /// Whatever else was sent to them, and what was answered about them.
    Documents,
    /// What could not be told.
    Letters,
    /// What is on its way to them.
    Unread,
    /// Their files.
    Files,
    /// What was put back to work from the letters meanwhile.
    JobsAgain,
    /// What led from one of their ids to another.
    People,
    /// Nothing is left.
    End,
}

impl Stage {
    fn at(step: Step) -> Stage {
        Stage { step, ..Stage::default() }
    }

    /// Behind a place of the same list, or, at its end, where `next` says.
    fn go_on(&self, behind: Option<String>, next: Stage) -> Stage {
        match behind {
            Some(behind) => Stage { behind: Some(behind), ..self.clone() },
            None => next,
        }
    }

    /// The next list, or the next step after the last.
    fn next_list(&self, lists: usize, step: Step) -> Stage {
        if self.at + 1 < lists { Stage { at: self.at + 1, behind: None, ..*self } } else { Stage::at(step) }
    }
}

/// A document that belongs to a person.
#[derive(Deserialize)]
struct Owned {
    user: Id<User>,
}

impl Core {
    /// What a job is to take away; `None` when it is done.
    pub async fn erasure(&self, app: &Id<App>, user: &Id<User>) -> Result<Option<Erasure>, CoreError> {
        let found = self.store.load::<Erasing>(app, user.as_str()).await?;
        Ok(found.map(|read| Erasure { app: app.clone(), of: read.value, stage: Stage::default() }))
    }

    /// The next bite; `None` at the end.
    pub async fn next_bite(&self, erasure: &Erasure, seal: &dyn Seal) -> Result<Option<Bite>, CoreError> {
        let bite = match erasure.stage.step {
            Step::Jobs => self.jobs_bite(erasure, Step::History).await?,
            Step::History => self.history_bite(erasure).await?,
            Step::Groups => self.groups_bite(erasure).await?,
            Step::Documents => self.documents_bite(erasure, seal).await?,
            Step::Letters => self.letters_bite(erasure).await?,
            Step::Unread => self.unread_bite(erasure).await?,
            Step::Files => self.files_bite(erasure).await?,
            Step::JobsAgain => self.jobs_bite(erasure, Step::People).await?,
            Step::People => self.people_bite(erasure).await?,
            Step::End => return Ok(None),
        };
        Ok(Some(bite))
    }

    /// Takes a bite away, whose files are gone. One that somebody else changed meanwhile is looked at once more.
    pub async fn take_bite(&self, erasure: &mut Erasure, bite: Bite) -> Result<(), CoreError> {
        if !bite.jobs.is_empty() {
            self.store.strike(&erasure.app, &bite.jobs).await?;
        }
        if !bite.batch.is_empty() {
            let taken = self.store.commit(bite.batch).await.map_err(CoreError::from);
            if matches!(&taken, Err(error) if error.is_conflict()) {
                return Ok(());
            }
            taken?;
        }
        erasure.stage = bite.then;
        Ok(())
    }

    /// What is written with the end of the job.
    pub async fn erased(&self, erasure: &Erasure) -> Result<Batch, CoreError> {
        let Erasure { app, of, .. } = erasure;
        let mut batch = Batch::new(app);
        batch.delete(Erasing::KIND, of.record_id());
        batch.delete(ERASED, of.user.as_str());
        // Who had such an address next may be on their way out as well, and then the mark is theirs.
        let hidden = of.addresses.iter().map(|(integration, address)| hidden_id(integration, address));
        let keys: Vec<Key> = hidden.map(|id| Key::new(ERASED, id)).collect();
        for (key, found) in keys.iter().zip(self.store.read(app, &keys).await?) {
            let Some(Stored { version, body }) = found else { continue };
            if serde_json::from_slice::<Since>(&body).is_ok_and(|since| since.at == of.at) {
                batch.delete_expecting(ERASED, &*key.id, Expect::Version(version));
            }
        }
        Ok(batch)
    }

    async fn jobs_bite(&self, erasure: &Erasure, next: Step) -> Result<Bite, CoreError> {
        let Erasure { app, of, stage } = erasure;
        let Walk { found, next: behind } = self.store.jobs(app, stage.behind.as_deref(), LOOK).await?;
        let mut bite = Bite::of(app, stage.go_on(behind, Stage::at(next)));
        bite.jobs.extend(found.into_iter().filter(|job| of.is_about(&job.work)).map(|job| job.id));
        Ok(bite)
    }

    async fn history_bite(&self, erasure: &Erasure) -> Result<Bite, CoreError> {
        let Erasure { app, of, stage } = erasure;
        let Some(conversation) = of.conversations.get(stage.at) else {
            return Ok(Bite::of(app, Stage::at(Step::Groups)));
        };
        // Read before its messages: whoever says one more meanwhile changes it.
        let read = self.store.load::<Conversation>(app, conversation.as_str()).await?;
        let list = messages_of(conversation);
        let page = self.store.page(app, &list, Cut::After { rank: i64::MIN, limit: BITE }).await?;
        if page.is_empty() {
            let mut bite = Bite::of(app, stage.next_list(of.conversations.len(), Step::Groups));
            of.leave(conversation, read.map(|read| read.version), &mut bite.batch);
            return Ok(bite);
        }
        let mut bite = Bite::of(app, stage.clone());
        let ids: Vec<String> = page.into_iter().map(|entry| entry.member).collect();
        let found = self.store.load_all::<Message>(app, &ids).await?;
        let (mut deliveries, mut files) = (ids.clone(), Vec::new());
        for message in found.into_iter().flatten().map(|read| read.value) {
            deliveries.extend(message.delivery.as_ref().map(ToString::to_string));
            files.extend(self.file_of(app, &message.content));
            let source = &message.source;
            if let (Some(integration), Some(id)) = (&source.integration, &source.original_id) {
                // As it was kept before marks were hidden.
                bite.batch.delete(SEEN, address_id(integration, id));
            }
        }
        for id in &ids {
            bite.batch.delete(Message::KIND, id);
            bite.batch.remove(&*list, id);
        }
        for read in self.store.load_all::<Delivery>(app, &deliveries).await?.into_iter().flatten() {
            self.drop_delivery(read, &mut bite);
        }
        let found = self.store.load_all::<MediaFile>(app, &files).await?;
        let is_theirs = |file: &MediaFile| file.user.as_ref().is_none_or(|owner| of.people.contains(owner));
        bite.files.extend(found.into_iter().flatten().map(|read| read.value).filter(is_theirs));
        Ok(bite)
    }

    /// The id of a file of ours that a message shows.
    fn file_of(&self, app: &Id<App>, content: &Content) -> Option<String> {
        let (Content::Image { media_url, .. } | Content::File { media_url, .. }) = content else {
            return None;
        };
        let (owner, id) = MediaFile::at(media_url, &self.policy.public_base)?;
        (owner == *app).then(|| id.to_string())
    }

    async fn documents_bite(&self, erasure: &Erasure, seal: &dyn Seal) -> Result<Bite, CoreError> {
        let Erasure { app, of, stage } = erasure;
        let walk = self.store.walk(app, &KINDS, stage.behind.as_deref(), DOCUMENTS).await?;
        let mut bite = Bite::of(app, stage.go_on(walk.next, Stage::at(Step::Letters)));
        let people = of.people.iter().map(Id::as_str);
        let names: Vec<&str> = people.chain(of.conversations.iter().map(Id::as_str)).collect();
        for Met { key, stored } in walk.found {
            match key.kind {
                ONCE => {
                    if let Some(mark) = without_answer(seal, &key.id, &stored.body, &names) {
                        keep_mark(&mut bite.batch, &key.id, stored.version, &mark, self.clock.now());
                    }
                }
                Delivery::KIND => {
                    let delivery = serde_json::from_slice::<Delivery>(&stored.body).ok();
                    if let Some(value) = delivery.filter(|delivery| of.owns(delivery)) {
                        self.drop_delivery(Versioned { version: stored.version, value }, &mut bite);
                    }
                }
                kind => {
                    let owned = serde_json::from_slice::<Owned>(&stored.body);
                    if owned.is_ok_and(|owned| of.people.contains(&owned.user)) {
                        bite.batch.delete(kind, key.id);
                    }
                }
            }
        }
        Ok(bite)
    }

    /// Takes a delivery away with all that is kept beside it. One without an end gets it, and nobody is told: the
    /// ledger still adds up.
    fn drop_delivery(&self, read: Versioned<Delivery>, bite: &mut Bite) {
        let (now, batch) = (self.clock.now(), &mut bite.batch);
        let Versioned { version, value: mut delivery } = read;
        if delivery.standing() == Standing::Pending {
            delivery.unconfirmed(now);
        }
        if delivery.standing() == Standing::Pending {
            let _ = delivery.failed(error(Code::UncategorizedError, "the person was erased"), now);
        }
        self.book(now, &mut delivery, batch);
        forget_told(&delivery, batch);
        for id in delivery.external_ids() {
            for id in both_ids(&delivery.integration, &id) {
                batch.delete(ProviderId::KIND, id);
            }
        }
        for part in 0..delivery.total.max(1) {
            let unread = unread_by(&delivery.integration, &delivery.destination);
            batch.remove(unread, delivery.reference(part));
        }
        batch.delete_expecting(Delivery::KIND, delivery.id.as_str(), Expect::Version(version));
        bite.jobs.push(Id::new(delivery.id.as_str()));
    }

    async fn letters_bite(&self, erasure: &Erasure) -> Result<Bite, CoreError> {
        let Erasure { app, of, stage } = erasure;
        let behind = stage.behind.as_deref().and_then(Place::parse);
        let (letters, next) = self.letters_behind(app, behind.as_ref(), BITE).await?;
        let next = next.map(|place| place.to_string());
        let mut bite = Bite::of(app, stage.go_on(next, Stage::at(Step::Unread)));
        for read in letters {
            if of.is_told_of(&read.value.event) {
                let id = read.value.record_id();
                // Whoever sends it again at this moment finds it changed, or is found at the second look at jobs.
                bite.batch.delete_expecting(DeadLetter::KIND, &*id, Expect::Version(read.version));
                bite.batch.remove(DEAD_LETTERS, id);
            }
        }
        Ok(bite)
    }

    async fn unread_bite(&self, erasure: &Erasure) -> Result<Bite, CoreError> {
        let Erasure { app, of, stage } = erasure;
        let Some((integration, address)) = of.addresses.get(stage.at) else {
            return Ok(Bite::of(app, Stage::at(Step::Files)));
        };
        let list = unread_by(integration, address);
        let mut page = self.store.page(app, &list, Cut::After { rank: i64::MIN, limit: LOOK }).await?;
        page.retain(|entry| Timestamp::from_millis(entry.rank) <= of.at);
        let mut bite = match page.is_empty() {
            true => Bite::of(app, stage.next_list(of.addresses.len(), Step::Files)),
            false => Bite::of(app, stage.clone()),
        };
        page.into_iter().for_each(|entry| bite.batch.remove(&*list, entry.member));
        Ok(bite)
    }

    async fn files_bite(&self, erasure: &Erasure) -> Result<Bite, CoreError> {
        let Erasure { app, of, stage } = erasure;
        let Some(person) = of.people.get(stage.at) else {
            return Ok(Bite::of(app, Stage::at(Step::JobsAgain)));
        };
        let files = self.media_of(app, person, BITE).await?;
        let then = match files.is_empty() {
            true => stage.next_list(of.people.len(), Step::JobsAgain),
            false => stage.clone(),
        };
        Ok(Bite { files, ..Bite::of(app, then) })
    }

    async fn people_bite(&self, erasure: &Erasure) -> Result<Bite, CoreError> {
        let Erasure { app, of, stage } = erasure;
        // The first is the person; the others were merged into them, one way or another.
        let merged: Vec<String> =
            of.people.iter().skip(1 + stage.at).take(BITE).map(ToString::to_string).collect();
        let then = match merged.is_empty() {
            true => Stage::at(Step::End),
            false => Stage { at: stage.at + merged.len(), ..stage.clone() },
        };
        let mut bite = Bite::of(app, then);
        for read in self.store.load_all::<Merged>(app, &merged).await?.into_iter().flatten() {
            let Merged { user, into, .. } = read.value;
            bite.batch.remove(absorbed_by(&into), user.as_str());
        }
        for id in merged {
            bite.batch.delete(ERASED, &*id);
            bite.batch.delete(Merged::KIND, id);
        }
        Ok(bite)
    }
}

impl Bite {
    fn of(app: &Id<App>, then: Stage) -> Bite {
        Bite { files: Vec::new(), jobs: Vec::new(), batch: Batch::new(app), then }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Departed, Event, What};

    #[test]
    fn that_somebody_is_gone_is_told_all_the_same() {
        let user = User::new(Timestamp::from_millis(5));
        let erasing = Erasing {
            user: user.id.clone(),
            at: Timestamp::from_millis(9),
            people: vec![user.id.clone()],
            conversations: vec![user.conversation.clone()],
            groups: Vec::new(),
            addresses: Vec::new(),
        };
        let told = |what| erasing.is_told_of(&Event::new(&Id::new("app"), Timestamp::from_millis(9), what));
        assert!(!told(What::UserDeleted { user: Departed::of(&user) }));
        let removed =
            |user: &User| What::Merged { surviving: user.clone(), discarded: Vec::new(), details: None };
        assert!(told(removed(&user)));
        assert!(!told(removed(&User::new(Timestamp::from_millis(5)))));
    }
}
