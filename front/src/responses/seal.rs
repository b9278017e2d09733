//! Seals on what models thought, on their way through clients of the Responses API.
//!
//! A reasoning item has `encrypted_content` there, which nobody but its provider reads, and goes back to the model as it
//! came. What weir makes of another provider's answer carries that provider's seal in it, marked, and with it what the
//! client was not shown; so a request that brings such an item back is known, and a Responses provider, who would refuse it,
//! is told the conversation without. A provider may seal a call instead of a thought: such a seal is an item of its own
//! right before the call.

use serde::{Deserialize, Serialize};

/// What our contents begin with; OpenAI's own are base64, where no colon is.
const OURS: &str = "weir:";

/// What is under a seal.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sealed {
    /// As its provider made it.
    pub seal: String,
    /// What was thought, where it was not shown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// It is on the call that follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub call: bool,
}

impl Sealed {
    /// As encrypted content.
    pub fn wrapped(&self) -> String {
        // Strings and a boolean always serialise.
        format!("{OURS}{}", serde_json::to_string(self).unwrap_or_default())
    }
}

/// Whether encrypted content was made by [`Sealed::wrapped`].
pub(super) fn is_ours(content: &str) -> bool {
    content.starts_with(OURS)
}

/// A Responses provider's own item as its adapter seals it.
#[derive(Serialize)]
struct Own<'a> {
    id: &'a str,
    encrypted_content: &'a str,
}

/// What encrypted content holds; None where there is none, or it is damaged.
pub(super) fn opened(id: &str, content: &str) -> Option<Sealed> {
    match content.strip_prefix(OURS) {
        Some(ours) => serde_json::from_str(ours).ok(),
        None if content.is_empty() => None,
        None => {
            let seal = serde_json::to_string(&Own { id, encrypted_content: content }).ok()?;
            Some(Sealed { seal, ..Sealed::default() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_seal_goes_round(seal in ".{0,60}", text in ".{0,60}", call in any::<bool>()) {
            let sealed = Sealed { seal, text, call };
            let content = sealed.wrapped();
            prop_assert!(is_ours(&content));
            prop_assert_eq!(opened("rs_1", &content), Some(sealed));
        }

        #[test]
        fn anything_is_survived(content in "(weir:)?.{0,40}") {
            opened("", &content);
        }
    }

    #[test]
    fn a_responses_providers_own_is_sealed_as_its_adapter_does() {
        let opened = opened("rs_1", "gAAA").unwrap();
        assert_eq!(opened.seal, r#"{"id":"rs_1","encrypted_content":"gAAA"}"#);
        assert!(!is_ours("gAAA") && super::opened("rs_1", "").is_none());
    }
}
