//! A laboratory of fake providers: they speak the supported wire formats, with the latency, price, quality and faults
//! that a [`Scenario`] asks for.
//!
//! [`Lab::respond`] is the heart: a request, a moment and dice in, a [`Script`] out, which says what bytes come when
//! and how it ends. A script is a value; it is played on real sockets with real time by [`serve`] and in virtual time
//! by [`world`]. Prompts may steer the lab with markers (see [`marker`]), and every usage figure follows one counting
//! rule ([`tokens`]), so that a test can compute the bill it expects. [`Lab::seen`] is what the wire really carried.
//!
//! The wire formats are written from the providers' documentation and share no code with the adapters they test.

mod answer;
mod ask;
mod dialect;
mod hearing;
mod lab;
pub mod marker;
mod memory;
mod prose;
mod reply;
mod scenario;
mod schedule;
mod schema;
mod script;
mod seen;
mod sheet;
pub mod sound;
mod state;
mod task;
mod tokens;
mod trouble;
mod wire;
pub mod world;

#[cfg(feature = "serve")]
mod serve;

#[cfg(test)]
mod tests;

pub use lab::{Lab, LabRequest};
pub use scenario::{BadScenario, Flavour, Latency, Model, PriceChange, Provider, Rule, Scenario};
pub use script::{End, Script, Step};
pub use seen::{Figures, Outcome, Progress, Seen};
#[cfg(feature = "serve")]
pub use serve::{Limits, serve};
pub use sheet::{ModelSheet, catalogue_overlay, sheets};
pub use tokens::{FLAT, MEDIA, tokens};
pub use trouble::{Kind, Trouble, Troubles};

/// The scenarios that come with the lab, by name.
pub fn scenario(name: &str) -> Option<Scenario> {
    let text = match name {
        "calm" => include_str!("../scenarios/calm.toml"),
        "demo" => include_str!("../scenarios/demo.toml"),
        "storms" => include_str!("../scenarios/storms.toml"),
        "traps" => include_str!("../scenarios/traps.toml"),
        _ => return None,
    };
    Scenario::parse(text).ok()
}

/// Names for [`scenario`].
pub const SCENARIOS: [&str; 4] = ["calm", "demo", "storms", "traps"];
