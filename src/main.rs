//! The `signalbox` command.

use std::process::ExitCode;

/// A request is a few hundred small pieces of memory, taken by one thread and given back by another. With the C library's
/// allocator an execution takes a fifth more of the processor (docs/PERFORMANCE.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    signalbox::cli::run()
}
