//! KV as it is used here.

use super::glue;
use billing::Entry;
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use worker::Env;

/// A binding by its name, if it is there.
pub fn binding(env: &Env, name: &str) -> Option<JsValue> {
    js_sys::Reflect::get(env, &name.into()).ok().filter(JsValue::is_object)
}

/// What came of writing many keys.
pub struct Put {
    /// How many are there, from the first on, without a gap.
    pub done: usize,
    /// Why not all of them are.
    pub problem: Option<String>,
}

/// Writes entries under their keys. Written again they are what they were.
pub async fn put_entries(
    kv: &JsValue,
    entries: &[Entry],
    key: impl Fn(&Entry) -> String,
) -> Result<Put, String> {
    let keys: Vec<String> = entries.iter().map(key).collect();
    let values: Result<Vec<String>, _> = entries.iter().map(serde_json::to_string).collect();
    let values = values.map_err(|e| format!("an entry cannot be written: {e}"))?;
    let told = text(glue::put(kv, &keys.join("\n"), &values.join("\n"))).await?;
    let (done, problem) = told.split_once('\n').unwrap_or((&told, ""));
    let problem = (!problem.is_empty()).then(|| problem.to_owned());
    Ok(Put { done: done.parse().unwrap_or(0), problem })
}

pub async fn put(kv: &JsValue, key: &str, value: &str) -> Result<(), String> {
    let told = text(glue::put(kv, key, value)).await?;
    match told.split_once('\n') {
        Some((_, problem)) if !problem.is_empty() => Err(format!("{key}: {problem}")),
        _ => Ok(()),
    }
}

/// One value; None where there is none.
pub async fn get(kv: &JsValue, key: &str) -> Result<Option<String>, String> {
    let method = js_sys::Reflect::get(kv, &"get".into()).map_err(|e| glue::thrown(&e))?;
    let method: js_sys::Function = method.into();
    let promise = method.call1(kv, &key.into()).map_err(|e| glue::thrown(&e))?;
    let value = JsFuture::from(Promise::from(promise)).await.map_err(|e| glue::thrown(&e))?;
    Ok(value.as_string())
}

/// Entries by their keys.
pub async fn entries(kv: &JsValue, keys: &[String]) -> Result<Vec<Entry>, String> {
    if keys.is_empty() {
        return Ok(vec![]);
    }
    let values = text(glue::get(kv, &keys.join("\n"))).await?;
    let read = |(key, value): (&String, &str)| {
        serde_json::from_str(value).map_err(|e| format!("{key} cannot be read: {e}"))
    };
    keys.iter().zip(values.split('\n')).map(read).collect()
}

/// A page of keys.
pub struct Page {
    pub keys: Vec<String>,
    /// Where the next page begins; None at the end.
    pub cursor: Option<String>,
}

pub async fn list(kv: &JsValue, prefix: &str, cursor: &str, limit: u32) -> Result<Page, String> {
    let told = text(glue::list(kv, prefix, cursor, f64::from(limit))).await?;
    let mut lines = told.split('\n');
    let cursor = lines.next().filter(|c| !c.is_empty()).map(str::to_owned);
    Ok(Page { keys: lines.filter(|k| !k.is_empty()).map(str::to_owned).collect(), cursor })
}

pub async fn forget(kv: &JsValue, keys: &[String]) -> Result<(), String> {
    if !keys.is_empty() {
        JsFuture::from(glue::forget(kv, &keys.join("\n"))).await.map_err(|e| glue::thrown(&e))?;
    }
    Ok(())
}

async fn text(promise: Promise) -> Result<String, String> {
    let told = JsFuture::from(promise).await.map_err(|e| glue::thrown(&e))?;
    Ok(told.as_string().unwrap_or_default())
}
