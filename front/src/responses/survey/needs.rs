//! What only shows when all fields are read.

use super::Survey;
use crate::json::Wrong;
use std::sync::Arc;
use tokens::{Family, OPENAI};
use vocab::{Caps, Effort};

impl Survey {
    /// Holds the fields against each other and fills in the rest of the brief.
    pub(super) fn together(&mut self) -> Result<(), Wrong> {
        if self.brief.model.is_empty() {
            return Err(missing("a model or a policy like \"auto\"").in_key("model"));
        }
        let Some(input) = &self.input else {
            return Err(missing("a string or an array of at least one item").in_key("input"));
        };
        let tools = self.tools.count > 0;
        if self.choice.forced && !tools {
            return Err(Wrong::field("demands a tool call, but there are no `tools`").in_key("tool_choice"));
        }
        let brief = &mut self.brief;
        brief.n = 1;
        brief.include_usage = true;
        brief.effort = self.reasoning.effort;
        let needs = &mut brief.needs;
        *needs |= self.all.needs;
        needs.set(Caps::REASONING, brief.effort.is_some_and(|effort| effort != Effort::None));
        needs.set(Caps::LOGPROBS, self.logprobs);
        needs.set(Caps::TOOLS, tools || input.called);
        needs.set(Caps::FORCED_TOOL, self.choice.forced);
        needs.set(Caps::SERIAL_TOOLS, self.serial && tools);
        needs.set(Caps::STREAM, brief.stream);
        let schema = needs.contains(Caps::JSON_SCHEMA);
        needs.set(Caps::SCHEMA_WITH_TOOLS, schema && tools);
        needs.set(Caps::SCHEMA_STREAM, schema && brief.stream);
        let mut size = self.all.size;
        size.messages(&OPENAI, input.count);
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
