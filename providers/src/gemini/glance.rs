//! A look at a whole answer as it passes.

use super::decode;
use crate::Glance;
use serde_json::Value;
use vocab::{Event, Fault};

pub(super) fn of(body: &[u8]) -> Result<Glance, Fault> {
    let value: Value =
        serde_json::from_slice(body).map_err(|e| Fault::Garbled(format!("gemini: no JSON: {e}")))?;
    let mut events = Vec::new();
    decode::whole(&value, &mut events)?;
    // A picture or the run of some code is an answer too, though no other dialect could tell it.
    let mut glance = Glance { useful: decode::shows(&value), ..Glance::default() };
    for event in &events {
        glance.useful |= event.is_content();
        match event {
            Event::Text { text, .. } | Event::Reasoning { text, .. } | Event::Refusal { text, .. } => {
                glance.text_bytes += text.len();
            }
            Event::ToolArgs { fragment, .. } => glance.text_bytes += fragment.len(),
            Event::Finish { choice: 0, reason } => glance.finish = Some(*reason),
            Event::Usage(usage) => glance.usage = Some(*usage),
            _ => {}
        }
    }
    Ok(glance)
}
