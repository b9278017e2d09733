//! Words for the tests: operations in a bookkeeper's hand.
#![allow(dead_code, reason = "each test file uses some of them")]

use billing::{Line, Op, Repeat};
use vocab::{Bucket, Instant, Pico, Usage};

pub const LEASE: Instant = Instant::from_secs(600);

pub fn line(amount: i128) -> Line {
    Line {
        provider: "cheap".into(),
        model: "small".into(),
        usage: Usage::default().with(Bucket::Input, 7).with(Bucket::Output, 3),
        price: Some("2026-11-21".into()),
        amount: Pico(amount),
        outcome: "ok".into(),
    }
}

pub fn grant(id: &str, amount: i128) -> Op {
    Op::Grant { id: id.into(), amount: Pico(amount), reason: "paid".into() }
}

pub fn hold(id: &str, amount: i128) -> Op {
    hold_until(id, amount, LEASE)
}

pub fn hold_until(id: &str, amount: i128, lease_until: Instant) -> Op {
    Op::Hold {
        id: id.into(),
        amount: Pico(amount),
        estimate: Pico(amount / 2),
        lease_until,
        tags: String::new(),
        caps: vec![],
    }
}

pub fn extend(id: &str, more: i128, lease_secs: u64) -> Op {
    Op::Extend { id: id.into(), more: Pico(more), lease_until: Instant::from_secs(lease_secs), caps: vec![] }
}

/// In two lines, so that their sum is tested too.
pub fn settle(id: &str, amount: i128) -> Op {
    let lines = vec![line(amount / 3), line(amount - amount / 3)];
    Op::Settle { id: id.into(), lines, estimated: false }
}

pub fn release(id: &str) -> Op {
    Op::Release { id: id.into(), lines: vec![line(0)], why: "every attempt failed".into() }
}

pub fn repeat(id: &str, by: Repeat, saved: i128) -> Op {
    Op::Repeat { id: id.into(), by, of: "h0".into(), saved: Pico(saved) }
}
