//! The pure crates read no clock, draw no dice, open no socket, start no task, touch no global, and print nothing.
//!
//! That is why one core runs on both shells, why the same seed gives the same decision, and why a test is arithmetic.
//! Tests may do what they like. Other people's crates that do such things are kept out by name in `imports`.

use crate::{home, none, shown, source};

pub const PURE: [&str; 9] =
    ["json", "tokens", "audio", "vocab", "router", "providers", "policy", "billing", "outcomes"];

/// A path and what to do instead. A rule holds for everything below its path too; `except` names what is allowed
/// there all the same.
struct Rule {
    path: &'static str,
    except: &'static [&'static str],
    instead: &'static str,
}

const fn rule(path: &'static str, instead: &'static str) -> Rule {
    Rule { path, except: &[], instead }
}

const CLOCK: &str = "reads the clock: take `now: vocab::Instant`";
const DICE: &str = "draws dice: take `&mut vocab::Dice`";
const SOCKET: &str = "opens a socket: return a `vocab::Call`";
const TASK: &str = "starts or awaits work: return a value, and let `relay` wait";
const GLOBAL: &str = "touches a global: take it as an argument";
const SPEAKS: &str = "writes to the world: return what happened, `relay` says it";

const RULES: &[Rule] = &[
    Rule { path: "std::time", except: &["Duration", "TryFromFloatSecsError"], instead: CLOCK },
    rule("chrono", CLOCK),
    rule("web_time", CLOCK),
    rule("rand", DICE),
    rule("fastrand", DICE),
    rule("getrandom", DICE),
    rule("uuid", DICE),
    rule("std::hash::RandomState", DICE),
    rule("std::collections::hash_map::RandomState", DICE),
    rule("std::collections::HashMap", "iterates in an order of chance: use a BTreeMap"),
    rule("std::collections::HashSet", "iterates in an order of chance: use a BTreeSet"),
    Rule {
        path: "std::net",
        except: &[
            "IpAddr",
            "Ipv4Addr",
            "Ipv6Addr",
            "SocketAddr",
            "SocketAddrV4",
            "SocketAddrV6",
            "AddrParseError",
        ],
        instead: SOCKET,
    },
    rule("std::os", SOCKET),
    rule("hyper", SOCKET),
    rule("reqwest", SOCKET),
    rule("tokio", TASK),
    rule("std::thread", TASK),
    rule("std::process", TASK),
    rule("std::task", TASK),
    rule("std::future", TASK),
    rule("async", TASK),
    rule("await", TASK),
    rule("std::sync::OnceLock", GLOBAL),
    rule("std::sync::LazyLock", GLOBAL),
    rule("std::sync::Mutex", "locks: a decision is a plain `&mut self`"),
    rule("std::sync::RwLock", "locks: a decision is a plain `&mut self`"),
    rule("std::sync::atomic", GLOBAL),
    rule("std::sync::mpsc", TASK),
    rule("std::cell", "hides a change: take `&mut self`"),
    rule("once_cell", GLOBAL),
    rule("lazy_static!", GLOBAL),
    rule("thread_local!", GLOBAL),
    rule("std::env", GLOBAL),
    rule("std::fs", GLOBAL),
    rule("std::io::stdin", SPEAKS),
    rule("std::io::stdout", SPEAKS),
    rule("std::io::stderr", SPEAKS),
    rule("print!", SPEAKS),
    rule("println!", SPEAKS),
    rule("eprint!", SPEAKS),
    rule("eprintln!", SPEAKS),
    rule("dbg!", SPEAKS),
    rule("tracing", SPEAKS),
    rule("std::*", "hides what is used: name it"),
];

impl Rule {
    fn broken_by(&self, path: &[String]) -> bool {
        let rule: Vec<&str> = self.path.split("::").collect();
        let macro_rule = self.path.ends_with('!');
        if macro_rule {
            return path.last().is_some_and(|last| last == rule[rule.len() - 1]);
        }
        let head = path.iter().map(|p| p.trim_end_matches('!'));
        let begins = path.len() >= rule.len() && head.zip(&rule).all(|(a, b)| a == *b);
        let excepted = path.get(rule.len()).is_some_and(|next| self.except.contains(&next.as_str()));
        begins && !excepted
    }
}

fn complaints(place: &str, code: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let named = source::paths(code);
    for (at, one) in named.iter().enumerate() {
        let path = one.path.join("::");
        if let Some(rule) = RULES.iter().find(|rule| rule.broken_by(&one.path)) {
            complaints.push(format!("{place}:{}: `{path}` {}", one.line, rule.instead));
        }
        let next = named.get(at + 1).map(|n| n.path.join("::"));
        if path == "static" && next.as_deref() == Some("mut") {
            complaints.push(format!("{place}:{}: `static mut` {GLOBAL}", one.line));
        }
    }
    complaints
}

#[test]
fn pure_crates_only_compute() {
    let mut all = Vec::new();
    for name in PURE {
        let files = source::live(&home(name).join("src"));
        assert!(!files.is_empty(), "{name} has no source");
        for (path, code) in files {
            all.extend(complaints(&shown(&path), &code));
        }
    }
    none(&all);
}

#[test]
fn every_impurity_is_found() {
    for offence in [
        "let t = std::time::Instant::now();",
        "use std::time::{Duration, SystemTime};",
        "use std::time;",
        "use std::{fmt, time::Instant as I};",
        "let x = rand::random::<u8>();",
        "getrandom::fill(&mut b)?;",
        "use std::collections::{BTreeMap, HashMap};",
        "use std::collections::hash_map::RandomState;",
        "let s = std::net::TcpStream::connect(a)?;",
        "use std::net::{Ipv4Addr, ToSocketAddrs};",
        "tokio::spawn(x);",
        "async fn f() {}",
        "std::thread::sleep(d);",
        "static mut COUNT: u32 = 0;",
        "static CACHE: std::sync::OnceLock<u8> = X;",
        "use std::sync::{Arc, LazyLock};",
        "use std::sync::atomic::AtomicU64;",
        "thread_local! { static X: u8 = 1; }",
        "std::thread_local! {}",
        "let home = std::env::var(NAME);",
        "std::fs::read(path)?;",
        "println!();",
        "std::eprintln!();",
        "tracing::info!();",
        "use std::*;",
    ] {
        assert_eq!(complaints("x.rs", &source::plain(offence)).len(), 1, "{offence}");
    }
}

#[test]
fn what_only_computes_passes() {
    for fine in [
        "use std::time::Duration; use std::sync::Arc; use std::collections::BTreeMap;",
        "fn f(now: Instant, dice: &mut Dice) -> Instant { now.after(SECOND) }",
        "let ip: std::net::Ipv4Addr = text.parse()?;",
        "const TEXT: &str = \"tokio::spawn, println!, std::env\"; // std::fs",
        "static NAMES: [&str; 2] = [A, B];",
        "entry.time == time && log > 1 && Bound::Random != x",
        "include_str!(\"x\"); env!(\"CARGO_PKG_VERSION\");",
        "#[cfg(test)] mod t { use std::fs; }",
    ] {
        none(&complaints("x.rs", &source::without_tests(&source::plain(fine))));
    }
}
