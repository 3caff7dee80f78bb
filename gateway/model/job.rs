//! Work that must happen later. A job is born only in the batch of the fact that caused it.

use heliograph_connectors::channel::Activity;
use serde::{Deserialize, Serialize};

use super::{
    App, Client, Conversation, Delivery, Event, Id, Integration, MediaFile, PendingLink, Purpose, Timestamp,
    User, Webhook,
};

/// How urgent a send is. The priorities of an integration share its pace, each with a share that is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Somebody waits for it: replies, one-time codes.
    High,
    /// What nobody said anything about.
    #[default]
    Normal,
    /// It may take hours.
    Bulk,
}

impl Priority {
    /// Each, the most urgent first.
    pub const ALL: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Bulk];

    /// What follows the integration in the name of a group or lane; nothing for the normal ones.
    fn suffix(self) -> &'static str {
        match self {
            Priority::High => ">high",
            Priority::Normal => "",
            Priority::Bulk => ">bulk",
        }
    }

    /// The group of an integration's sends of this priority.
    pub fn group(self, integration: &Id<Integration>) -> String {
        format!("{integration}{}", self.suffix())
    }

    /// The integration and priority of a group of sends. (A webhook's group is named as an integration's normal one
    /// is: by its id.)
    pub fn of_group(group: &str) -> Option<(&str, Priority)> {
        match group.split_once('>') {
            None => Some((group, Priority::Normal)),
            Some((integration, "high")) => Some((integration, Priority::High)),
            Some((integration, "bulk")) => Some((integration, Priority::Bulk)),
            Some(_) => None,
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase")]
pub enum Work {
    /// Hand a delivery to its channel.
    Send {
        /// Which.
        delivery: Id<Delivery>,
    },
    /// Tell a webhook about an event.
    Announce {
        /// Which webhook.
        webhook: Id<Webhook>,
        /// What.
        event: Box<Event>,
    },
    /// Get a person's file from its provider.
    Fetch {
        /// Which.
        media: Id<MediaFile>,
    },
    /// Take bytes away that are no file's any more.
    Unlink {
        /// Where they are.
        place: String,
    },
    /// Give up a link that was not confirmed in time.
    Expire {
        /// Whose.
        user: Id<User>,
        /// The identity that was to be linked.
        client: Id<Client>,
    },
    /// Move the history of a person who was merged.
    Move {
        /// The conversation it is in.
        from: Id<Conversation>,
        /// Whose it was.
        user: Id<User>,
        /// Where it goes: to the default conversation of whoever they are now, when unset or gone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Id<Conversation>>,
    },
    /// Make the conversations of a person who was merged those of who they are now.
    Adopt {
        /// Whose they were.
        user: Id<User>,
    },
    /// Have an integration's channel show the menu that is now its own.
    ShowMenu {
        /// Which integration.
        integration: Id<Integration>,
    },
    /// Show a person what the business does.
    Act(Act),
    /// Take away what was deleted from a conversation.
    Sweep {
        /// Which.
        conversation: Id<Conversation>,
        /// Everything up to this moment.
        up_to: Timestamp,
    },
    /// Take away what a conversation has kept long enough.
    Prune {
        /// Which.
        conversation: Id<Conversation>,
    },
    /// Take away all that is left of a person who was deleted.
    Erase {
        /// Whom.
        user: Id<User>,
    },
    /// Blank the profile of a person wherever it was copied to.
    Blank {
        /// Whose.
        user: Id<User>,
        /// What came later may say something new.
        at: Timestamp,
    },
    /// Take away all that is left of an app.
    EraseApp,
}

/// Something the business does, to be shown to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Act {
    /// Whom.
    pub user: Id<User>,
    /// In which conversation; the default one when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<Id<Conversation>>,
    /// Through which integration.
    pub integration: Id<Integration>,
    /// At which address.
    pub address: String,
    /// What.
    pub activity: Activity,
    /// After that it is of no interest.
    pub until: Timestamp,
}

/// A job to be committed.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Unique; committing the same job twice changes nothing.
    pub id: Id<Job>,
    /// Who is paced together: the integration, its files, or the webhook. Claims are made per group.
    pub group: String,
    /// At most one job of a lane is in flight, in the order of their commits.
    pub lane: String,
    /// Not before.
    pub due: Timestamp,
    /// What.
    pub work: Work,
}

