//! Reasoning that has to come back: an item's id and its encrypted content as one signature, and back.
//!
//! A signature is the JSON object `{"id":"rs_…","encrypted_content":"…"}`, written without blanks. Several in a row are
//! as good as one: a client that adds up the signatures of a stream, as it adds up its text, has lost none. No other
//! provider's signature begins with a brace (they are base64), so it is known whose they are.
//!
//! Only what is encrypted is sealed. An id alone could not come back, because nothing was stored that it could name:
//! "Items are not persisted when `store` is set to false".

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seal {
    pub id: String,
    pub encrypted_content: String,
}

/// The signature of a reasoning item; None where it holds nothing that could come back.
pub(super) fn of(item: &Value) -> Option<String> {
    let encrypted_content = item["encrypted_content"].as_str().filter(|text| !text.is_empty())?.to_owned();
    let id = item["id"].as_str().unwrap_or_default().to_owned();
    serde_json::to_string(&Seal { id, encrypted_content }).ok()
}

/// The items that a signature was made of, in order; none where it is not one of these.
pub(super) fn opened(signature: &str) -> Vec<Seal> {
    let seals = serde_json::Deserializer::from_str(signature).into_iter::<Seal>();
    seals.collect::<Result<_, _>>().unwrap_or_default()
}

/// Whether a signature was made here, so that nobody else can make anything of it.
pub(crate) fn is_sealed(signature: &str) -> bool {
    signature.starts_with(r#"{"id":"#)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #[test]
        fn what_was_sealed_is_opened(all in prop::collection::vec((any::<String>(), ".{1,40}"), 0..4)) {
            let signature: String = all
                .iter()
                .filter_map(|(id, text)| of(&json!({"type": "reasoning", "id": id, "encrypted_content": text, "summary": []})))
                .collect();
            let opened: Vec<_> = opened(&signature).into_iter().map(|s| (s.id, s.encrypted_content)).collect();
            prop_assert_eq!(&opened, &all);
            prop_assert_eq!(is_sealed(&signature), !all.is_empty());
        }

        #[test]
        fn anything_is_survived(text in any::<String>()) {
            opened(&text);
        }
    }

    #[test]
    fn others_are_left_alone() {
        for other in ["", "EqQBCgIYAhIM", "c2tpcF90aG91Z2h0", "{", "{}", r#"{"id":"rs_1"}"#] {
            assert!(opened(other).is_empty(), "{other}");
        }
        for nothing in [
            json!({"id": "rs_1"}),
            json!({"id": "rs_1", "encrypted_content": null}),
            json!({"encrypted_content": ""}),
        ] {
            assert_eq!(of(&nothing), None);
        }
    }
}
