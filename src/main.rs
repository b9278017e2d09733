//! `weir`: the native shell.

mod alerts;
mod answers;
mod attic;
mod cli;
mod configure;
mod crypto;
mod decisions;
mod directory;
mod discover;
mod fake;
mod foresight;
mod limits;
mod net;
mod node;
mod postgres;
mod store;
mod vocabularies;

use std::process::ExitCode;

/// A request makes some hundred small allocations; this one serves them from its own pages, without consolidating.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
