//! What an operator does that only makes sense here: `/api/admin/reload`, `/sweep` and `/rebuild`.

use super::node::Node;
use super::object::{Copied, Sweep};
use super::task::brought;
use super::{glue, kv};
use crate::account::{Found, Import, Imported, Letter, Read, Reply, Verified};
use crate::record::{self, Reach};
use billing::Entry;
use http::Method;
use relay::ports::BooksError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::rc::Rc;
use wasm_bindgen::JsValue;
use worker::Env;

/// Entries moved in one request. The platform counts what a request asks of others.
const STEP: u32 = 400;

/// What came of it: a status, and what to say.
type Told = (u16, Value);

/// Answers an operator's request, where it is one of these.
pub async fn answer<B>(request: &http::Request<B>, node: &Rc<Node>, env: &Env) -> Option<Told> {
    let path = request.uri().path();
    let task = path.strip_prefix("/api").unwrap_or(path).strip_prefix("/admin/")?;
    if !matches!(task, "reload" | "sweep" | "rebuild") {
        return None;
    }
    let query = request.uri().query();
    if !policy::is_admin(&node.relay.settings(), request.headers(), query) {
        return Some(wrong(
            401,
            "admin_key_required",
            "This is the operator's. Send the admin key as `Authorization: Bearer …`.",
        ));
    }
    if request.method() != Method::POST {
        return Some(wrong(405, "method_not_allowed", "Only POST is taken here."));
    }
    let asked = Asked(query.unwrap_or_default());
    Some(match task {
        "reload" => match node.reload(env).await {
            Ok(()) => (200, json!({ "ok": true })),
            Err(problems) => (
                422,
                json!({ "error": { "code": "bad_configuration", "message": "The old configuration stays.", "problems": problems } }),
            ),
        },
        "sweep" => told(sweep(&asked, env).await),
        _ => told(rebuild(&asked, node, env).await),
    })
}

/// The parameters of a request. None of them needs more than names, numbers and cursors.
struct Asked<'a>(&'a str);

impl Asked<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let pair =
            |part: &str| part.split_once('=').filter(|(key, _)| *key == name).map(|(_, v)| v.to_owned());
        self.0.split('&').find_map(pair).map(|value| unescaped(&value)).filter(|v| !v.is_empty())
    }

    fn account(&self) -> Result<String, String> {
        self.get("account").ok_or_else(|| "account: say whose books, like ?account=alice".to_owned())
    }
}

fn unescaped(text: &str) -> String {
    record::account_of(&format!("account/{}", text.replace('+', " "))).unwrap_or_else(|| text.to_owned())
}

fn wrong(status: u16, code: &str, message: &str) -> Told {
    (status, json!({ "error": { "code": code, "message": message } }))
}

fn told(outcome: Result<Value, String>) -> Told {
    match outcome {
        Ok(value) => (200, value),
        Err(why) => wrong(422, "not_done", &why),
    }
}

async fn sweep(asked: &Asked<'_>, env: &Env) -> Result<Value, String> {
    let account = asked.account()?;
    let unheard_s =
        asked.get("unheard_s").map(|n| n.parse().map_err(|_| "unheard_s: is a number of seconds"));
    let ask = Sweep { account: account.clone(), unheard_s: unheard_s.transpose()? };
    let swept: usize = order(env, &account, "/sweep", &ask).await?;
    Ok(json!({ "account": account, "settled": swept }))
}

/// `from=kv`: the object's record from KV's. `from=object`: KV's from the object's. A long record takes several
/// requests: each answers with the cursor of the next, until it is done.
async fn rebuild(asked: &Asked<'_>, node: &Rc<Node>, env: &Env) -> Result<Value, String> {
    let account = asked.account()?;
    let kv = kv::binding(env, "KV_BILLING").ok_or("there is no KV namespace KV_BILLING")?;
    let cursor = asked.get("cursor").unwrap_or_default();
    match asked.get("from").as_deref() {
        Some("kv") => from_kv(&account, &kv, &cursor, asked.get("force").is_some(), env).await,
        Some("object") => from_object(&account, &kv, &cursor, node, env).await,
        _ => Err("from: say which side is believed, `kv` or `object`".into()),
    }
}

async fn from_kv(account: &str, kv: &JsValue, cursor: &str, force: bool, env: &Env) -> Result<Value, String> {
    let page = kv::list(kv, &record::prefix(account), cursor, STEP).await?;
    let entries = kv::entries(kv, &page.keys).await?;
    if page.cursor.is_none() {
        within_reach(account, kv, entries.last()).await?;
    }
    let count = entries.len();
    let import = Import {
        account: account.into(),
        first: cursor.is_empty(),
        entries,
        last: page.cursor.is_none(),
        force,
    };
    match order(env, account, "/import", &import).await? {
        Imported::Aside => {
            Ok(json!({ "account": account, "done": false, "moved": count, "cursor": page.cursor }))
        }
        Imported::Adopted(verified) => {
            Ok(json!({ "account": account, "done": true, "moved": count, "object": verified }))
        }
        Imported::Refused(why) => Err(why),
    }
}

