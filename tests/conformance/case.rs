//! The cases: what is asked, in what words, and the little that has to be so on every shell. Everything else about an
//! answer has to be the same on both.

use crate::shell::Kind;
use serde::Deserialize;
use std::collections::BTreeMap;

const FILES: [(&str, &str); 9] = [
    ("openai", include_str!("cases/openai.toml")),
    ("anthropic", include_str!("cases/anthropic.toml")),
    ("gemini", include_str!("cases/gemini.toml")),
    ("responses", include_str!("cases/responses.toml")),
    ("si", include_str!("cases/si.toml")),
    ("tasks", include_str!("cases/tasks.toml")),
    ("faults", include_str!("cases/faults.toml")),
    ("money", include_str!("cases/money.toml")),
    ("surface", include_str!("cases/surface.toml")),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

const LONG: &str = "Rivers run, ";
const LONG_TIMES: usize = 16_667;

/// A short story with an account and providers of its own: whatever happens in it, no other case notices.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Also the account's name, and what its providers' names begin with.
    pub name: String,
    #[allow(dead_code, reason = "for whoever reads the file")]
    pub about: String,
    /// `NAME-a`, `NAME-b` …, the best first.
    #[serde(default = "two")]
    pub providers: usize,
    #[serde(default = "openai")]
    pub dialect: String,
    /// What its providers' one model is for: `chat`, `embedding` or `image`. Whatever it is for, its name is `chat`.
    #[serde(default = "chat")]
    pub kind: String,
    /// USD; empty: the account is configured nowhere.
    #[serde(default = "ten")]
    pub credit: String,
    #[serde(default)]
    pub qualities: Vec<String>,
    /// USD for a million tokens in and out, by the provider's letter.
    #[serde(default)]
    pub prices: BTreeMap<String, [String; 2]>,
    /// So many requests before, which the best provider serves and nobody looks at: what is measured of it bears on those
    /// that follow.
    #[serde(default)]
    pub warm: usize,
    pub ask: Vec<Ask>,
}

/// One request. `$a` in path and body is the name of the case's first provider, `$b` of its second; `$long` is 200 KB of
/// text.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// A prompt, instead of path and body.
    pub say: Option<String>,
    /// With `say`: `openai` or `si`.
    #[serde(default = "openai")]
    pub surface: String,
    #[serde(default)]
    pub model: Option<String>,
    /// With `say`: streamed, with weir's last event.
    #[serde(default)]
    pub stream: bool,
    #[serde(default = "post")]
    pub method: String,
    #[serde(default)]
    pub path: String,
    #[serde(default)]
    pub body: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// `nobody`: without a credential; `mallory`: with one that nobody knows.
    #[serde(default, rename = "as")]
    pub caller: Option<String>,
    /// The request's id; else it is made of the case's name and the place of the request.
    pub id: Option<String>,
    /// The client leaves when the first content has come.
    #[serde(default)]
    pub leaves: bool,
    /// It is asked so long after the one before, in milliseconds.
    #[serde(default)]
    pub after_ms: u64,
    pub expect: Expect,
    /// What the Worker does instead, where that is a deliberate difference: then this request and the case's chain are
    /// not compared, only held against this.
    pub expect_worker: Option<Expect>,
}

/// What has to be so. What is not written is only compared between the shells.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    pub status: u16,
    /// The letter of the provider that served.
    pub by: Option<String>,
    /// `error.code`.
    pub code: Option<String>,
    /// How `X-Route-Reason` begins.
    pub reason: Option<String>,
    pub decision: Option<String>,
    /// The outcomes of the lines in the ledger.
    pub outcomes: Option<Vec<String>>,
    /// `settle`, `release`, or `nothing`: the request is not in the ledger.
    pub ends: Option<String>,
    pub estimated: Option<bool>,
    /// How a stream ends: `weir`, `[DONE]`, `message_stop`, `error`.
    pub last: Option<String>,
    /// The whole text of the answer.
    pub says: Option<String>,
    pub finish: Option<String>,
    /// Empty: the header is not there.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

fn two() -> usize {
    2
}

fn ten() -> String {
    "10".into()
}

fn openai() -> String {
    "openai".into()
}

fn chat() -> String {
    "chat".into()
}

fn post() -> String {
    "POST".into()
}

pub fn all() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (name, text) in FILES {
        let file: File = toml::from_str(text).unwrap_or_else(|e| panic!("cases/{name}.toml: {e}"));
        cases.extend(file.case);
    }
    for (at, case) in cases.iter().enumerate() {
        assert!(cases[..at].iter().all(|other| other.name != case.name), "{} stands twice", case.name);
        let otherwise = case.ask.iter().any(|ask| ask.expect_worker.is_some());
        assert_eq!(otherwise, crate::differences::of_cases().any(|name| name == case.name), "{}", case.name);
        assert!((1..=4).contains(&case.providers) && !case.ask.is_empty(), "{}", case.name);
    }
    cases
}

impl Ask {
    /// What has to be so on this shell.
    pub fn expected(&self, kind: Kind) -> &Expect {
        match (kind, &self.expect_worker) {
            (Kind::Worker, Some(otherwise)) => otherwise,
            _ => &self.expect,
        }
    }
}

impl Case {
    pub fn provider(&self, letter: &str) -> String {
        format!("{}-{letter}", self.name)
    }

    /// Whether it is one of its providers.
    pub fn owns(&self, provider: &str) -> bool {
        self.letters().any(|(_, letter)| self.provider(letter) == provider)
    }

    /// The letters of its providers.
    pub fn letters(&self) -> impl Iterator<Item = (usize, &'static str)> {
        ["a", "b", "c", "d"].into_iter().enumerate().take(self.providers)
    }

    fn named(&self, text: &str) -> String {
        let name = |text: String, (_, letter): (usize, &str)| {
            text.replace(&format!("${letter}"), &self.provider(letter))
        };
        self.letters().fold(text.replace("$long", &LONG.repeat(LONG_TIMES)), name)
    }

    pub fn id(&self, place: usize) -> String {
        self.ask[place].id.clone().unwrap_or_else(|| format!("{}-{}", self.name, place + 1))
    }

    /// Method, path, headers and body, without the credential.
    pub fn request(&self, place: usize) -> (String, String, Vec<(String, String)>, String) {
        let ask = &self.ask[place];
        let mut headers: Vec<(String, String)> =
            ask.headers.iter().map(|(n, v)| (n.clone(), self.named(v))).collect();
        headers.push(("x-request-id".into(), self.id(place)));
        let among: Vec<String> = self.letters().map(|(_, letter)| self.provider(letter)).collect();
        headers.push(("x-weir-providers".into(), among.join(",")));
        let Some(say) = &ask.say else {
            return (ask.method.clone(), self.named(&ask.path), headers, self.named(&ask.body));
        };
        let (prompt, model) = (self.named(say), self.named(ask.model.as_deref().unwrap_or("auto")));
        let (path, body) = if ask.surface == "si" {
            let body =
                serde_json::json!({"prompt": prompt, "model": model, "max_tokens": 40, "stream": ask.stream});
            ("/api/si/ask", body)
        } else {
            let messages = serde_json::json!([{"role": "user", "content": prompt}]);
            let mut body = serde_json::json!({"model": model, "messages": messages, "max_tokens": 40});
            if ask.stream {
                body["stream"] = true.into();
                headers.push(("x-weir-trailer".into(), "1".into()));
            }
            ("/v1/chat/completions", body)
        };
        ("POST".into(), path.into(), headers, body.to_string())
    }
}
