//! Work that a provider takes only in parts: one attempt of several calls. They are one in all that matters: one hold, one
//! line, one outcome. A part that fails is the failure of all, and what the others used is on the line of it.

use super::{FAULT_BODY_MAX, Got, Lost, collect, named, task};
use crate::answer::Content;
use crate::ask::{Ask, Words};
use crate::config::Bounds;
use crate::faults;
use crate::fleet::Candidate;
use crate::ports::Reply;
use crate::relay::Relay;
use futures::future::{Either, select};
use futures::{StreamExt, stream};
use providers::Product;
use vocab::{Bucket, Call, Duration, Fault, Made, RawTask, Usage};

/// Under way at the same time. Few, as providers count requests as well as texts.
const AT_ONCE: usize = 4;

/// Makes all calls and waits for all answers.
pub(super) async fn fly(
    relay: &Relay,
    ask: &Ask,
    calls: Vec<Call>,
    candidate: &Candidate,
    bounds: &Bounds,
    left: Duration,
) -> Result<Got, Lost> {
    let Words::Task { raw, .. } = &ask.words else {
        return Err(Fault::Unfit("only tasks come in parts".into()).into());
    };
    let mut sum =
        Sum { raw, candidate, all: calls.len(), answered: 0, vectors: vec![], usage: None, name: None };
    let heard = {
        let work = std::pin::pin!(sum.hear(relay, calls, bounds, left));
        match select(work, relay.clock().sleep(left)).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => {
                Err(Fault::Silent(format!("no whole answer within {} ms", left.as_millis())).into())
            }
        }
    };
    let request_id = sum.name.take();
    match heard {
        Ok(()) => {
            let mut got = task::made_of(Content::Made(Made::Vectors(sum.vectors)), sum.usage);
            if let Got::Whole(whole) = &mut got {
                whole.request_id = request_id;
            }
            Ok(got)
        }
        Err(lost) => Err(sum.lost(lost, request_id)),
    }
}

/// What came so far.
struct Sum<'a> {
    raw: &'a RawTask,
    candidate: &'a Candidate,
    /// Parts.
    all: usize,
    answered: usize,
    vectors: Vec<Vec<f32>>,
    usage: Option<Usage>,
    /// What the provider calls the part that came last.
    name: Option<Box<str>>,
}

impl Sum<'_> {
    async fn hear(
        &mut self,
        relay: &Relay,
        calls: Vec<Call>,
        bounds: &Bounds,
        left: Duration,
    ) -> Result<(), Lost> {
        let candidate = self.candidate;
        let connect = bounds.connect().min(left);
        let asking = calls.into_iter().map(|call| part(relay, call, connect, candidate, bounds));
        let mut answers = stream::iter(asking).buffered(AT_ONCE);
        while let Some(answer) = answers.next().await {
            let (name, product) = answer?;
            self.name = name;
            self.take(product)?;
        }
        Ok(())
    }

    /// The answer to the next part.
    fn take(&mut self, product: Product) -> Result<(), Lost> {
        let (texts, count) = (self.texts(self.answered), product.count);
        let used = product.usage.unwrap_or_else(|| self.likely(self.answered..self.answered + 1));
        let Some(Made::Vectors(vectors)) = product.made.filter(|_| count == texts) else {
            let fault = Fault::Garbled(format!("{count} vectors came for {texts} texts"));
            return Err(Lost::using(fault, Some(used)));
        };
        self.vectors.extend(vectors);
        self.add(used);
        self.answered += 1;
        Ok(())
    }

    fn add(&mut self, used: Usage) {
        self.usage = Some(self.usage.map_or(used, |sum| sum.plus(&used)));
    }

    /// How many texts a part has.
    fn texts(&self, part: usize) -> usize {
        let most = self.candidate.provider.adapter.texts_max();
        (self.raw.brief.n as usize).saturating_sub(part.saturating_mul(most)).min(most)
    }

    /// What these parts come to where nobody says: their share of all the texts.
    fn likely(&self, parts: std::ops::Range<usize>) -> Usage {
        let all = u64::from(self.raw.brief.likely(self.candidate.family));
        let texts: usize = parts.map(|part| self.texts(part)).sum();
        let share = all.saturating_mul(texts as u64).div_ceil(u64::from(self.raw.brief.n.max(1)));
        Usage { estimated: true, ..Usage::default() }.with(Bucket::Input, share)
    }

    /// Not all came: what is to be paid nevertheless. Parts under way are nobody's to take back.
    fn lost(mut self, lost: Lost, request_id: Option<Box<str>>) -> Lost {
        let Lost { fault, usage, request_id: named, .. } = lost;
        let failed = self.answered..self.answered + 1;
        match usage {
            Some(used) => self.add(*used),
            None if faults::row(&fault).billed => self.add(self.likely(failed.clone())),
            None => {}
        }
        let under_way = failed.end..(self.answered + AT_ONCE).min(self.all);
        if !under_way.is_empty() {
            self.add(self.likely(under_way));
        }
        Lost { request_id: named.or(request_id), ..Lost::using(fault, self.usage) }
    }
}

/// One part: what the provider calls it, and what came of it.
async fn part(
    relay: &Relay,
    call: Call,
    connect: Duration,
    candidate: &Candidate,
    bounds: &Bounds,
) -> Result<(Option<Box<str>>, Product), Lost> {
    let adapter = candidate.provider.adapter;
    let Reply { status, headers, body } = relay.http().send(call, connect).await?;
    let name = named(candidate, &headers);
    let heard = if (200..300).contains(&status) {
        let body = collect(body, bounds.reply_max, false).await;
        body.and_then(|body| adapter.read_task(vocab::Kind::Embedding, None, &body))
    } else {
        let body = collect(body, FAULT_BODY_MAX, true).await;
        body.and_then(|body| Err(adapter.fault(status, &headers, &body, relay.clock().now())))
    };
    match heard {
        Ok(product) => Ok((name, product)),
        Err(fault) => Err(Lost { request_id: name, ..fault.into() }),
    }
}
