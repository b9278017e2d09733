//! The world that every case happens in, the same for both shells: providers in one lab, their catalogue, accounts and
//! keys, a seed, and a clock of the ledger that stands still.

use crate::case::Case;
use crate::process::{Dir, Lab};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::Arc;

pub const SEED: u64 = 20_261_121;
/// Far ahead, so that no hold's lease ends while the suite runs.
pub const CLOCK: &str = "2040-01-01T00:00:00Z";
pub const CLOCK_US: u64 = 2_208_988_800_000_000;
pub const SECRET_NAME: &str = "WEIR_CONTEXT_SECRET";
pub const SECRET: &str = "the secret of the conformance suite";
pub const PAGE: &str = "https://app.example.com";
/// Of the account in which fifty ask at once.
pub const CROWD: &str = "crowd";
/// Ten worst cases of its one provider.
const CROWD_CREDIT: &str = "0.001";

const KEY_NAME: &str = "CONFORMANCE_KEY";
const KEY: &str = "sk-conformance";
const QUALITIES: [&str; 4] = ["0.95", "0.75", "0.55", "0.35"];

pub struct World {
    pub dir: Arc<Dir>,
    /// Without a catalogue: where that comes from is the shell's affair.
    pub config: String,
    pub catalogue: String,
    /// What the gateway knows of its callers.
    pub callers: String,
    _lab: Lab,
}

impl World {
    pub fn new(cases: &[Case]) -> Self {
        let scenario = scenario(cases);
        let sheet = ::lab::Scenario::parse(&scenario).unwrap_or_else(|e| panic!("{e}\n{scenario}"));
        let lab = Lab::start(&scenario);
        Self {
            dir: Dir::new(),
            config: config(cases, &lab),
            catalogue: ::lab::catalogue_overlay(&sheet),
            callers: callers(cases),
            _lab: lab,
        }
    }

    /// Variables and secrets.
    pub fn variables() -> Vec<(&'static str, String)> {
        vec![
            (KEY_NAME, KEY.into()),
            (SECRET_NAME, SECRET.into()),
            ("WEIR_SEED", SEED.to_string()),
            ("WEIR_CLOCK", CLOCK.into()),
        ]
    }
}

/// A caller's key at the gateway.
pub fn key(account: &str) -> String {
    format!("gk_{account}")
}

/// What the lab needs of a dialect, what weir calls it, and where it is below the provider's own path.
fn spoken(dialect: &str) -> (&'static str, &'static str, &'static str) {
    match dialect {
        "openai" => ("openai-chat", "openai", "/v1"),
        "anthropic" => ("anthropic", "anthropic", "/v1"),
        "gemini" => ("gemini", "gemini", "/v1beta"),
        "workers-ai" => ("workers-ai", "workers-ai", "/client/v4/accounts/lab"),
        other => panic!("there is no dialect {other:?}"),
    }
}

/// Every provider: name, dialect, price, quality, and what its model is for.
fn providers(cases: &[Case]) -> impl Iterator<Item = (String, String, [String; 2], String, String)> {
    let of = |case: &Case| {
        let one = |(place, letter): (usize, &str)| {
            let price = case.prices.get(letter).cloned().unwrap_or_else(|| ["1".into(), "2".into()]);
            let quality = case.qualities.get(place).cloned().unwrap_or_else(|| QUALITIES[place].into());
            (case.provider(letter), case.dialect.clone(), price, quality, case.kind.clone())
        };
        case.letters().map(one).collect::<Vec<_>>()
    };
    let crowd = (
        format!("{CROWD}-a"),
        "openai".into(),
        ["1".to_owned(), "1".to_owned()],
        "0.9".into(),
        "chat".into(),
    );
    cases.iter().flat_map(of).chain([crowd]).collect::<Vec<_>>().into_iter()
}

fn scenario(cases: &[Case]) -> String {
    let mut text = format!("name = \"conformance\"\nseed = {SEED}\n");
    for (name, dialect, [input, output], quality, kind) in providers(cases) {
        let flavour = if dialect == "openai" { "flavour = \"openai\"\n" } else { "" };
        write!(
            text,
            "[[provider]]\nname = \"{name}\"\ndialect = \"{}\"\n{flavour}keys = [\"{KEY}\"]\n\
             [[provider.model]]\nname = \"chat\"\nkind = \"{kind}\"\ninput = \"{input}\"\noutput = \"{output}\"\nquality = {quality}\n\
             quality_confidence = 0.9\nmax_output = 4000\nttft_ms = {{ p50 = 5, p95 = 10 }}\ntokens_per_s = 2000\n",
            spoken(&dialect).0
        )
        .unwrap();
    }
    text
}

fn config(cases: &[Case], lab: &Lab) -> String {
    let mut text = format!(
        "[bounds]\nfirst_content_ms = 1500\nidle_ms = 1500\ndeadline_ms = 5000\nconnect_ms = 1500\n\
         hedge_permille = 1000\n[policies.hedged]\nhedge = true\n\
         [service.cors]\norigins = [\"{PAGE}\"]\ncredentials = true\n\
         [plans.test]\n[service.context]\nsecrets = [\"{SECRET_NAME}\"]\nissuer = \"gateway\"\n"
    );
    let accounts = cases.iter().map(|c| (c.name.as_str(), c.credit.as_str())).chain([(CROWD, CROWD_CREDIT)]);
    for (name, credit) in accounts.filter(|(_, credit)| !credit.is_empty()) {
        write!(text, "[accounts.{name}]\ncredit_usd = \"{credit}\"\noverdraft_usd = \"0\"\n").unwrap();
    }
    for (name, dialect, ..) in providers(cases) {
        let (_, kind, rest) = spoken(&dialect);
        write!(
            text,
            "[providers.{name}]\nkind = \"{kind}\"\nbase_url = \"http://{}/{name}{rest}\"\nkeys = [\"{KEY_NAME}\"]\n\
             models = [\"chat\"]\ncatalogue = \"{name}\"\n",
            lab.address
        )
        .unwrap();
    }
    text
}

fn callers(cases: &[Case]) -> String {
    let hash = |text: &str| {
        Sha256::digest(text.as_bytes()).iter().fold(String::new(), |out, byte| out + &format!("{byte:02x}"))
    };
    let names = cases.iter().map(|c| c.name.as_str()).chain([CROWD]);
    let all: serde_json::Map<String, serde_json::Value> = names
        .map(|name| (hash(&key(name)), serde_json::json!({"tenant": name, "user": "u1", "plan": "test"})))
        .collect();
    serde_json::Value::from(all).to_string()
}
