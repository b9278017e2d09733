//! Whether a provider is there, and what it serves.

use crate::config::ProviderKind;
use crate::ports::{Clock, Http};
use crate::relay::Relay;
use futures::StreamExt;
use futures::future::{Either, select};
use http::{HeaderMap, Uri};
use serde::Deserialize;
use std::sync::Arc;
use vocab::{Call, Duration, Fault};

const LIST_MAX: usize = 4 << 20;

/// A model as a server lists it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Listed {
    pub id: String,
    /// `library` at Ollama, `llamacpp`, `vllm`: tells what kind of server it is.
    #[serde(default)]
    pub owned_by: String,
}

/// Asks a server of OpenAI's dialect for its models.
pub async fn list(
    http: &dyn Http,
    clock: &dyn Clock,
    base_url: &str,
    headers: Arc<HeaderMap>,
    patience: Duration,
) -> Result<Vec<Listed>, Fault> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<Listed>,
    }
    let (status, body) = get(http, clock, &format!("{base_url}/models"), headers, patience).await?;
    if status != 200 {
        return Err(Fault::Down(format!("GET /models answered {status}")));
    }
    let list: List =
        serde_json::from_slice(&body).map_err(|e| Fault::Garbled(format!("GET /models: {e}")))?;
    Ok(list.data)
}

async fn get(
    http: &dyn Http,
    clock: &dyn Clock,
    url: &str,
    headers: Arc<HeaderMap>,
    patience: Duration,
) -> Result<(u16, Vec<u8>), Fault> {
    let uri: Uri = url.parse().map_err(|e| Fault::Down(format!("the address cannot be called: {e}")))?;
    let work = std::pin::pin!(async {
        let mut reply = http.send(Call::get(uri, headers), patience).await?;
        let mut body = Vec::new();
        while let Some(chunk) = reply.body.next().await {
            body.extend_from_slice(&chunk?);
            if body.len() > LIST_MAX {
                return Err(Fault::Garbled(format!("more than {LIST_MAX} bytes")));
            }
        }
        Ok((reply.status, body))
    });
    match select(work, clock.sleep(patience)).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(Fault::Silent(format!("no answer within {} ms", patience.as_millis()))),
    }
}

impl Relay {
    /// Whether a provider is reachable and takes our credential, and after how long it answered. Costs nothing: it only
    /// asks what models there are.
    pub async fn probe(&self, provider: &str) -> Result<Duration, Fault> {
        let fleet = self.fleet();
        let found = fleet.candidates.iter().find(|c| *c.provider.name == *provider);
        let Some(candidate) = found else {
            return Err(Fault::Gone(format!("no model of {provider:?} is configured")));
        };
        let path = match candidate.provider.kind {
            ProviderKind::WorkersAi => "ai/models/search?per_page=1",
            ProviderKind::Elevenlabs | ProviderKind::Deepgram => "v1/models",
            ProviderKind::Cartesia => "voices",
            _ => "models",
        };
        let url = format!("{}/{path}", candidate.provider.base_url);
        let begun = self.clock().now();
        let patience = fleet.bounds.connect();
        let (status, body) =
            get(self.http(), self.clock(), &url, candidate.door.headers.clone(), patience).await?;
        let now = self.clock().now();
        if (200..300).contains(&status) {
            return Ok(now.since(begun));
        }
        Err(candidate.provider.adapter.fault(status, &HeaderMap::new(), &body, now))
    }
}
