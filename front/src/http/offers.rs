//! The paths that tell what can be asked for, and of whom.

use super::query::percent_decoded;
use super::serve::{Call, Front};
use super::{generate, messages};
use crate::anthropic;
use crate::gemini;
use crate::nearest::nearest;
use crate::openai;
use crate::refusal::Refusal;
use futures::StreamExt;
use futures::stream;
use relay::Trouble;
use serde_json::{Value, json};

/// Providers asked at the same time whether they are there.
const PROBES_MAX: usize = 16;

impl Front {
    /// As the client's own provider would list them.
    pub(super) fn models(&self, call: &Call<'_>) -> Result<Value, Refusal> {
        let models = self.relay.models(&call.caller).map_err(|trouble| Refusal::from(&trouble))?;
        let policies = self.relay.policies();
        let list = if generate::speaks(call.head) {
            gemini::models
        } else if messages::speaks(&call.head.headers) {
            anthropic::models
        } else {
            openai::models
        };
        Ok(list(&models, &policies))
    }

    pub(super) fn model(&self, call: &Call<'_>) -> Result<Value, Refusal> {
        let id = percent_decoded(call.rest);
        let models = self.relay.models(&call.caller).map_err(|trouble| Refusal::from(&trouble))?;
        let policies = self.relay.policies();
        let one = if generate::speaks(call.head) {
            gemini::model
        } else if messages::speaks(&call.head.headers) {
            anthropic::model
        } else {
            openai::model
        };
        one(&id, &models, &policies).ok_or_else(|| {
            let names: Vec<&str> = models.iter().map(|m| m.id.as_str()).collect();
            let nearest = nearest(&id, &names).map(str::to_owned).into_iter().collect();
            Refusal::from(&Trouble::UnknownModel { asked: crate::json::shortened(&id), nearest })
        })
    }

    /// Which providers there are, how their calls went, and whether they answer now: each is asked what models it has,
    /// which costs nothing and tells whether it takes our key.
    pub(super) async fn binding(&self) -> Value {
        let ready = self.relay.ready();
        let providers: Vec<Value> = stream::iter(self.relay.providers())
            .map(|provider| async move {
                let probe = self.relay.probe(&provider.name).await;
                let mut told = json!(provider);
                told["reachable"] = probe.is_ok().into();
                match probe {
                    Ok(span) => told["probe_ms"] = json!(u64::try_from(span.as_millis()).ok()),
                    Err(fault) => {
                        told["probe_fault"] = json!({ "fault": fault.name(), "message": fault.message() })
                    }
                }
                told
            })
            .buffered(PROBES_MAX)
            .collect()
            .await;
        json!({
            "ok": ready.is_ok(),
            "message": ready.err(),
            "providers": providers,
            "policies": self.relay.policies(),
        })
    }
}
