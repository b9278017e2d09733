//! The upstream calls that an entry charges.

use crate::cli::Failure;
use billing::{Entry, Kind, Line};
use serde::Deserialize;

/// What the end of a request says of its calls.
#[derive(Deserialize)]
pub struct Ended {
    /// The whole settlement is an estimate.
    #[serde(default)]
    pub estimated: bool,
    pub lines: Vec<Line>,
}

/// The calls of a settlement or a release; None for an entry of another kind.
pub fn of(entry: &Entry) -> Result<Option<Ended>, Failure> {
    if !matches!(entry.kind, Kind::Settle | Kind::Release) {
        return Ok(None);
    }
    let ended = serde_json::from_str(&entry.detail).map_err(|error| {
        Failure::Cannot(format!(
            "entry {} of account {}: its detail cannot be read: {error}",
            entry.seq, entry.account
        ))
    })?;
    Ok(Some(ended))
}
