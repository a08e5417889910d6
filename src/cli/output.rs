//! Lines for people on the terminal. A closed pipe is nobody's fault and ends nothing.

use std::io::Write as _;

/// A line on standard output.
pub(super) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A line on standard error.
pub(super) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
