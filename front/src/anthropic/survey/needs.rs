//! What only shows when all fields are read.

use super::settings::Thinking;
use super::{Survey, Wanted};
use crate::json::Wrong;
use std::sync::Arc;
use tokens::{ANTHROPIC, Family};
use vocab::Caps;

impl Survey {
    /// Holds the fields against each other and fills in the rest of the brief.
    pub(super) fn together(&mut self, wanted: Wanted) -> Result<(), Wrong> {
        if self.spans.model.is_none() {
            return Err(missing("a model or a policy like \"auto\"").in_key("model"));
        }
        if wanted == Wanted::Answer && self.spans.max_tokens.is_none() {
            return Err(missing("the most tokens of the answer").in_key("max_tokens"));
        }
        let Some(messages) = &self.messages else {
            return Err(missing("an array of at least one message").in_key("messages"));
        };
        let tools = self.tools.count > 0;
        if self.choice.forced && !tools {
            return Err(Wrong::field("demands a tool call, but there are no `tools`").in_key("tool_choice"));
        }
        let brief = &mut self.brief;
        brief.n = 1;
        brief.include_usage = true;
        brief.effort = match self.thinking {
            // No limit to who may be asked: whoever cannot be told says so when it is told, and Anthropic's can.
            Thinking::Off => None,
            Thinking::Budget(tokens) => Some(self.effort.unwrap_or_else(|| super::super::effort_of(tokens))),
            Thinking::Unsaid | Thinking::AsItSeesFit => self.effort,
        };
        let needs = &mut brief.needs;
        *needs |= self.all.needs;
        needs.set(Caps::REASONING, brief.effort.is_some());
        needs.set(Caps::PREFILL, messages.prefilled);
        needs.set(Caps::TOOLS, tools || messages.called);
        needs.set(Caps::FORCED_TOOL, self.choice.forced);
        needs.set(Caps::SERIAL_TOOLS, self.choice.serial && tools);
        needs.set(Caps::STREAM, brief.stream);
        needs.set(Caps::JSON_SCHEMA, self.schema);
        needs.set(Caps::SCHEMA_WITH_TOOLS, self.schema && tools);
        needs.set(Caps::SCHEMA_STREAM, self.schema && brief.stream);
        let mut size = self.all.size;
        size.messages(&ANTHROPIC, messages.count);
        size.define(self.tools.bytes);
        size.tools = tools;
        brief.tokens_in = Family::Other.likely(&size);
        brief.size = Arc::new(size);
        Ok(())
    }
}

fn missing(wanted: &str) -> Wrong {
    Wrong::field(format!("the field is missing; expected {wanted}"))
}
