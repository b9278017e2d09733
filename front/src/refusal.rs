//! Why a request gets no answer, whoever says so, and how each protocol is told.

use crate::openai::write::{json, number};
use http::HeaderName;
use policy::Refused;
use relay::{Attempt, BadInput, Trouble};
use vocab::Duration;

/// Whose words a client speaks, and is answered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// SI's, and those of weir's own paths.
    Si,
    OpenAi,
    Anthropic,
    Gemini,
    ElevenLabs,
}

impl Protocol {
    /// Of a path that is not known: by its beginning.
    pub fn of_path(path: &str) -> Self {
        match path {
            path if path.starts_with("/v1beta/") => Self::Gemini,
            path if path.starts_with("/v1/messages") => Self::Anthropic,
            path if path.starts_with("/v1/text-to-speech/") => Self::ElevenLabs,
            path if path.starts_with("/v1/") => Self::OpenAi,
            _ => Self::Si,
        }
    }
}

/// What is said to the client. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    /// Stable, for machines.
    pub code: String,
    /// A sentence a person can act on.
    pub message: String,
    pub param: Option<Box<str>>,
    pub retry_after: Option<Duration>,
    /// Upstream calls that were made in vain.
    pub attempts: Vec<Attempt>,
    /// A header that goes with it, like `Allow`.
    pub header: Option<Box<(HeaderName, String)>>,
}

impl Refusal {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            param: None,
            retry_after: None,
            attempts: Vec::new(),
            header: None,
        }
    }

    /// OpenAI's coarse word for the kind of error.
    pub fn openai_type(&self) -> &'static str {
        match self.status {
            401 => "authentication_error",
            402 => "insufficient_quota",
            403 => "permission_error",
            429 => "rate_limit_error",
            400..=499 => "invalid_request_error",
            _ => "server_error",
        }
    }

    /// The body of the answer.
    pub fn told(&self, protocol: Protocol, request_id: &str) -> Vec<u8> {
        match protocol {
            Protocol::Si => self.si(request_id),
            Protocol::OpenAi => self.openai(request_id),
            Protocol::Anthropic => {
                crate::anthropic::told(self, crate::anthropic::kind(self.status), request_id)
            }
            Protocol::Gemini => crate::gemini::told(self, request_id),
            Protocol::ElevenLabs => crate::voice::elevenlabs::told(self, request_id),
        }
    }

    /// `{"error":{…}}` as OpenAI's SDKs read it.
    pub fn openai(&self, request_id: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + self.message.len());
        out.extend_from_slice(br#"{"error":{"message":"#);
        json(&mut out, &self.message);
        out.extend_from_slice(br#","type":"#);
        json(&mut out, self.openai_type());
        self.tail(&mut out, request_id);
        out
    }

    /// `{"error":{…}}` of SI and of weir's own paths: with the status in words of its own instead of a type.
    pub fn si(&self, request_id: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + self.message.len());
        out.extend_from_slice(br#"{"error":{"message":"#);
        json(&mut out, &self.message);
        out.extend_from_slice(br#","status":"#);
        number(&mut out, u64::from(self.status));
        self.tail(&mut out, request_id);
        out
    }

    fn tail(&self, out: &mut Vec<u8>, request_id: &str) {
        out.extend_from_slice(br#","param":"#);
        json(out, &self.param);
        out.extend_from_slice(br#","code":"#);
        json(out, &self.code);
        out.extend_from_slice(br#","request_id":"#);
        json(out, request_id);
        if !self.attempts.is_empty() {
            out.extend_from_slice(br#","attempts":"#);
            json(out, &self.attempts);
        }
        out.extend_from_slice(b"}}");
    }
}

impl From<&Trouble> for Refusal {
    fn from(trouble: &Trouble) -> Self {
        let (param, attempts, code) = match trouble {
            Trouble::BadInput(bad) => (bad.param.clone(), vec![], None),
            Trouble::UnknownModel { .. } | Trouble::UnknownPolicy { .. } | Trouble::NotInPlan { .. } => {
                (Some("model".into()), vec![], None)
            }
            Trouble::Rejected { param, code, .. } => (param.clone(), vec![], code.clone()),
            Trouble::TooLong { .. } => (Some("messages".into()), vec![], None),
            Trouble::Failed(attempts)
            | Trouble::Limited { attempts, .. }
            | Trouble::Deadline { attempts } => (None, attempts.clone(), None),
            _ => (None, vec![], None),
        };
        Self {
            status: trouble.status(),
            code: code.unwrap_or_else(|| trouble.code().to_owned()),
            message: trouble.message(),
            param: param.map(Into::into),
            retry_after: trouble.retry_after(),
            attempts,
            header: None,
        }
    }
}

impl From<BadInput> for Refusal {
    fn from(bad: BadInput) -> Self {
        Self { param: bad.param.map(Into::into), ..Self::new(400, "invalid_request", bad.message) }
    }
}

impl From<&Refused> for Refusal {
    fn from(refused: &Refused) -> Self {
        Self::new(refused.status(), refused.code(), refused.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn both_shapes_say_what_machine_and_person_need() {
        let attempt = |provider: &str| Attempt {
            provider: provider.into(),
            model: "m".into(),
            outcome: "down".into(),
            message: "503 \"busy\"".into(),
            millis: 12,
        };
        let refusal = Refusal::from(&Trouble::Failed(vec![attempt("a"), attempt("b")]));
        let openai: Value = serde_json::from_slice(&refusal.openai("req-1")).unwrap();
        assert_eq!(openai["error"]["type"], "server_error");
        assert_eq!(openai["error"]["code"], "all_attempts_failed");
        assert_eq!(openai["error"]["attempts"].as_array().unwrap().len(), 2);
        let si: Value = serde_json::from_slice(&refusal.si("req-1")).unwrap();
        assert_eq!(si["error"]["status"], 502);
        assert_eq!(si["error"]["request_id"], "req-1");
        assert!(si["error"]["message"].as_str().unwrap().contains("a/m: down after 12 ms"));
    }

    #[test]
    fn an_upstreams_own_code_is_kept() {
        let rejected = Trouble::Rejected {
            message: "no".into(),
            param: Some("temperature".into()),
            code: Some("unsupported_value".into()),
        };
        let refusal = Refusal::from(&rejected);
        assert_eq!((refusal.status, refusal.code.as_str()), (400, "unsupported_value"));
        assert_eq!(refusal.param.as_deref(), Some("temperature"));
    }
}