/// That the end of KV's record was not cut off.
async fn within_reach(account: &str, kv: &JsValue, last: Option<&Entry>) -> Result<(), String> {
    let Some(text) = kv::get(kv, &record::reach(account)).await? else { return Ok(()) };
    let reach: Reach = serde_json::from_str(&text).map_err(|e| format!("KV's reach cannot be read: {e}"))?;
    if last.map_or(0, |last| last.seq) < reach.seq {
        return Err(format!("KV's record should reach entry {} and ends before it", reach.seq));
    }
    Ok(())
}

async fn from_object(
    account: &str,
    kv: &JsValue,
    cursor: &str,
    node: &Rc<Node>,
    env: &Env,
) -> Result<Value, String> {
    let after: u64 = match cursor {
        "" => {
            // What is wrong there is not to be copied.
            let verified = verify(env, account).await?;
            if let Some(problem) = verified.problem {
                return Err(format!("the object's record is damaged itself: {problem}"));
            }
            0
        }
        cursor => cursor.parse().map_err(|_| "cursor: is what the answer before said")?,
    };
    let down = |error: BooksError| format!("{error:?}");
    let entries = node.books.port().entries(account, after, STEP as usize).await.map_err(down)?;
    let put = kv::put_entries(kv, &entries, record::key).await?;
    if let Some(problem) = put.problem {
        return Err(format!("KV does not take it: {problem}"));
    }
    if entries.len() == STEP as usize {
        let next = entries.last().map_or(after, |last| last.seq);
        return Ok(
            json!({ "account": account, "done": false, "moved": entries.len(), "cursor": next.to_string() }),
        );
    }
    let mut last = entries.last().cloned();
    if last.is_none() && after > 0 {
        last = node.books.port().entries(account, after - 1, 1).await.map_err(down)?.pop();
    }
    let removed = remove_strangers(account, kv, last.as_ref().map_or(0, |last| last.seq), node).await?;
    if let Some(last) = &last {
        let reach = serde_json::to_string(&Reach::of(last)).map_err(|e| e.to_string())?;
        kv::put(kv, &record::reach(account), &reach).await?;
        let copied = Copied { account: account.into(), to: last.seq };
        let _: u64 = order(env, account, "/copied", &copied).await?;
    }
    Ok(json!({
        "account": account, "done": true, "moved": entries.len(), "removed": removed,
        "kv": last.map(|last| Reach::of(&last)),
    }))
}

/// Takes away what KV lists and the object does not have at that place.
async fn remove_strangers(account: &str, kv: &JsValue, last: u64, node: &Rc<Node>) -> Result<usize, String> {
    let mut removed = 0;
    let mut cursor = String::new();
    loop {
        let page = kv::list(kv, &record::prefix(account), &cursor, 1_000).await?;
        let mut strangers = Vec::new();
        let first = page.keys.iter().filter_map(|key| record::seq_of(key)).min().unwrap_or(0);
        let own = node.books.port().entries(account, first.saturating_sub(1), 1_000).await;
        let own: Vec<String> = own.map_err(|e| format!("{e:?}"))?.iter().map(record::key).collect();
        for key in page.keys {
            if record::seq_of(&key).is_none_or(|seq| seq > last) || own.binary_search(&key).is_err() {
                strangers.push(key);
            }
        }
        removed += strangers.len();
        kv::forget(kv, &strangers).await?;
        match page.cursor {
            Some(next) => cursor = next,
            None => return Ok(removed),
        }
    }
}

/// Walks an account's chain in its object.
pub async fn verify(env: &Env, account: &str) -> Result<Verified, String> {
    let letter = Letter { account: account.into(), read: Some(Read::Verify), ..Letter::default() };
    let reply: Reply = order(env, account, "/", &letter).await?;
    match reply.found {
        Some(Found::Verified(verified)) => Ok(verified),
        _ => Err("the account's object gave no answer".into()),
    }
}

/// Asks an account's object.
pub async fn order<T: DeserializeOwned>(
    env: &Env,
    account: &str,
    path: &str,
    what: &(impl Serialize + ?Sized),
) -> Result<T, String> {
    let accounts = kv::binding(env, "ACCOUNT").ok_or("there is no Durable Object ACCOUNT")?;
    let body = serde_json::to_string(what).map_err(|e| e.to_string())?;
    let told = brought(|number| glue::order(number, &accounts, account, path, &body)).await;
    let told = told.map_err(|e| glue::thrown(&e))?.0.as_string().unwrap_or_default();
    serde_json::from_str(&told).map_err(|e| format!("the account's object cannot be understood: {e}"))
}
