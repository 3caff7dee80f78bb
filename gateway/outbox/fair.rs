//! Who goes next: apps in turn and each app's integrations in turn, room for whoever has none yet, shares for
//! priorities. Pure.

use std::collections::{HashMap, VecDeque};

use crate::model::{App, Id, Priority};

/// Takes turns: each app once per cycle with one of its integrations, however many those are and however much waits
/// behind them. As every turn starts the same, that is deficit round robin with a quantum of one.
#[derive(Debug)]
pub(super) struct Turns<U> {
    apps: VecDeque<(Option<Id<App>>, VecDeque<U>)>,
}

impl<U> Turns<U> {
    /// Nobody waits.
    pub(super) fn new() -> Turns<U> {
        Turns { apps: VecDeque::new() }
    }

    /// Somebody waits, behind all others of their app. Who has no app stands alone.
    pub(super) fn add(&mut self, app: Option<Id<App>>, unit: U) {
        let known = app.as_ref().and_then(|_| self.apps.iter_mut().find(|(known, _)| *known == app));
        match known {
            Some((_, units)) => units.push_back(unit),
            None => self.apps.push_back((app, VecDeque::from([unit]))),
        }
    }

    /// Whose turn it is. Its app waits until all others had theirs.
    pub(super) fn next(&mut self) -> Option<(Option<Id<App>>, U)> {
        let (app, mut units) = self.apps.pop_front()?;
        let unit = units.pop_front()?;
        if !units.is_empty() {
            self.apps.push_back((app.clone(), units));
        }
        Some((app, unit))
    }

    /// Whether nobody else waits.
    pub(super) fn is_empty(&self) -> bool {
        self.apps.is_empty()
    }
}

/// Who holds how many of a queue's places.
///
/// An app may hold no more than are free, and one of its integrations no more than the app could still take. So there
/// is always room for an app that comes, and for another integration of the same app, without anybody counting how
/// many those will be; alone, an integration reaches a third of all places.
#[derive(Debug)]
pub(super) struct Places {
    all: usize,
    taken: usize,
    apps: HashMap<Id<App>, usize>,
    units: HashMap<String, usize>,
}

impl Places {
    /// All free.
    pub(super) fn new(all: usize) -> Places {
        Places { all, taken: 0, apps: HashMap::new(), units: HashMap::new() }
    }

    /// How many more an integration or webhook may take, which may hold `most` at once.
    pub(super) fn room(&self, app: Option<&Id<App>>, unit: &str, most: usize) -> usize {
        let free = self.all - self.taken;
        let of_app = app.and_then(|app| self.apps.get(app)).copied().unwrap_or(0);
        let held = self.held(unit);
        let fair = free.saturating_sub(of_app).saturating_sub(held).div_ceil(2);
        fair.min(most.saturating_sub(held))
    }

    /// Places an integration or webhook holds.
    pub(super) fn held(&self, unit: &str) -> usize {
        self.units.get(unit).copied().unwrap_or(0)
    }

    /// Places nobody holds.
    pub(super) fn free(&self) -> usize {
        self.all - self.taken
    }

    /// Takes one.
    pub(super) fn take(&mut self, app: &Id<App>, unit: &str) {
        self.taken += 1;
        *self.apps.entry(app.clone()).or_default() += 1;
        *self.units.entry(unit.to_owned()).or_default() += 1;
    }

    /// Gives one back.
    pub(super) fn give(&mut self, app: &Id<App>, unit: &str) {
        self.taken -= 1;
        if let Some(held) = self.apps.get_mut(app) {
            *held -= 1;
            if *held == 0 {
                self.apps.remove(app);
            }
        }
        if let Some(held) = self.units.get_mut(unit) {
            *held -= 1;
            if *held == 0 {
                self.units.remove(unit);
            }
        }
    }
}

/// The shares of an integration's pace that its priorities have for certain, in percent. What one does not use is lent
/// to the others.
const SHARES: [(Priority, i64); 3] = [(Priority::High, 70), (Priority::Normal, 25), (Priority::Bulk, 5)];

/// Who of the priorities goes next: each gains its share whenever it waits, and who goes pays for it.
#[derive(Debug, Default)]
pub(super) struct Shares {
    gained: [i64; 3],
}

impl Shares {
    /// The next among those that wait.
    pub(super) fn next(&mut self, waits: impl Fn(Priority) -> bool) -> Option<Priority> {
        let mut total = 0;
        let mut first: Option<(usize, Priority)> = None;
        for (place, (priority, share)) in SHARES.into_iter().enumerate() {
            if !waits(priority) {
                // Who has nothing to send saves nothing up for a burst of its own later.
                self.gained[place] = 0;
                continue;
            }
            self.gained[place] += share;
            total += share;
            if first.is_none_or(|(best, _)| self.gained[place] > self.gained[best]) {
                first = Some((place, priority));
            }
        }
        let (place, priority) = first?;
        self.gained[place] -= total;
        Some(priority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(name: &str) -> Option<Id<App>> {
        Some(Id::new(name))
    }

    #[test]
    fn an_app_with_one_message_goes_within_two_slots() {
        let mut turns = Turns::new();
        // Ten integrations of one app, each with a thousand waiting.
        (0..10).for_each(|unit| turns.add(app("a"), (unit, 1000)));
        turns.add(app("b"), (99, 1));
        let mut order = Vec::new();
        while let Some((app, (unit, waiting))) = turns.next() {
            order.push(unit);
            if waiting > 1 {
                turns.add(app, (unit, waiting - 1));
            }
        }
        assert_eq!(order.len(), 10_001);
        assert!(order[..2].contains(&99), "{:?}", &order[..4]);
        let first: Vec<i32> = order.iter().copied().filter(|unit| *unit != 99).take(20).collect();
        assert_eq!(first, (0..10).chain(0..10).collect::<Vec<i32>>(), "an app's integrations take turns too");
    }

    #[test]
    fn there_is_always_room_for_one_who_comes() {
        let mut places = Places::new(1024);
        let a = Id::new("a");
        for unit in ["1", "2", "3", "4", "5", "6"] {
            while places.room(Some(&a), unit, 256) > 0 {
                places.take(&a, unit);
            }
            assert!(places.held(unit) > 0, "{unit}");
        }
        assert_eq!(places.held("1"), 256);
        assert!(places.free() >= 512, "{}", places.free());
        let b = Id::new("b");
        assert!(places.room(Some(&b), "7", 256) >= 256);
        assert!(places.room(None, "a webhook", 96) >= 96);
        (0..256).for_each(|_| places.give(&a, "1"));
        assert_eq!(places.held("1"), 0);
    }

    #[test]
    fn priorities_have_their_shares_and_lend_what_they_do_not_use() {
        let count = |waiting: &[Priority]| {
            let mut shares = Shares::default();
            let mut counts = [0; 3];
            for _ in 0..1000 {
                let next = shares.next(|priority| waiting.contains(&priority)).expect("one of them");
                counts[next as usize] += 1;
            }
            counts
        };
        assert_eq!(count(&Priority::ALL), [700, 250, 50]);
        assert_eq!(count(&[Priority::Normal, Priority::Bulk]), [0, 833, 167]);
        assert_eq!(count(&[Priority::Bulk]), [0, 0, 1000]);
        assert_eq!(Shares::default().next(|_| false), None);
        assert_eq!(Shares::default().next(|_| true), Some(Priority::High));
    }
}
