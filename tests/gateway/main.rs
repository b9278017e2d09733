//! The whole of weir over real sockets: its own processes on free ports of loopback, raw HTTP on one side, fake and
//! real providers on the other.
//!
//! Nothing here uses weir's own code. What a client sees on the wire, what the books say and what the operating system
//! says of the process are compared with one another.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic here is a failed test")]
#![allow(clippy::disallowed_methods, reason = "real processes take real time")]
#![allow(clippy::print_stderr, reason = "what was measured is said")]

mod anthropic;
mod bad_framing;
mod bad_input;
mod books;
mod budgets;
mod cleanup;
mod clients;
mod crash;
mod credits;
mod decisions;
mod dialects;
mod ears;
mod edits;
mod error_table;
mod failover;
mod foresight;
mod gemini;
mod identity;
mod learning;
mod limits;
mod matrix;
mod net;
mod packages;
mod postgres;
mod process;
mod provider_ids;
mod public_issues;
mod reload;
mod repeats;
mod responses;
mod responses_client;
mod sdk;
mod shared;
mod streams;
mod surface;
mod surface_web;
mod talk;
mod tasks;
mod tasks_parts;
mod tasks_sdk;
mod upstream;
mod voice;
mod waiting;
mod webhooks;
mod world;
