//! `weir ledger reconcile` from outside: files in, verdict out.

use crate::verify::{Folder, export};
use billing::{Book, Line, Op};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use vocab::{Bucket, Instant, Pico, Usage};

/// What `openai-usage.json` of the fixtures is about, as weir would have booked it.
fn books() -> Book {
    let mut book = Book::new("alice", None);
    let (day, cached) = (1_795_219_200, |n| Usage::default().with(Bucket::CacheRead, n));
    let mini = |usage: Usage| ("gpt-4o-mini", usage, 10, 0);
    let calls = [
        mini(cached(1_000).with(Bucket::Input, 600).with(Bucket::Output, 200)),
        mini(cached(800).with(Bucket::Input, 600).with(Bucket::Output, 100).with(Bucket::Reasoning, 100)),
        mini(cached(0).with(Bucket::Input, 500).with(Bucket::InputImage, 100).with(Bucket::Output, 200)),
        mini(cached(0).with(Bucket::Input, 600).with(Bucket::CacheWrite, 200).with(Bucket::Output, 200)),
        mini(cached(0).with(Bucket::Input, 600).with(Bucket::Output, 200)),
        mini(cached(4).with(Bucket::Input, 6).with(Bucket::Output, 2)),
        ("text-embedding-3-small", Usage::default().with(Bucket::Input, 13), 5, 1),
        ("text-embedding-3-small", Usage::default().with(Bucket::Input, 7), 5, 1),
    ];
    for (number, (model, usage, nanos, later)) in (0u64..).zip(calls) {
        let (id, at) = (format!("r{number}"), Instant::from_secs(day + later * 86_400 + number));
        let amount = Pico(nanos * Pico::PER_NANO);
        let line = Line {
            provider: "openai".into(),
            model: model.into(),
            usage,
            price: Some("2026-11-21".into()),
            amount,
            outcome: "ok".into(),
        };
        let hold = Op::Hold {
            id: id.clone(),
            amount,
            estimate: amount,
            lease_until: at,
            tags: String::new(),
            caps: vec![],
        };
        book.post(hold, at).unwrap();
        book.post(Op::Settle { id, lines: vec![line], estimated: false }, at).unwrap();
    }
    book
}

fn reconcile(ledger: &Path, arguments: &[&str]) -> (i32, String) {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/exports");
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["ledger", "reconcile", "--ledger"])
        .arg(ledger)
        .args(arguments)
        .current_dir(fixtures)
        .env_remove("WEIR_CONFIG")
        .output()
        .unwrap();
    (status.code().unwrap(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

#[test]
fn what_a_provider_says_stands_beside_what_was_booked() {
    let folder = Folder::new("reconcile");
    let ledger = folder.write("ledger.jsonl", export(books().entries()).as_bytes());
    let openai = ["--provider", "openai", "openai-usage.json"];
    let (code, said) = reconcile(&ledger, &openai);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("2 models and days compared, 2026-11-20 to 2026-11-22: all agree"), "{said}");
    let (code, said) = reconcile(&ledger, &[&openai[..], &["--all"]].concat());
    assert!(code == 0 && said.contains("2026-11-21 gpt-4o-mini (there gpt-4o-mini-2024-07-18)"), "{said}");
    // With costs, which are made up.
    let both = [&openai[..], &["openai-costs.json"]].concat();
    let (code, said) = reconcile(&ledger, &both);
    assert_eq!(code, 1, "{said}");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("USD 0.000000060 0.060082500 0.060082440 likely unexplained: the tokens agree"),
        "{said}"
    );
    assert!(said.contains("note: openai-costs.json ends with a page that says there are more"), "{said}");
    let (code, said) = reconcile(&ledger, &[&both[..], &["--json"]].concat());
    let found: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &found["ok"], &found["over"]), (1, &Value::Bool(false), &Value::from(1)));
    assert_eq!(found["cells"][0]["usd"]["drift"], "0.060082440");
    assert_eq!(found["cells"][0]["causes"][0]["cause"], "unexplained");
    for limit in [["--max-usd", "0.07"], ["--max-percent", "100"]] {
        assert_eq!(reconcile(&ledger, &[&both[..], &limit].concat()).0, 0, "{limit:?}");
    }
    // Another day, another name, another account.
    let (code, said) = reconcile(&ledger, &[&openai[..], &["--to", "2026-11-22"]].concat());
    assert!(code == 0 && said.contains("1 models and days compared"), "{said}");
    let (code, said) = reconcile(&ledger, &[&openai[..], &["--name", "azure"]].concat());
    assert!(code == 1 && said.contains("likely not_in_ledger: the ledger has no call of"), "{said}");
    assert_eq!(reconcile(&ledger, &[&openai[..], &["--account", "bob"]].concat()).0, 1);
    let renamed = ["--same", "gpt-4o-mini-2024-07-18=another"];
    assert_eq!(reconcile(&ledger, &[&openai[..], &renamed].concat()).0, 1);
}

#[test]
fn what_cannot_be_compared_is_said() {
    let folder = Folder::new("reconcile-bad");
    let good = export(books().entries());
    let ledger = folder.write("ledger.jsonl", good.as_bytes());
    for (arguments, why) in [
        (["--provider", "openai", "nowhere.json"], "nowhere.json: "),
        (["--provider", "openai", "anthropic-usage.csv"], "anthropic-usage.csv: it has no column model"),
        (["--provider", "generic", "openai-usage.json"], "expected CSV"),
        (["--provider", "nobody", "openai-usage.json"], "invalid value"),
    ] {
        let (code, said) = reconcile(&ledger, &arguments);
        assert!(code == 2 && said.contains(why), "{arguments:?}: {said}");
    }
    let bad = folder.write("bad.jsonl", good.replacen("\"output\\\":200", "\"output\\\":201", 1).as_bytes());
    let (code, said) = reconcile(&bad, &["--provider", "openai", "openai-usage.json"]);
    assert!(
        code == 2 && said.contains("line 2: entry 2 of account alice: its content was changed"),
        "{said}"
    );
}
