//! The pace towards one person through one integration, and the wait that grows while a provider refuses them.

use std::collections::HashMap;
use std::time::Duration;

use super::limiter::{Keyed, Quantity};

/// People in penalty at once; a provider that refuses more is slowed down as a whole.
const PENALTIES_MAX: usize = 10_000;

/// The first wait after a refusal is this; each further one in a row is four times the last (WhatsApp, "pair rate
/// limits": retry after 4^X seconds, X from 0, raised by one with each failure).
const PENALTY: Duration = Duration::from_secs(1);

/// The longest wait: 4^6 s, somewhat more than an hour.
const REFUSALS_MAX: u32 = 6;

/// A penalty is forgotten so long after its end.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// What limits sends to one person.
#[derive(Debug)]
pub(super) struct Pairs {
    pace: Option<Keyed>,
    penalties: HashMap<String, Penalty>,
}

#[derive(Debug, Clone, Copy)]
struct Penalty {
    refusals: u32,
    until: Duration,
}

impl Pairs {
    /// With the pace the provider allows towards one person, where it has one.
    pub(super) fn new(pace: Option<Quantity>, now: Duration) -> Pairs {
        Pairs { pace: pace.map(|pace| Keyed::new(pace, now)), penalties: HashMap::new() }
    }

    /// Takes the right to one message to this person, or says how long until there is one.
    pub(super) fn take(&mut self, destination: &str, now: Duration) -> Result<(), Duration> {
        if let Some(penalty) = self.penalties.get(destination)
            && penalty.until > now
        {
            return Err(penalty.until - now);
        }
        self.pace.as_mut().map_or(Ok(()), |pace| pace.take(destination, now))
    }

    /// The provider took a message to this person.
    pub(super) fn accepted(&mut self, destination: &str) {
        self.penalties.remove(destination);
    }

    /// The provider refused one as too many to this person. How long they wait: no less than it asked for.
    pub(super) fn refused(&mut self, destination: &str, asked: Option<Duration>, now: Duration) -> Duration {
        if self.penalties.len() >= PENALTIES_MAX {
            self.penalties.retain(|_, penalty| penalty.until + FORGOTTEN > now);
        }
        let refusals = self.penalties.get(destination).map_or(0, |penalty| penalty.refusals);
        let penalty = PENALTY * 4_u32.pow(refusals.min(REFUSALS_MAX));
        let wait = asked.unwrap_or_default().max(penalty);
        if self.penalties.len() < PENALTIES_MAX {
            let penalty = Penalty { refusals: refusals + 1, until: now + wait };
            self.penalties.insert(destination.to_owned(), penalty);
        }
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHATSAPP: Quantity = Quantity { per_second: 1.0 / 6.0, burst: 45 };

    #[test]
    fn one_person_waits_and_the_others_do_not() {
        let mut pairs = Pairs::new(Some(WHATSAPP), Duration::ZERO);
        assert!((0..45).all(|_| pairs.take("a", Duration::ZERO).is_ok()));
        let wait = pairs.take("a", Duration::ZERO).expect_err("the burst is spent");
        assert!(wait > Duration::from_millis(5900) && wait <= Duration::from_millis(6001), "{wait:?}");
        assert!(pairs.take("b", Duration::ZERO).is_ok());
        assert!(pairs.take("a", wait).is_ok());
    }

    #[test]
    fn refusals_in_a_row_wait_four_times_as_long_each() {
        let mut pairs = Pairs::new(None, Duration::ZERO);
        let waits: Vec<u64> = (0..9).map(|_| pairs.refused("a", None, Duration::ZERO).as_secs()).collect();
        assert_eq!(waits, [1, 4, 16, 64, 256, 1024, 4096, 4096, 4096]);
        assert_eq!(pairs.take("a", Duration::ZERO), Err(Duration::from_secs(4096)));
        assert_eq!(pairs.take("b", Duration::ZERO), Ok(()));
        pairs.accepted("a");
        assert_eq!(pairs.refused("a", None, Duration::ZERO), Duration::from_secs(1));
        let asked = Some(Duration::from_secs(9));
        assert_eq!(pairs.refused("a", asked, Duration::ZERO), Duration::from_secs(9));
        assert_eq!(pairs.refused("a", asked, Duration::ZERO), Duration::from_secs(16));
    }

    #[test]
    fn penalties_are_bounded() {
        let mut pairs = Pairs::new(None, Duration::ZERO);
        for person in 0..PENALTIES_MAX + 10 {
            pairs.refused(&person.to_string(), None, Duration::ZERO);
        }
        assert_eq!(pairs.penalties.len(), PENALTIES_MAX);
        pairs.refused("late", None, FORGOTTEN * 2);
        assert_eq!(pairs.penalties.len(), 1);
    }
}
