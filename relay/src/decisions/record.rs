//! A decision as a line of JSON.

use router::{Features, Source, Weights};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Of the layout that is written. A reader takes older ones and fields that it does not know.
pub const VERSION: u32 = 1;

/// One decision; units are in the names. A figure that nobody knew is absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub version: u32,
    pub request_id: String,
    pub account: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// When it was made, RFC 3339.
    pub at: String,
    /// What `X-Route-Decision` called it.
    pub decision: String,
    /// The model or policy as the client named it.
    pub model: String,
    /// The policy that it was made under.
    pub policy: String,
    /// The client named a model, so there was little to choose.
    pub pinned: bool,
    pub weights: Weights,
    pub tokens_in: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Place among the candidates of the one that was to be asked first.
    pub chosen: usize,
    /// Those that could be chosen, best first.
    pub candidates: Vec<Candidate>,
    pub outcome: Outcome,
    /// What the request was known by to whoever learns; absent where nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Features>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<Feedback>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Value>,
    /// The last thing that a person said, where the configuration has it written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
}

/// One that could be chosen, with the parts of its score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// `provider/model`; more than one credential makes as many of it.
    pub id: String,
    /// Probability with which it was to be asked first, over all seeds.
    pub propensity: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<f64>,
    pub quality_source: Source,
    /// The quality without what was said of answers here; absent where nothing is learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_s: Option<f64>,
    pub failure: f64,
}

/// What came of it, fallbacks included.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// `provider/model` that answered; absent where nobody did, or not to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<String>,
    /// `served`, or why it ended otherwise.
    pub why: String,
    /// Upstream calls made.
    pub calls: u32,
    /// All calls together, as settled.
    pub cost_usd: f64,
    /// From the decision to the end of the answer.
    pub seconds: f64,
}

/// What its caller said of the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// 0 to 1.
    pub score: f64,
    /// RFC 3339.
    pub at: String,
}
