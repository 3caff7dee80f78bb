//! Free ports for what must be known before it starts (a simulator and a gateway that name each other).

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range from which the system picks ports by itself, so that nobody takes one between two uses.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A loopback port nobody listens on; not given twice by this process.
pub(crate) fn free() -> u16 {
    // Two test processes side by side begin at different places.
    let start = (std::process::id() % u32::from(LAST - FIRST)) as u16;
    for _ in FIRST..LAST {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (start.wrapping_add(step)) % (LAST - FIRST);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {LAST}");
}
