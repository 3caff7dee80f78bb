//! What an erased person said where others speak, too: that goes, and so does their part in it. The rest stays.

use crate::model::{Conversation, MediaFile, Message};
use crate::store::{Cut, Record};

use super::super::records::{conversations_of, messages_of};
use super::super::{Core, CoreError};
use super::{Bite, Erasure, LOOK, Stage, Step};

impl Core {
    /// Some of a group's messages, looked through for theirs; at their end the part they took.
    pub(super) async fn groups_bite(&self, erasure: &Erasure) -> Result<Bite, CoreError> {
        let Erasure { app, of, stage } = erasure;
        let Some(group) = of.groups.get(stage.at) else {
            return Ok(Bite::of(app, Stage::at(Step::Documents)));
        };
        let read = self.store.load::<Conversation>(app, group.as_str()).await?;
        let (list, rank) = (messages_of(group), stage.behind.as_ref().and_then(|rank| rank.parse().ok()));
        let cut = Cut::After { rank: rank.unwrap_or(i64::MIN), limit: LOOK };
        let page = self.store.page(app, &list, cut).await?;
        let last = page.last().map(|entry| entry.rank.to_string());
        let mut bite = Bite::of(app, stage.go_on(last, stage.next_list(of.groups.len(), Step::Documents)));
        let is_end = page.is_empty();
        let ids: Vec<String> = page.into_iter().map(|entry| entry.member).collect();
        let found = self.store.load_all::<Message>(app, &ids).await?;
        let is_theirs =
            |said: &Message| said.author.user.as_ref().is_some_and(|user| of.people.contains(user));
        let theirs: Vec<Message> =
            found.into_iter().flatten().map(|read| read.value).filter(is_theirs).collect();
        for said in &theirs {
            bite.batch.delete(Message::KIND, said.record_id());
            bite.batch.remove(&*list, said.record_id());
        }
        let files: Vec<String> = theirs.iter().filter_map(|said| self.file_of(app, &said.content)).collect();
        let found = self.store.load_all::<MediaFile>(app, &files).await?;
        let is_theirs = |file: &MediaFile| file.user.as_ref().is_none_or(|owner| of.people.contains(owner));
        bite.files.extend(found.into_iter().flatten().map(|read| read.value).filter(is_theirs));
        if is_end {
            of.people.iter().for_each(|person| bite.batch.remove(conversations_of(person), group.as_str()));
        }
        if let Some(mut read) = read.filter(|_| is_end || !theirs.is_empty()) {
            let gone = u32::try_from(theirs.len()).unwrap_or(u32::MAX);
            read.value.message_count = read.value.message_count.saturating_sub(gone);
            if is_end {
                read.value.participants.retain(|person| !of.people.contains(&person.user));
            }
            bite.batch.update(&read);
        }
        Ok(bite)
    }
}
