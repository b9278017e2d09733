//! The `Books` port without an object: each isolate for itself.

use super::{kv, later};
use crate::approximate::Rough;
use crate::record;
use async_trait::async_trait;
use billing::{Balance, Budgets, Entry, Op};
use relay::config::Config;
use relay::ports::{Books, BooksError, Mark, Posted};
use std::cell::RefCell;
use std::sync::Arc;
use vocab::{Instant, Pico};
use wasm_bindgen::JsValue;
use worker::send::SendWrapper;

pub struct RoughBooks(SendWrapper<Inner>);

struct Inner {
    rough: RefCell<Rough>,
    config: RefCell<Arc<Config>>,
    /// Where entries are written down, and under which isolate's name.
    kv: Option<JsValue>,
    isolate: String,
}

impl RoughBooks {
    pub fn new(config: Arc<Config>, kv: Option<JsValue>, isolate: u64) -> Self {
        let (rough, config, isolate) = (RefCell::default(), RefCell::new(config), format!("{isolate:016x}"));
        Self(SendWrapper::new(Inner { rough, config, kv, isolate }))
    }

    pub fn reload(&self, config: Arc<Config>) {
        *self.0.config.borrow_mut() = config;
    }
}

#[async_trait]
impl Books for RoughBooks {
    async fn post(&self, account: &str, op: Op, now: Instant) -> Result<Posted, BooksError> {
        let terms = self.0.config.borrow().terms(account);
        let (done, entries) = self.0.rough.borrow_mut().post(account, terms, op, now)?;
        if let Some(kv) = self.0.kv.clone().filter(|_| !entries.is_empty()) {
            let isolate = self.0.isolate.clone();
            later::spawn(async move {
                let key = |entry: &Entry| format!("approximate/{isolate}/{}", record::key(entry));
                match kv::put_entries(&kv, &entries, key).await {
                    Ok(kv::Put { problem: None, .. }) => {}
                    Ok(kv::Put { problem: Some(why), .. }) | Err(why) => {
                        tracing::warn!(why, "entries of approximate books are not in KV");
                    }
                }
            });
        }
        Ok(Posted { balance: done.balance, fresh: done.fresh, mark: Mark::default() })
    }

    /// Nothing here is.
    async fn durable(&self, _: Mark) -> Result<(), BooksError> {
        Ok(())
    }

    async fn balance(&self, account: &str) -> Result<Balance, BooksError> {
        let terms = self.0.config.borrow().terms(account);
        Ok(self.0.rough.borrow().balance(account, terms))
    }

    async fn budgets(&self, account: &str) -> Result<Budgets, BooksError> {
        Ok(self.0.rough.borrow().budgets(account))
    }

    async fn entries(&self, account: &str, after: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        Ok(self.0.rough.borrow().entries(account, |entry| entry.seq > after, limit))
    }

    async fn ended(&self, account: &str, before: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        Ok(self.0.rough.borrow().ended(account, before, limit))
    }

    async fn of_request(&self, account: &str, id: &str) -> Result<Vec<Entry>, BooksError> {
        Ok(self.0.rough.borrow().entries(account, |entry| entry.op_id == id, usize::MAX))
    }

    async fn spent(&self, account: &str, from: Instant) -> Result<Pico, BooksError> {
        Ok(self.0.rough.borrow().spent(account, from))
    }
}