impl NewJob {
    /// A send: one lane per destination and priority of an integration. It has the delivery's id: a delivery has one
    /// job.
    pub fn send(delivery: &Delivery, due: Timestamp) -> NewJob {
        let Delivery { id, integration, destination, .. } = delivery;
        let priority = match &delivery.purpose {
            Purpose::Notification { priority, .. } => *priority,
            Purpose::Message { .. } | Purpose::Link { .. } | Purpose::Ping { .. } => Priority::High,
        };
        let group = priority.group(integration);
        let lane = format!("{group}>{destination}");
        NewJob { id: Id::new(id.as_str()), group, lane, due, work: Work::Send { delivery: id.clone() } }
    }

    /// The same for what is to leave later. It has a lane of its own, or it would hold back what the person is to get
    /// before.
    pub fn send_later(delivery: &Delivery, due: Timestamp) -> NewJob {
        let now = NewJob::send(delivery, due);
        let lane = format!("{}>at:{}>{}", now.group, delivery.id, delivery.destination);
        NewJob { lane, ..now }
    }

    /// A file to be fetched from the provider of an integration; none waits for another.
    pub fn fetch(integration: &Id<Integration>, file: &MediaFile) -> NewJob {
        NewJob {
            id: Id::fresh(file.created),
            group: format!("{integration}>files"),
            lane: file.id.to_string(),
            due: file.created,
            work: Work::Fetch { media: file.id.clone() },
        }
    }

    /// Bytes to be taken away; none wait for others.
    pub fn unlink(app: &Id<App>, place: &str, now: Timestamp) -> NewJob {
        NewJob {
            id: Id::new(format!("unlink-{place}")),
            group: format!("{app}>unlink"),
            lane: place.to_owned(),
            due: now,
            work: Work::Unlink { place: place.to_owned() },
        }
    }

    /// The end of a link's time; none waits for another.
    pub fn expire(user: &User, link: &PendingLink) -> NewJob {
        NewJob {
            id: Id::new(format!("expire-{}", link.client.id)),
            group: format!("{}>links", link.client.integration),
            lane: link.client.id.to_string(),
            due: link.expires_at,
            work: Work::Expire { user: user.id.clone(), client: link.client.id.clone() },
        }
    }

    /// A history to be moved; none waits for another.
    pub fn move_history(
        app: &Id<App>,
        from: &Id<Conversation>,
        to: &Id<Conversation>,
        user: &Id<User>,
        now: Timestamp,
    ) -> NewJob {
        let work = Work::Move { from: from.clone(), user: user.clone(), to: Some(to.clone()) };
        NewJob {
            id: Id::new(format!("move-{from}")),
            group: format!("{app}>histories"),
            lane: from.to_string(),
            due: now,
            work,
        }
    }

    /// The conversations of somebody who was merged, to be passed on; none waits for another.
    pub fn adopt(app: &Id<App>, user: &Id<User>, now: Timestamp) -> NewJob {
        NewJob {
            id: Id::new(format!("adopt-{user}")),
            group: format!("{app}>histories"),
            lane: user.to_string(),
            due: now,
            work: Work::Adopt { user: user.clone() },
        }
    }

    /// A menu to be shown: the last one set is shown last.
    pub fn show_menu(integration: &Id<Integration>, now: Timestamp) -> NewJob {
        let group = format!("{integration}>menu");
        let work = Work::ShowMenu { integration: integration.clone() };
        NewJob { id: Id::fresh(now), lane: group.clone(), group, due: now, work }
    }

    /// An act to be shown: the acts towards one person keep their order.
    pub fn act(act: Act, now: Timestamp) -> NewJob {
        let group = format!("{}>acts", act.integration);
        let lane = format!("{group}>{}", act.address);
        NewJob { id: Id::fresh(now), group, lane, due: now, work: Work::Act(act) }
    }

    /// Messages to be taken away that were deleted up to a moment.
    pub fn sweep(app: &Id<App>, conversation: &Id<Conversation>, up_to: Timestamp, now: Timestamp) -> NewJob {
        let work = Work::Sweep { conversation: conversation.clone(), up_to };
        let (group, lane) = (format!("{app}>swept"), conversation.to_string());
        NewJob { id: Id::fresh(now), group, lane, due: now, work }
    }

    /// Messages to be taken away when they were kept long enough. A conversation has one such job at a time, so it has
    /// the conversation's id, and a lane that no other work waits in.
    pub fn prune(app: &Id<App>, conversation: &Id<Conversation>, due: Timestamp) -> NewJob {
        let id = format!("prune:{conversation}");
        let work = Work::Prune { conversation: conversation.clone() };
        NewJob { id: Id::new(&*id), group: format!("{app}>swept"), lane: id, due, work }
    }

