//! Local model servers that answer, and what they serve.

use crate::configure::{LOCAL, variable};
use crate::net::{NativeClock, NativeHttp};
use relay::config::{Config, ProviderConfig, ProviderKind};
use relay::probe::{Listed, list};
use std::sync::Arc;
use vocab::Duration;

/// A server on this machine answers within this, or it is not there.
const PATIENCE: Duration = Duration::from_millis(300);
/// An embedded weir or lab answers the same paths: it is not a model server.
const OURS: &str = "weir";

/// Adds the local servers that answer at their usual addresses.
pub async fn local(config: &mut Config, clock: &NativeClock) {
    let looks = LOCAL.map(|(kind, address, usual)| async move {
        let base_url = variable(address).unwrap_or_else(|| usual.into());
        let listed = list(&NativeHttp, clock, &base_url, Arc::default(), PATIENCE).await.ok()?;
        let kind = kind_of(&listed).unwrap_or(kind);
        let models: Vec<String> = listed.into_iter().filter(|m| m.owned_by != OURS).map(|m| m.id).collect();
        (!models.is_empty()).then_some((kind, base_url, models))
    });
    for (kind, base_url, models) in futures::future::join_all(looks).await.into_iter().flatten() {
        config
            .providers
            .entry(kind.name().into())
            .or_insert_with(|| ProviderConfig { models, ..ProviderConfig::at(kind, base_url) });
    }
}

/// Asks configured local servers for their models, where the configuration names none. One that does not answer has
/// none until the next reload.
pub async fn fill(config: &mut Config, clock: &NativeClock) -> Vec<String> {
    let mut warnings = Vec::new();
    for (name, provider) in &mut config.providers {
        let local = matches!(
            provider.kind,
            ProviderKind::Ollama | ProviderKind::Llamacpp | ProviderKind::Vllm | ProviderKind::Compatible
        );
        if !local || !provider.models.is_empty() || !provider.keys.is_empty() {
            continue;
        }
        match list(&NativeHttp, clock, &provider.base_url, Arc::default(), PATIENCE * 5).await {
            Ok(listed) => provider.models = listed.into_iter().map(|m| m.id).collect(),
            Err(fault) => warnings
                .push(format!("providers.{name}: it names no models and cannot be asked for them ({fault})")),
        }
    }
    warnings
}

fn kind_of(listed: &[Listed]) -> Option<ProviderKind> {
    listed.iter().find_map(|m| match m.owned_by.as_str() {
        "library" => Some(ProviderKind::Ollama),
        "llamacpp" => Some(ProviderKind::Llamacpp),
        "vllm" => Some(ProviderKind::Vllm),
        _ => None,
    })
}
