//! All that is a person's: their ids, those of everybody who was merged into them included, and their conversations.

use crate::model::{App, Conversation, ConversationKind, Id, User};
use crate::store::{Cut, ListEntry};

use super::merge::{Merged, absorbed_by};
use super::records::conversations_of;
use super::{Core, CoreError};

/// Entries of a list that are read at once.
const PAGE: usize = 500;

/// A person's ids, and where they speak.
#[derive(Debug, Default)]
pub(super) struct Belongings {
    /// Their own, then those of people merged into them.
    pub(super) people: Vec<Id<User>>,
    /// Those that are theirs alone.
    pub(super) conversations: Vec<Id<Conversation>>,
    /// Those in which others take part, too.
    pub(super) groups: Vec<Id<Conversation>>,
}

impl Core {
    /// A person's ids and conversations.
    pub(super) async fn belongings(&self, app: &Id<App>, user: &User) -> Result<Belongings, CoreError> {
        let mut all = Belongings {
            people: vec![user.id.clone()],
            conversations: vec![user.conversation.clone()],
            ..Belongings::default()
        };
        let mut place = 0;
        while let Some(person) = all.people.get(place).cloned() {
            place += 1;
            self.merged_into(app, &person, &mut all).await?;
            self.spoken_in_by(app, &person, &mut all).await?;
        }
        for ids in [&mut all.conversations, &mut all.groups] {
            ids.sort();
            ids.dedup();
        }
        Ok(all)
    }

    async fn merged_into(
        &self,
        app: &Id<App>,
        person: &Id<User>,
        all: &mut Belongings,
    ) -> Result<(), CoreError> {
        let (list, mut behind) = (absorbed_by(person), None);
        while let Some(ids) = self.next_page(app, &list, &mut behind).await? {
            let found = self.store.load_all::<Merged>(app, &ids).await?;
            all.conversations.extend(found.into_iter().flatten().filter_map(|read| read.value.conversation));
            all.people.extend(ids.into_iter().map(Id::new));
        }
        Ok(())
    }

    async fn spoken_in_by(
        &self,
        app: &Id<App>,
        person: &Id<User>,
        all: &mut Belongings,
    ) -> Result<(), CoreError> {
        let (list, mut behind) = (conversations_of(person), None);
        while let Some(ids) = self.next_page(app, &list, &mut behind).await? {
            for read in self.store.load_all::<Conversation>(app, &ids).await?.into_iter().flatten() {
                match read.value.kind {
                    ConversationKind::Personal => all.conversations.push(read.value.id),
                    ConversationKind::SdkGroup => all.groups.push(read.value.id),
                }
            }
        }
        Ok(())
    }

    /// The members of a list behind an entry, which becomes the last of them; none at the end.
    async fn next_page(
        &self,
        app: &Id<App>,
        list: &str,
        behind: &mut Option<ListEntry>,
    ) -> Result<Option<Vec<String>>, CoreError> {
        let cut = match behind.take() {
            None => Cut::After { rank: i64::MIN, limit: PAGE },
            Some(ListEntry { rank, member }) => Cut::Behind { rank, member, limit: PAGE },
        };
        let page = self.store.page(app, list, cut).await?;
        *behind = page.last().cloned();
        Ok((!page.is_empty()).then(|| page.into_iter().map(|entry| entry.member).collect()))
    }
}
