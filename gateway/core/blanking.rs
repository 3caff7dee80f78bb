//! Blanking a profile where it was copied to: what is still to be told, what could not be told, what was answered.

use crate::model::{App, Id, Seal, Timestamp, User, Work};
use crate::store::{Batch, Expect, Record};

use super::dead_letters::{DeadLetter, Place};
use super::once::{ONCE, keep_mark, without_answer};
use super::{Core, CoreError};

/// Looked at in one bite.
const LOOK: usize = 400;

/// Letters looked at in one bite.
const BITE: usize = 50;

/// Whose profile is blanked, and how far that is.
#[derive(Debug, Clone)]
pub struct Blanking {
    app: Id<App>,
    people: Vec<Id<User>>,
    at: Timestamp,
    step: Step,
    behind: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Jobs,
    Answers,
    Letters,
    End,
}

impl Core {
    /// What a job is to blank; `None` when the person is gone.
    pub async fn blanking(
        &self,
        app: &Id<App>,
        user: &Id<User>,
        at: Timestamp,
    ) -> Result<Option<Blanking>, CoreError> {
        let Some(read) = self.person(app, user).await? else { return Ok(None) };
        let people = self.belongings(app, &read.value).await?.people;
        Ok(Some(Blanking { app: app.clone(), people, at, step: Step::Jobs, behind: None }))
    }

    /// Blanks some. Whether there is more.
    pub async fn blank_some(&self, blanking: &mut Blanking, seal: &dyn Seal) -> Result<bool, CoreError> {
        let (behind, next) = match blanking.step {
            Step::Jobs => (self.blank_jobs(blanking).await?, Step::Answers),
            Step::Answers => (self.blank_answers(blanking, seal).await?, Step::Letters),
            Step::Letters => (self.blank_letters(blanking).await?, Step::End),
            Step::End => return Ok(false),
        };
        if behind.is_none() {
            blanking.step = next;
        }
        blanking.behind = behind;
        Ok(true)
    }

    async fn blank_jobs(&self, of: &Blanking) -> Result<Option<String>, CoreError> {
        let walk = self.store.jobs(&of.app, of.behind.as_deref(), LOOK).await?;
        for mut job in walk.found {
            let Work::Announce { event, .. } = &mut job.work else { continue };
            let is_theirs = event.what.user().is_some_and(|user| of.people.contains(&user.id));
            if is_theirs && event.at <= of.at {
                event.what.forget_profile();
                self.store.revise(&of.app, &job.id, &job.work).await?;
            }
        }
        Ok(walk.next)
    }

    async fn blank_answers(&self, of: &Blanking, seal: &dyn Seal) -> Result<Option<String>, CoreError> {
        let walk = self.store.walk(&of.app, &[ONCE], of.behind.as_deref(), LOOK).await?;
        let names: Vec<&str> = of.people.iter().map(Id::as_str).collect();
        let mut batch = Batch::new(&of.app);
        for met in walk.found {
            if let Some(mark) = without_answer(seal, &met.key.id, &met.stored.body, &names) {
                keep_mark(&mut batch, &met.key.id, met.stored.version, &mark, self.clock.now());
            }
        }
        if !batch.is_empty() {
            self.store.commit(batch).await?;
        }
        Ok(walk.next)
    }

    async fn blank_letters(&self, of: &Blanking) -> Result<Option<String>, CoreError> {
        let behind = of.behind.as_deref().and_then(Place::parse);
        let (letters, next) = self.letters_behind(&of.app, behind.as_ref(), BITE).await?;
        let mut batch = Batch::new(&of.app);
        for mut read in letters {
            let event = &mut read.value.event;
            let is_theirs = event.what.user().is_some_and(|user| of.people.contains(&user.id));
            if is_theirs && event.at <= of.at {
                event.what.forget_profile();
                let letter = &read.value;
                let expires = Some(letter.last_at + self.policy.keep_dead_letters);
                let expect = Expect::Version(read.version);
                batch.put(DeadLetter::KIND, letter.record_id(), letter, expect, expires);
            }
        }
        if !batch.is_empty() {
            self.store.commit(batch).await?;
        }
        Ok(next.map(|place| place.to_string()))
    }
}