    /// A person to be erased. An app's store is walked for one of them at a time.
    pub fn erase(app: &Id<App>, user: &Id<User>, now: Timestamp) -> NewJob {
        let (id, group) = (Id::new(format!("erase-{user}")), erasures_of(app));
        NewJob { id, lane: group.clone(), group, due: now, work: Work::Erase { user: user.clone() } }
    }

    /// A profile to be blanked where it was copied to.
    pub fn blank(app: &Id<App>, user: &Id<User>, now: Timestamp) -> NewJob {
        let work = Work::Blank { user: user.clone(), at: now };
        let group = erasures_of(app);
        NewJob { id: Id::fresh(now), lane: group.clone(), group, due: now, work }
    }

    /// An app to be erased: nothing of it waits for anything else of it.
    pub fn erase_app(app: &Id<App>, now: Timestamp) -> NewJob {
        let id = format!("erase-app-{app}");
        NewJob { id: Id::new(&*id), group: erasures_of(app), lane: id, due: now, work: Work::EraseApp }
    }

    /// An announcement: one lane per conversation of a webhook (or whatever stands in for one).
    pub fn announce(webhook: &Webhook, event: &Event, conversation: &str) -> NewJob {
        NewJob {
            id: Id::fresh(event.at),
            group: webhook.id.to_string(),
            lane: format!("{}>{conversation}", webhook.id),
            due: event.at,
            work: Work::Announce { webhook: webhook.id.clone(), event: Box::new(event.clone()) },
        }
    }
}

/// What the group of an app's erasures ends with.
const ERASURES: &str = ">erased";

fn erasures_of(app: &Id<App>) -> String {
    format!("{app}{ERASURES}")
}

/// A job as the store gives it out.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: Id<Job>,
    /// Whose.
    pub app: Id<App>,
    /// Who is paced together.
    pub group: String,
    /// Its lane.
    pub lane: String,
    /// When it was due.
    pub due: Timestamp,
    /// How many tries it had.
    pub attempt: u32,
    /// What.
    pub work: Work,
}

impl Job {
    /// What a group begins with: the integration, for sends and files.
    pub fn integration(group: &str) -> &str {
        group.split_once('>').map_or(group, |(integration, _)| integration)
    }

    /// Whether the jobs of a group take people and apps away.
    pub fn erases(group: &str) -> bool {
        group.ends_with(ERASURES)
    }

    /// Whom a send is for.
    pub fn destination(&self) -> &str {
        let rest = self.lane.strip_prefix(&*self.group).unwrap_or(&self.lane).trim_start_matches('>');
        match rest.strip_prefix("at:").and_then(|later| later.split_once('>')) {
            Some((_, destination)) => destination,
            None => rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use heliograph_connectors::channel::{Body, Content};
    use serde_json::Map;

    use super::*;
    use crate::model::Author;

    fn sent(priority: Priority, later: i64) -> (NewJob, Job) {
        let integration = Integration::new(Id::new("5e1f"), Id::new("a"), "twilio", Map::new());
        let at = Timestamp::from_millis(0);
        let purpose = Purpose::Notification { author: Author::business(), priority };
        let body = Body::Content(Content::text("hi"));
        let delivery = Delivery::queued(Id::new("d"), purpose, &integration, "+1514".into(), body, at, at);
        let due = Timestamp::from_millis(later);
        let new = if later > 0 { NewJob::send_later(&delivery, due) } else { NewJob::send(&delivery, due) };
        let NewJob { id, group, lane, work, .. } = new.clone();
        (new, Job { id, app: Id::new("a"), group, lane, due, attempt: 0, work })
    }

    #[test]
    fn groups_and_lanes_have_the_names_that_stored_work_has() {
        let name = |priority, later| {
            let (new, job) = sent(priority, later);
            assert_eq!((Job::integration(&job.group), job.destination()), ("5e1f", "+1514"));
            (new.group, new.lane)
        };
        assert_eq!(name(Priority::Normal, 0), ("5e1f".into(), "5e1f>+1514".into()));
        assert_eq!(name(Priority::High, 0), ("5e1f>high".into(), "5e1f>high>+1514".into()));
        assert_eq!(name(Priority::Bulk, 9), ("5e1f>bulk".into(), "5e1f>bulk>at:d>+1514".into()));
    }
}
