//! What the clock calls for.

use super::admin::{order, verify};
use super::kv;
use super::object::Sweep;
use crate::record::{self, Reach};
use wasm_bindgen::JsValue;
use worker::Env;

/// Goes round all accounts that KV knows of.
pub async fn go(env: &Env, walk: bool) -> Result<(), String> {
    let Some(kv) = kv::binding(env, "KV_BILLING") else { return Ok(()) };
    let mut cursor = String::new();
    loop {
        let page = kv::list(&kv, "account/", &cursor, 1_000).await?;
        for account in page.keys.iter().filter_map(|key| record::account_of(key)) {
            // One account in trouble does not keep the others waiting.
            if let Err(why) = visit(env, &kv, &account, walk).await {
                tracing::error!(account, why, "an account is in trouble");
            }
        }
        match page.cursor {
            Some(next) => cursor = next,
            None => return Ok(()),
        }
    }
}

async fn visit(env: &Env, kv: &JsValue, account: &str, walk: bool) -> Result<(), String> {
    let ask = Sweep { account: account.into(), unheard_s: None };
    let swept: usize = order(env, account, "/sweep", &ask).await?;
    if swept > 0 {
        tracing::warn!(account, swept, "holds that nobody ended were settled");
    }
    if !walk {
        return Ok(());
    }
    let verified = verify(env, account).await?;
    if let Some(problem) = verified.problem {
        return Err(problem);
    }
    let reach = kv::get(kv, &record::reach(account)).await?;
    let reach: Reach = reach.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    if reach.seq > verified.entries || reach.seq == verified.entries && reach.head != verified.head {
        return Err(format!("KV and object disagree: {reach:?}, {verified:?}"));
    }
    Ok(())
}
