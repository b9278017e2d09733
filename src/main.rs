//! `weir`: the native shell.

mod cli;
mod configure;
mod discover;
mod fake;
mod net;
mod node;
mod store;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
