//! What an answer came to, as one JSON object: in SI answers, in the final `event: weir`, in errors of cut streams.

use crate::openai::write::{json, number};
use billing::{Credit, Credits};
use policy::Settings;
use relay::{Advice, Bill, Served};
use vocab::{Pico, Usage};

/// The operator's credits, for the arithmetic.
pub fn credits(settings: &Settings) -> Credits {
    Credits { usd_per_credit: settings.credits.usd_per_credit, markup: settings.credits.markup }
}

/// The credits that a cost comes to: with the mark-up on it.
pub fn used(credits: &Credits, cost: Pico) -> Option<Credit> {
    credits.used(credits.billed(cost)?)
}

/// The credits that the account's money is worth. It is money for providers, so every dollar of it comes to what a
/// dollar of cost comes to: what is used and what is left add up.
pub fn worth(credits: &Credits, money: Pico) -> Option<Credit> {
    credits.worth(credits.billed(money)?)
}

/// `"usage":{…},"route":{…},"cost":{…}` and `"advice":{…}` where there is any: fields of an object, without braces.
pub fn fields(out: &mut Vec<u8>, served: &Served, bill: &Bill, credits: &Credits) {
    out.extend_from_slice(br#""usage":"#);
    usage(out, &bill.usage);
    out.extend_from_slice(br#","route":{"provider":"#);
    json(out, &served.provider);
    for (name, text) in
        [("model", &*served.model), ("reason", &*served.reason), ("decision", &*served.decision)]
    {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        json(out, text);
    }
    if let Some(id) = &served.provider_request_id {
        out.extend_from_slice(br#","provider_request_id":"#);
        json(out, id);
    }
    out.extend_from_slice(br#","attempts":"#);
    json(out, &bill.attempts);
    if served.fake {
        out.extend_from_slice(br#","fake":true"#);
    }
    out.extend_from_slice(br#"},"cost":{"usd":"#);
    json(out, &bill.cost);
    out.extend_from_slice(br#","credits":"#);
    credit(out, used(credits, bill.cost));
    out.extend_from_slice(br#","balance_usd":"#);
    json(out, &bill.balance.available());
    out.extend_from_slice(br#","balance_credits":"#);
    credit(out, worth(credits, bill.balance.available()));
    out.push(b'}');
    if let Some(advice) = &bill.advice {
        out.extend_from_slice(br#","advice":"#);
        let quality_delta = (advice.quality_delta * 1_000.0).round() / 1_000.0;
        json(out, &Advice { quality_delta, ..advice.clone() });
    }
}

/// A number of credits does not fit only where the money it stands for is absurd.
fn credit(out: &mut Vec<u8>, credit: Option<Credit>) {
    json(out, &credit);
}

fn usage(out: &mut Vec<u8>, usage: &Usage) {
    out.extend_from_slice(br#"{"tokens_in":"#);
    number(out, usage.tokens_in());
    out.extend_from_slice(br#","tokens_out":"#);
    number(out, usage.tokens_out());
    out.extend_from_slice(br#","buckets":"#);
    json(out, usage);
    out.push(b'}');
}
