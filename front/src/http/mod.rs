//! From an HTTP request to an HTTP response.

mod asks;
mod body;
mod books;
mod cors;
mod entry;
mod explain;
mod fields;
mod generate;
mod heads;
mod messages;
mod noise;
mod offers;
mod pages;
mod query;
mod read;
mod responses;
mod routes;
mod serve;
mod speak;
#[cfg(test)]
mod tests;

pub use body::Body;
pub use fields::{Fields, Response};
pub use noise::is_noise;
pub use routes::{Place, ROUTES, Route};
pub use serve::{Front, Peer};
