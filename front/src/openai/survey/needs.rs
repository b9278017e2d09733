//! What only shows when all fields are read.

use super::Survey;
use crate::json::Wrong;
use std::sync::Arc;
use tokens::{Family, OPENAI};
use vocab::Caps;

impl Survey {
    /// Holds the fields against each other and fills in the rest of the brief.
    pub(super) fn together(&mut self) -> Result<(), Wrong> {
        if self.spans.model.is_none() {
            return Err(missing("a model or a policy like \"auto\"").in_key("model"));
        }
        let Some(messages) = &self.messages else {
            return Err(missing("an array of at least one message").in_key("messages"));
        };
        let brief = &mut self.brief;
        brief.max_output = match (self.max_completion_tokens, self.max_tokens) {
            (Some(new), Some(old)) if new != old => {
                return Err(Wrong::field(format!(
                    "{old} contradicts max_completion_tokens, which is {new}; send one of them"
                ))
                .in_key("max_tokens"));
            }
            (new, old) => new.or(old),
        };
        if self.top_logprobs.is_some() && !self.logprobs {
            return Err(Wrong::field("needs `logprobs: true`").in_key("top_logprobs"));
        }
        if self.choice.forced && self.tools.count == 0 {
            return Err(Wrong::field("demands a tool call, but there are no `tools`").in_key("tool_choice"));
        }
        brief.n = brief.n.max(1);
        let tools = self.tools.count > 0;
        let needs = &mut brief.needs;
        *needs |= messages.needs | self.choice.needs;
        needs.set(Caps::PREFILL, messages.prefilled);
        needs.set(Caps::TOOLS, tools || messages.called);
        needs.set(Caps::FORCED_TOOL, self.choice.forced);
        needs.set(Caps::CUSTOM_TOOLS, self.tools.custom || needs.contains(Caps::CUSTOM_TOOLS));
        // Several calls at once are allowed by default, and a model that makes one at a time fulfils that too: what
        // is needed is only the ability to be told not to, or to be shown several made earlier.
        needs.set(Caps::SERIAL_TOOLS, self.serial && tools);
        needs.set(Caps::STREAM, brief.stream);
        let schema = needs.contains(Caps::JSON_SCHEMA);
        needs.set(Caps::SCHEMA_WITH_TOOLS, schema && tools);
        needs.set(Caps::SCHEMA_STREAM, schema && brief.stream);
        self.untidy |= messages.untidy || self.tools.empty;
        let mut size = messages.size;
        size.messages(&OPENAI, messages.count);
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
