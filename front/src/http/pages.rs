//! What is there without asking a model.

/// The page at `/`: where to go from here.
pub const HOME: &str = include_str!("home.html");

/// The description of every path.
pub const OPENAPI: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));
