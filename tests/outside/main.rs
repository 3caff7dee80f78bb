//! The gateway with one more channel.

use std::process::ExitCode;

use heliograph_connectors::Registry;

fn main() -> ExitCode {
    heliograph::cli(Registry::builtin().with("pigeon", pigeon::build))
}
