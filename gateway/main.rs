//! The gateway with every connector compiled in.

use std::process::ExitCode;

use heliograph_connectors::Registry;

/// Many threads allocate here what others free; glibc's allocator spent a fifth of the time on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    heliograph::cli(Registry::builtin())
}
