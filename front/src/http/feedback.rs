//! What a caller says of an answer it had.

use super::books::bad;
use super::serve::{Call, Front};
use crate::refusal::Refusal;
use relay::decisions::{Said, Say, SayError};
use serde::Deserialize;
use serde_json::{Value, json};

/// What is said of one answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Feedback {
    request_id: String,
    score: f64,
}

impl Front {
    /// Kept with the decision of that request, in place of what was said before; on disk before it is told. Nobody speaks of
    /// another account's request, and whoever is one of several users of his own only: both are as unknown as one that never was.
    pub(super) async fn feedback(&self, call: &Call<'_>, body: &[u8]) -> Result<Value, Refusal> {
        let wanted: Feedback = serde_json::from_slice(body)
            .map_err(|e| Refusal::new(400, "invalid_request", format!("The body cannot be read: {e}.")))?;
        let Feedback { request_id, score } = wanted;
        if !(0.0..=1.0).contains(&score) {
            return Err(bad("score", format!("score: expected a number from 0 to 1, got {score}")));
        }
        let (account, user) = (call.caller.account.clone(), call.caller.user.clone());
        let said = self.relay.say(Say { account, user, request_id: request_id.clone(), score }).await;
        let Said { record, before } = said.map_err(|error| refused(call.id, &request_id, error))?;
        Ok(json!({
            "request_id": request_id,
            "score": score,
            "previous_score": before,
            "model": record.outcome.served,
        }))
    }
}

fn refused(id: &str, asked: &str, error: SayError) -> Refusal {
    match error {
        SayError::Unknown => {
            let shown = crate::json::shortened(asked);
            let message = format!("No decision of yours is kept for a request {shown:?}.");
            Refusal { param: Some("request_id".into()), ..Refusal::new(404, "unknown_request", message) }
        }
        SayError::Off => {
            let message = "Decisions are not written down here, so nothing can be said of them: decisions.log in the configuration turns that on.";
            Refusal::new(404, "not_configured", message)
        }
        SayError::Down(why) => {
            tracing::warn!(request = %id, %why, "feedback cannot be kept");
            Refusal::new(503, "feedback_unavailable", "Feedback cannot be kept now.")
        }
    }
}
