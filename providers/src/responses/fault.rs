//! What an error means: as in chat completions, and what only this API says.

use crate::foreign::said;
use crate::openai::{self, OPENAI};
use http::HeaderMap;
use serde_json::Value;
use vocab::{Fault, Instant};

/// For a status other than 2xx.
pub(super) fn of(status: u16, headers: &HeaderMap, body: &[u8], now: Instant) -> Fault {
    let tree: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &tree["error"];
    let code = error["code"].as_str().unwrap_or_default();
    let message = error["message"].as_str().unwrap_or_default();
    // An item, an earlier response or a conversation that is not there: not the model.
    let names_input = ["input", "previous_response_id", "conversation"];
    let no_item = status == 404 && error["param"].as_str().is_some_and(|param| names_input.contains(&param));
    if no_item || (status == 404 && message.starts_with("Item with id")) {
        let param = error["param"].as_str().unwrap_or("input");
        let code = (!code.is_empty()).then(|| said(code));
        return Fault::Rejected { message: said(message), param: Some(said(param)), code };
    }
    of_code(code, message).unwrap_or_else(|| openai::fault(&OPENAI, status, headers, body, now))
}

/// For an error that came with status 200: a response that failed, or the event of that name.
pub(super) fn within(error: &Value) -> Fault {
    let code = error["code"].as_str().unwrap_or_default();
    let message = error["message"].as_str().unwrap_or_default();
    of_code(code, message)
        .or_else(|| openai::fault_within(&OPENAI, &serde_json::json!({ "error": error })))
        .unwrap_or_else(|| Fault::Down("the response failed and does not say why".into()))
}

/// The codes of this API: those of `response.error.code` and what a request's error may say besides.
fn of_code(code: &str, message: &str) -> Option<Fault> {
    let message_is_too_long = message.contains("exceeds the context window");
    let message = || if message.is_empty() { said(code) } else { said(message) };
    Some(match code {
        _ if message_is_too_long => Fault::TooLong(message()),
        // "The encrypted content … could not be verified": another key's or another model's. Another provider has no
        // use for it and will not be told.
        "invalid_encrypted_content" | "data_residency_mismatch" => Fault::Unfit(message()),
        "image_content_policy_violation" | "misalignment_policy_violation" => Fault::Filtered(message()),
        // The client's image, and no other provider will like it better.
        "invalid_image"
        | "invalid_image_format"
        | "invalid_base64_image"
        | "invalid_image_url"
        | "invalid_image_mode"
        | "image_too_small"
        | "image_parse_error"
        | "empty_image_file" => {
            Fault::Rejected { message: message(), param: Some("messages".into()), code: Some(code.into()) }
        }
        // Limits and ways out that each provider has of its own.
        "image_too_large"
        | "image_file_too_large"
        | "unsupported_image_media_type"
        | "failed_to_download_image"
        | "image_file_not_found" => Fault::Unfit(message()),
        "vector_store_timeout" => Fault::Silent(message()),
        _ => return None,
    })
}
