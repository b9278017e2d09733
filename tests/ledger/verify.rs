//! `weir ledger verify FILE` and `examples/verify/verify.py` know nothing of one another and say the same, of good exports
//! and of bad ones.

use billing::{Book, Entry, Line, Op, Repeat};
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use vocab::{Bucket, Dice, Instant, Modifiers, Pico, Usage};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/verify/verify.py");

/// A folder of the test's own.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ledger-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

fn line(amount: i128, outcome: &'static str) -> Line {
    Line {
        provider: "openai".into(),
        model: "größer \"4\"".into(),
        usage: Usage { estimated: true, modifiers: Modifiers::FLEX, ..Usage::default() }
            .with(Bucket::Input, 1_000)
            .with(Bucket::Reasoning, 50),
        price: (amount > 0).then(|| "2026-11-21".into()),
        amount: Pico(amount),
        outcome: outcome.into(),
    }
}

/// Every kind of entry, and every shape of each.
fn book(account: &str) -> Book {
    let mut book = Book::new(account, None);
    let until = Instant::from_secs(9_000_000_000);
    let aside = |id: &str, amount, tags: &str| Op::Hold {
        id: id.into(),
        amount: Pico(amount),
        estimate: Pico(7),
        lease_until: until,
        tags: tags.into(),
        caps: vec![],
    };
    let ops = [
        Op::Grant {
            id: "g-1".into(),
            amount: Pico::from_usd(5),
            reason: "Überweisung №1 \u{1f4b6}\t\"\\".into(),
        },
        aside("r-1", 750_000_000, r#"{"team":"blå","team":"blue"}"#),
        aside("r-2", 1_001, ""),
        Op::Extend { id: "r-1".into(), more: Pico(1), lease_until: until, caps: vec![] },
        Op::Settle {
            id: "r-1".into(),
            lines: vec![line(180_000_000, "ok"), line(1, "lost")],
            estimated: false,
        },
        Op::Release { id: "r-2".into(), lines: vec![line(0, "busy")], why: "every attempt failed".into() },
        aside("r-3", 0, r#"["x"]"#),
        Op::Settle { id: "r-3".into(), lines: vec![line(5, "orphan")], estimated: true },
        Op::Grant { id: "g-2".into(), amount: Pico(-3), reason: String::new() },
        aside("r-4", 12, ""),
        Op::Repeat { id: "r-5".into(), by: Repeat::Hit, of: "r-1".into(), saved: Pico(180_000_001) },
        Op::Repeat { id: "r-6".into(), by: Repeat::Replay, of: "é\"".into(), saved: Pico(0) },
    ];
    for (second, op) in (1_795_219_200..).zip(ops) {
        assert!(book.post(op, Instant::from_secs(second)).unwrap().entry.is_some());
    }
    book
}

pub fn export<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> String {
    entries.into_iter().map(|entry| serde_json::to_string(entry).unwrap() + "\n").collect()
}

/// As one array, with white space in all places where there may be some.
fn array(lines: &str) -> String {
    format!(" [\n{}\n] ", lines.lines().collect::<Vec<_>>().join("\n ,\r\n"))
}

fn swap(file: &str, one: usize, other: usize) -> String {
    let mut lines: Vec<&str> = file.lines().collect();
    lines.swap(one, other);
    lines.join("\n")
}

/// Files by name, each with what both have to say of it where that is known beforehand.
#[derive(Default)]
struct Cases(Vec<(String, Vec<u8>, Option<bool>)>);

impl Cases {
    fn good(&mut self, name: &str, file: impl Into<Vec<u8>>) {
        self.0.push((name.into(), file.into(), Some(true)));
    }

    fn bad(&mut self, name: &str, file: impl Into<Vec<u8>>) {
        self.0.push((name.into(), file.into(), Some(false)));
    }

    /// Whatever it is, both say the same.
    fn either(&mut self, name: &str, file: impl Into<Vec<u8>>) {
        self.0.push((name.into(), file.into(), None));
    }
}

fn shapes(cases: &mut Cases) {
    let (alice, bob) = (export(book("alice").entries()), export(book("bob ☂").entries()));
    let mixed: String = alice.lines().zip(bob.lines()).flat_map(|(a, b)| [a, "\n", b, "\n"]).collect();
    cases.good("as it is", alice.clone());
    cases.good("empty", "");
    cases.good("an empty array", "[]");
    cases.good("an array", array(&alice));
    cases.good("arrays", format!("{}{}[ ]", array(&alice), array(&bob)));
    cases.good("two accounts one after the other", format!("{alice}{bob}"));
    cases.good("two accounts interleaved", mixed.clone());
    cases.good("blank lines and carriage returns", format!("\n{}", alice.replace('\n', " \r\n\n")));
    cases.good("no end of line at the end", alice.trim_end());
    cases.good("a field that nobody knows", alice.replace("{\"account\"", "{\"x\":[{}],\"account\""));
    cases.good("amounts with other zeros", alice.replace("\"5.000000000\"", "\"0005.0\""));
    cases.good("the last entries missing", alice.lines().take(7).collect::<Vec<_>>().join("\n"));
    cases.good("capital digits", alice.replace("hash\":\"a", "hash\":\"A"));
    cases.bad("interleaved, two swapped", swap(&mixed, 4, 6));
    cases.bad("an array cut off", array(&alice).trim_end().trim_end_matches(']'));
    cases.bad("an array with two commas", array(&alice).replacen("\n ,", "\n ,,", 1));
    cases.bad("an array, then a line", format!("{}{bob}", array(&alice)));
    cases.bad("a line, then an array", format!("{alice}{}", array(&bob)));
    cases.bad("a field twice", alice.replacen("\"seq\":2", "\"seq\":2,\"seq\":2", 1));
    cases.bad("a field missing", alice.replacen("\"seq\":3,", "", 1));
    cases.bad("a number as text", alice.replacen("\"seq\":2", "\"seq\":\"2\"", 1));
    cases.bad("a number with a point", alice.replacen("\"seq\":2", "\"seq\":2.0", 1));
    cases.bad("an amount that is finer", alice.replacen("\"0.000000000\"", "\"0.0000000000001\"", 1));
    cases.bad("an amount without its whole", alice.replacen("\"0.000000000\"", "\".0\"", 1));
    cases.bad("an amount as a number", alice.replacen("\"0.000000000\"", "0.0", 1));
    cases.bad("another kind", alice.replacen("\"extend\"", "\"expand\"", 1));
    cases.bad("half a surrogate", alice.replacen("\"r-1\"", "\"\\ud83d\"", 1));
    cases.bad("no object", "17\n");
    cases.bad("no JSON", "NaN\n");
    cases.bad("something behind the object", alice.replacen("}\n", "} {}\n", 1));
    cases.bad("the last line cut off", &alice[..alice.len() - 40]);
    let (ours, others): (Vec<&str>, Vec<&str>) = (alice.lines().collect(), bob.lines().collect());
    for at in 0..ours.len() {
        let (mut twice, mut without) = (ours.clone(), ours.clone());
        twice.insert(at, ours[at]);
        without.remove(at);
        cases.bad(&format!("entry {at} twice"), twice.join("\n"));
        cases.bad(&format!("an array with entry {at} twice"), array(&twice.join("\n")));
        cases.either(&format!("without entry {at}"), without.join("\n"));
        if at > 0 {
            let mut more = ours.clone();
            more.insert(at, others[at]);
            cases.bad(&format!("entry {at} before the one before"), swap(&alice, at - 1, at));
            cases.bad(&format!("another account's entry inserted at {at}"), more.join("\n"));
        }
    }
}

type Edit = Box<dyn Fn(&mut Entry)>;

/// A field edited and the entry's hash made right again; then with all that follow sealed anew as well.
fn forgeries(cases: &mut Cases) {
    let book = book("alice");
    const ONE: Pico = Pico(1);
    let in_detail =
        |from: &'static str, to: &'static str| move |e: &mut Entry| e.detail = e.detail.replace(from, to);
    let edits: [(&str, Edit); 17] = [
        ("amount", Box::new(|e| e.amount = e.amount.plus(ONE))),
        ("granted", Box::new(|e| e.balance_after.granted = e.balance_after.granted.plus(ONE))),
        ("settled", Box::new(|e| e.balance_after.settled = e.balance_after.settled.minus(ONE))),
        ("held", Box::new(|e| e.balance_after.held = e.balance_after.held.plus(ONE))),
        ("time", Box::new(|e| e.time = Instant::ZERO)),
        ("op_id", Box::new(|e| e.op_id.push('x'))),
        ("hold", Box::new(in_detail("\"hold\":", "\"hold\":1"))),
        ("lines", Box::new(in_detail("\"lines\":[", "\"lines\":[7,"))),
        ("bucket", Box::new(in_detail("\"input\":", "\"tokens\":"))),
        ("count", Box::new(in_detail("\"input\":", "\"input\":-"))),
        ("modifiers", Box::new(in_detail("\"modifiers\":2", "\"modifiers\":32"))),
        ("over", Box::new(in_detail(",\"over\":true", ""))),
        ("line's amount", Box::new(in_detail("\"amount\":\"0.000180000\"", "\"amount\":\"0.000180001\""))),
        ("saved", Box::new(in_detail("\"saved\":\"", "\"saved\":\"-"))),
        ("of", Box::new(in_detail("\"of\":\"", "\"of\":7,\"x\":\""))),
        ("id of a hold", Box::new(|e| e.op_id = e.op_id.replace("r-5", "r-4"))),
        ("anything", Box::new(in_detail("{", "{\"new\":{\"a\":1,\"a\":null},"))),
    ];
    for (what, edit) in &edits {
        for at in 0..book.entries().len() {
            let mut entries = book.entries().to_vec();
            edit(&mut entries[at]);
            entries[at].hash = entries[at].computed_hash();
            if entries == book.entries() {
                continue;
            }
            let name = format!("{what} of {at} edited");
            if at + 1 < entries.len() {
                cases.bad(&name, export(&entries));
            }
            for next in at + 1..entries.len() {
                entries[next].prev_hash = entries[next - 1].hash;
                entries[next].hash = entries[next].computed_hash();
            }
            let name = format!("{name}, all sealed anew");
            match *what {
                "amount" | "granted" | "settled" | "held" | "lines" | "count" | "of" | "id of a hold" => {
                    cases.bad(&name, export(&entries))
                }
                _ => cases.either(&name, export(&entries)),
            }
        }
    }
}

/// A bit of each field's value, and of anything.
fn flips(cases: &mut Cases) {
    let file = export(book("älice").entries());
    let mut dice = Dice::seeded(7);
    let mut flip = |cases: &mut Cases, name: String, at: usize, bits: u64| {
        let mut bytes = file.clone().into_bytes();
        bytes[at] ^= 1 << dice.below(bits);
        cases.either(&name, bytes);
    };
    let mut begin = 0;
    for (number, line) in file.lines().enumerate() {
        let fields = "account seq time kind op_id amount granted settled held detail prev_hash hash";
        for field in fields.split(' ') {
            let value = line.find(&format!("\"{field}\":")).unwrap() + field.len() + 3;
            let value = value + usize::from(line.as_bytes()[value] == b'"');
            flip(cases, format!("a bit of {field} of {number}"), begin + value, 7);
        }
        begin += line.len() + 1;
    }
    let mut places = Dice::seeded(11);
    for number in 0..400 {
        let at = usize::try_from(places.below(file.len() as u64)).unwrap();
        flip(cases, format!("flip {number}"), at, 8);
    }
}

/// What the script says of each file, all in one process.
fn script(files: &[PathBuf]) -> Vec<Value> {
    let driver = "import json, os, sys; sys.path.insert(0, os.path.dirname(sys.argv[1])); import verify\n\
                  for name in sys.stdin.read().splitlines(): print(json.dumps(verify.verdict(open(name, 'rb'))))";
    let mut python = Command::new(std::env::var_os("WEIR_PYTHON").unwrap_or_else(|| "python3".into()));
    let mut python = python
        .args(["-B", "-c", driver, SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3, which the published checker needs, cannot be run");
    let names: String = files.iter().map(|file| format!("{}\n", file.display())).collect();
    python.stdin.take().unwrap().write_all(names.as_bytes()).unwrap();
    let out = python.wait_with_output().unwrap();
    assert!(out.status.success());
    String::from_utf8(out.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What weir says: whether all is good, and the first bad entry; or of each account where it stands.
fn weir(file: &Path) -> (i32, Vec<Value>) {
    let out = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["--json", "ledger", "verify"])
        .arg(file)
        .env("WEIR_DATA", "/nowhere/at/all.db")
        .output()
        .unwrap();
    let said = String::from_utf8(out.stdout).unwrap();
    (out.status.code().unwrap(), said.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn two_checkers_say_the_same() {
    let mut cases = Cases::default();
    shapes(&mut cases);
    forgeries(&mut cases);
    flips(&mut cases);
    let folder = Folder::new("verify");
    let files: Vec<PathBuf> = (0..)
        .zip(&cases.0)
        .map(|(number, (_, file, _))| folder.write(&format!("{number}.jsonl"), file))
        .collect();
    let scripts = script(&files);
    assert_eq!(scripts.len(), files.len());
    let mut wrong = Vec::new();
    for ((file, (name, _, expected)), script) in files.iter().zip(&cases.0).zip(&scripts) {
        let (code, said) = weir(file);
        let good = code == 0;
        if expected.is_some_and(|expected| expected != good) || !(0..=1).contains(&code) {
            wrong.push(format!("{name}: weir ended with {code}: {said:?}"));
        }
        let same = match script["ok"].as_bool().unwrap() {
            true => {
                let accounts = script["accounts"].as_object().unwrap();
                good && accounts.len() == said.len()
                    && said.iter().all(|one| {
                        let other = &accounts[one["account"].as_str().unwrap()];
                        one["ok"] == true
                            && (&one["entries"], &one["head"]) == (&other["entries"], &other["head"])
                    })
            }
            false => {
                let first = |value: &Value| (value["account"].clone(), value["seq"].clone());
                // The line of what is no entry at all is each one's own to tell.
                let line = script["account"].is_null() || said[0]["line"] == script["line"];
                !good && said.len() == 1 && first(&said[0]) == first(script) && line
            }
        };
        if !same {
            wrong.push(format!("{name}: weir says {said:?}, the script {script}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), files.len(), wrong.join("\n"));
    let good = scripts.iter().filter(|script| script["ok"] == true).count();
    assert!(good > 20 && scripts.len() - good > 500, "{good} of {} were good", scripts.len());
}

#[test]
fn the_script_is_one_that_a_third_party_reads_at_a_sitting() {
    let text = std::fs::read_to_string(SCRIPT).unwrap();
    assert!(text.lines().count() <= 150);
    for line in text.lines().filter(|line| line.starts_with("import") || line.starts_with("from")) {
        assert_eq!(line, "import hashlib, json, re, sys");
    }
}

#[test]
fn both_read_standard_input_and_say_what_they_could_not_do() {
    let folder = Folder::new("stdin");
    let file = folder.write("good.jsonl", export(book("alice").entries()).as_bytes());
    let script = || {
        let mut python = Command::new("python3");
        python.args(["-B", SCRIPT]);
        python
    };
    let weir = |file: &str| {
        let mut weir = Command::new(env!("CARGO_BIN_EXE_weir"));
        weir.args(["ledger", "verify", file]);
        weir
    };
    let mut said = Vec::new();
    for mut command in [weir("-"), script()] {
        let out = command.stdin(std::fs::File::open(&file).unwrap()).output().unwrap();
        assert_eq!(out.status.code(), Some(0));
        said.push(String::from_utf8(out.stdout).unwrap());
    }
    assert_eq!(said[0], said[1]);
    assert!(said[0].starts_with("alice: 12 entries, the chain verifies up to "), "{}", said[0]);
    let nowhere = folder.0.join("nowhere");
    for command in [&mut weir(nowhere.to_str().unwrap()), script().arg(&nowhere)] {
        assert_eq!(command.output().unwrap().status.code(), Some(2));
    }
    let bad = folder.write("bad.jsonl", export(&book("alice").entries()[1..]).as_bytes());
    for command in [&mut weir(bad.to_str().unwrap()), script().arg(&bad)] {
        let out = command.output().unwrap();
        assert_eq!(out.status.code(), Some(1));
        let said = String::from_utf8(out.stdout).unwrap();
        assert!(said.contains("line 1: entry 2 of account alice: "), "{said}");
    }
}
