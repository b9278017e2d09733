//! A glance at an answer that has to be taken apart anyway.

use crate::{Adapter, Glance};
use vocab::{Event, Fault};

/// What the decoded answer amounts to.
pub(crate) fn by_decoding(adapter: &dyn Adapter, body: &[u8]) -> Result<Glance, Fault> {
    let mut events = Vec::new();
    adapter.decode(body, &mut events)?;
    let mut glance = Glance::default();
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
