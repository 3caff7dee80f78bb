//! How many connections each address has open, so that one cannot take the place of all others.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections of one address from elsewhere, when nothing else is said.
const USUAL: usize = 256;

/// The connections open now. There are never more addresses than connections.
#[derive(Debug, Default)]
pub(super) struct Peers {
    most: Option<usize>,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    peers: Arc<Peers>,
    address: IpAddr,
}

impl Peers {
    /// Each address may have so many. Unless that is said, this machine itself may have any number: a proxy in
    /// front brings everybody's.
    pub(super) fn new(most: Option<usize>) -> Arc<Peers> {
        Arc::new(Peers { most, open: Mutex::default() })
    }

    /// A place for one more connection of this address.
    pub(super) fn place(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = counted(address);
        let most = self.most.unwrap_or(if address.is_loopback() { usize::MAX } else { USUAL });
        let mut open = self.lock();
        let count = open.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(open);
        Some(Place { peers: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.peers.lock();
        let Some(count) = open.get_mut(&self.address) else { return };
        *count -= 1;
        if *count == 0 {
            open.remove(&self.address);
        }
    }
}

/// One customer of a provider has a whole network of IPv6, so that is what is counted.
fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(peers: &Arc<Peers>, addresses: &[&str]) -> Vec<Option<Place>> {
        addresses.iter().map(|address| peers.place(address.parse().expect("an address"))).collect()
    }

    #[test]
    fn an_address_has_so_many_places_and_no_more() {
        let peers = Peers::new(Some(1));
        let places =
            taken(&peers, &["10.0.0.1", "::ffff:10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8::2"]);
        let granted: Vec<bool> = places.iter().map(Option::is_some).collect();
        assert_eq!(granted, [true, false, true, true, false]);
        drop(places);
        assert!(peers.lock().is_empty());
        assert!(taken(&peers, &["10.0.0.1"])[0].is_some());
    }

    #[test]
    fn this_machine_has_any_number_unless_it_is_said() {
        let most = |said, address| taken(&Peers::new(said), &[address; USUAL + 1]).iter().flatten().count();
        assert_eq!(most(None, "127.0.0.1"), USUAL + 1);
        assert_eq!(most(None, "::1"), USUAL + 1);
        assert_eq!(most(None, "10.0.0.1"), USUAL);
        assert_eq!(most(Some(3), "127.0.0.1"), 3);
    }
}
