//! Answers under idempotency keys: each account's object has its own, so that one isolate knows what another was asked.

use super::clock::EdgeClock;
use super::glue;
use super::task::brought;
use crate::account::{ANSWER_MAX, Asking, Told, What};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use billing::hex;
use bytes::Bytes;
use policy::{Digest, IdempotencySetting, Slot};
use relay::answers::{Answers, AnswersDown, Claim};
use relay::ports::Clock as _;
use vocab::{Duration, Instant};
use wasm_bindgen::JsValue;
use worker::send::{SendFuture, SendWrapper};

/// How often somebody asks who waits for a request of another isolate.
const LOOK: Duration = Duration::from_millis(500);

/// The `Answers` port over the binding `ACCOUNT`.
pub struct ObjectAnswers(SendWrapper<JsValue>);

impl ObjectAnswers {
    pub fn new(accounts: JsValue) -> Self {
        Self(SendWrapper::new(accounts))
    }

    async fn ask(&self, slot: &Slot, now: Instant, what: What) -> Result<Told, AnswersDown> {
        let asking = Asking { account: slot.account().into(), name: hex(slot.name()), now, what };
        let text = serde_json::to_string(&asking).map_err(down)?;
        SendFuture::new(async move {
            let (accounts, account) = (&*self.0, slot.account());
            let told = brought(|number| glue::order(number, accounts, account, "/answers", &text)).await;
            let (told, _) = told.map_err(|error| AnswersDown(glue::thrown(&error)))?;
            serde_json::from_str(&told.as_string().unwrap_or_default()).map_err(down)
        })
        .await
    }
}

#[async_trait]
impl Answers for ObjectAnswers {
    async fn claim(
        &self,
        slot: &Slot,
        request: &Digest,
        now: Instant,
        until: Instant,
    ) -> Result<Claim, AnswersDown> {
        let request = hex(request.bytes());
        match self.ask(slot, now, What::Claim { request, until }).await? {
            Told::Yours { number } => Ok(Claim::Yours(number)),
            Told::Kept { request, answer } => {
                let answer = STANDARD.decode(answer).map_err(down)?;
                Ok(Claim::Kept { request: digest(&request)?, answer: answer.into() })
            }
            Told::Busy { request } => {
                let over = Box::pin(async { EdgeClock.sleep(LOOK).await });
                Ok(Claim::Busy { request: digest(&request)?, over })
            }
            Told::Done => Err(AnswersDown("the account's object answered something else".into())),
        }
    }

    async fn keep(
        &self,
        slot: &Slot,
        number: u64,
        request: &Digest,
        answer: Bytes,
        rules: &IdempotencySetting,
        now: Instant,
    ) -> Result<(), AnswersDown> {
        if answer.len() > ANSWER_MAX {
            self.give_up(slot, number).await;
            return Ok(());
        }
        let what = What::Keep {
            number,
            request: hex(request.bytes()),
            answer: STANDARD.encode(&answer),
            until: now.after(rules.ttl()),
            total_max: rules.total_max,
        };
        self.ask(slot, now, what).await.map(drop)
    }

    async fn give_up(&self, slot: &Slot, number: u64) {
        if let Err(down) = self.ask(slot, EdgeClock.now(), What::GiveUp { number }).await {
            // It counts for nothing after a while.
            tracing::warn!(why = down.0, "a name under which nothing is answered could not be let go");
        }
    }
}

fn digest(hex: &str) -> Result<Digest, AnswersDown> {
    Digest::parse(hex).ok_or_else(|| AnswersDown("the account's object answered no digest".into()))
}

fn down(why: impl std::fmt::Display) -> AnswersDown {
    AnswersDown(why.to_string())
}
