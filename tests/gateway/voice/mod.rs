//! Speech over real sockets: what is heard, who said it, what it cost.
//!
//! The upstreams here make tones: a sentence like `Say 440.` sounds half a second at 440 Hz, with a tenth of a second of silence
//! behind it. So a test can hear which sentences are there, in which order, and whether there is a gap or a click.

mod again;
mod asked;
mod commands;
mod going;
mod joined;
mod matrix;
mod recovery;
mod sdk;
mod studio;
