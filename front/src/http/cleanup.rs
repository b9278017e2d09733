//! Leftovers, for the operator: counted, or thrown away.

use super::serve::{Call, Front};
use crate::refusal::Refusal;
use relay::ports::Leftover;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use vocab::{Duration, Instant};

/// What may be said; nothing of it has to be.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    /// Only counts.
    dry_run: bool,
    /// Of which kinds; None: of all that there are here.
    kinds: Option<Vec<String>>,
    /// How long each stays, in seconds.
    ttl_s: BTreeMap<String, u64>,
}

impl Front {
    /// How much of each kind went, or would go.
    pub(super) async fn cleanup(&self, call: &Call<'_>, body: &[u8]) -> Result<Value, Refusal> {
        let wanted: Wanted = if body.is_empty() { Wanted::default() } else { read(body)? };
        let here = self.attic.keeps();
        let known = |name: &String| {
            let kind = here.iter().copied().find(|kind| kind.name() == name);
            kind.ok_or_else(|| unknown(name, here))
        };
        let mut ttl = BTreeMap::new();
        for (name, seconds) in &wanted.ttl_s {
            ttl.insert(known(name)?, Duration::from_secs(*seconds));
        }
        let kinds: Vec<Leftover> = match &wanted.kinds {
            None => here.to_vec(),
            Some(names) => names.iter().map(known).collect::<Result<_, _>>()?,
        };
        let mut told = Map::new();
        for kind in kinds {
            let stays = ttl.get(&kind).copied().unwrap_or_else(|| kind.stays());
            let age = u64::try_from(stays.as_micros()).unwrap_or(u64::MAX);
            let before = Instant::from_micros(call.started.as_micros().saturating_sub(age));
            let count = self.attic.clear(kind, before, wanted.dry_run).await.map_err(|why| {
                tracing::error!(request = %call.id, kind = kind.name(), %why, "leftovers cannot be cleared");
                Refusal::new(503, "ledger_unavailable", format!("{}: {why}.", kind.name()))
            })?;
            tracing::info!(request = %call.id, kind = kind.name(), count, dry_run = wanted.dry_run, "leftovers");
            told.insert(kind.name().into(), json!({ "count": count, "ttl_s": stays.as_secs() }));
        }
        Ok(json!({ "dry_run": wanted.dry_run, "removed": told }))
    }
}

fn read(body: &[u8]) -> Result<Wanted, Refusal> {
    serde_json::from_slice(body)
        .map_err(|e| Refusal::new(400, "invalid_request", format!("The body cannot be read: {e}.")))
}

fn unknown(name: &str, here: &[Leftover]) -> Refusal {
    let known: Vec<&str> = here.iter().map(|kind| kind.name()).collect();
    let message = match name {
        "ledger" | "entries" => {
            "Entries of the ledger are never removed: a chain of which something is missing cannot be checked.".into()
        }
        _ if known.is_empty() => format!("There is no {:?}; nothing is kept here.", crate::json::shortened(name)),
        _ => format!("There is no {:?} here; known: {}.", crate::json::shortened(name), known.join(", ")),
    };
    Refusal { param: Some("kinds".into()), ..Refusal::new(400, "invalid_request", message) }
}
