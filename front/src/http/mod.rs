//! From an HTTP request to an HTTP response.

mod asks;
mod body;
mod books;
mod callers;
mod cleanup;
mod client;
mod cors;
mod entry;
mod explain;
mod feedback;
mod fields;
mod generate;
mod heads;
mod hearing;
mod issuers;
mod keys;
mod limits;
mod messages;
mod noise;
mod offers;
mod pages;
mod query;
mod read;
mod repeats;
mod responses;
mod routes;
mod serve;
mod session;
mod speak;
mod tasks;
#[cfg(test)]
mod tests;
mod tokens;
mod usage;
mod voice;
mod waiting;

pub use body::{Body, Cut};
pub use fields::{Fields, Response};
pub use noise::is_noise;
pub use routes::{Place, ROUTES, Route};
pub use serve::{Front, Peer};
pub(crate) use session::{Converser, Spoken};
