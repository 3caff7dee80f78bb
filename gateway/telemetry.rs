//! Logs: on stderr, as text for people or JSON for machines, filtered by `HELIOGRAPH_LOG`.

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Starts logging, with this filter unless the environment has one. A second call changes nothing.
pub(crate) fn start(format: LogFormat, filter: &str) {
    let filter = EnvFilter::try_from_env("HELIOGRAPH_LOG").unwrap_or_else(|_| EnvFilter::new(filter));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A line that cannot be written is not worth one about it, which would panic: the disk may be full.
    let lines = lines.log_internal_errors(false);
    let started = match format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    // Already started: by a test, or by a program this gateway is part of.
    drop(started);
}
