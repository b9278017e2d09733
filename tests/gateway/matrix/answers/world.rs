//! A weir before the lab, and between the two somebody who notes what the lab was asked and what it said.

use super::super::providers::{CAPS, DRAWS, OPEN, PROVIDERS, model_at, setup};
use super::super::words::{PROTOCOLS, merge};
use crate::net::{Reply, request};
use crate::process::{Lab, Weir};
use crate::upstream::{Call, Upstream};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What a provider was sent, and what it said.
#[derive(Debug)]
pub struct Exchange {
    pub sent: String,
    pub reply: Reply,
}

pub struct World {
    weir: Weir,
    said: Arc<Mutex<Option<Exchange>>>,
    /// Who went wrong rests, so each trouble is asked of providers of its own.
    fresh: [AtomicUsize; PROVIDERS.len()],
    _upstream: Upstream,
    _lab: Lab,
}

/// Who is asked in a provider's place for what that cannot say: a server of one's own, a model that draws.
const INSTEAD: [(&str, &str); 2] = [("chat", OPEN), ("gemini", DRAWS)];

/// As many troubles are asked for of one provider.
const TROUBLES: usize = 8;

/// The providers of the lab, by the names that weir knows them by.
fn scenario() -> String {
    let dialects = ["openai-chat", "openai-responses", "anthropic", "gemini", "workers-ai", "workers-ai"];
    let mut text = String::from("name = \"matrix\"\nseed = 3\n");
    let mut add = |name: &str, dialect: &str, flavour: &str, more: &str| {
        text.push_str(&format!(
            "[[provider]]\nname = \"{name}\"\ndialect = \"{dialect}\"\nflavour = \"{flavour}\"\nkeys = [\"sk-test\"]\n\
             [[provider.model]]\nname = \"{}\"\nttft_ms = {{ p50 = 1, p95 = 2 }}\ntokens_per_s = 50000\n{more}\n",
            model_at(name)
        ));
    };
    let able = format!("caps = {CAPS:?}\nefforts = [\"low\", \"medium\", \"high\"]\ncache_min_tokens = 0\n");
    for (provider, dialect) in PROVIDERS.iter().zip(dialects) {
        let family = if provider.name == "workers2" { 2 } else { 1 };
        add(provider.name, dialect, "openai", &format!("{able}family = {family}"));
    }
    for (provider, end) in INSTEAD {
        let at = PROVIDERS.iter().position(|p| p.name == provider).unwrap();
        let draws = "kind = \"image\"\ninput = \"1\"\noutput = \"2\"\noutput_image = \"3\"";
        let (flavour, more) = if end == DRAWS { ("openai", draws) } else { ("vllm", able.as_str()) };
        add(&format!("{provider}{end}"), dialects[at], flavour, more);
    }
    text
}

impl World {
    pub fn new() -> Self {
        let lab = Lab::start(&scenario());
        let said = Arc::new(Mutex::new(None));
        let (note, address) = (said.clone(), lab.address);
        let upstream = Upstream::start(move |call| pass(call, address, &note));
        let one = |name: &str| (0..TROUBLES).map(|n| format!("{name}-{n}")).collect::<Vec<_>>();
        let mut names: Vec<String> =
            PROVIDERS.iter().flat_map(|p| [vec![p.name.to_owned()], one(p.name)].concat()).collect();
        names.extend(INSTEAD.map(|(provider, end)| format!("{provider}{end}")));
        let weir = setup(upstream.address, &names).start();
        Self { weir, said, fresh: Default::default(), _upstream: upstream, _lab: lab }
    }

    /// The name of a model that nothing has gone wrong with yet.
    pub fn fresh(&self, provider: usize) -> String {
        let n = self.fresh[provider].fetch_add(1, Ordering::Relaxed);
        assert!(n < TROUBLES, "more troubles than providers to have them");
        format!("{}-{n}/{}", PROVIDERS[provider].name, PROVIDERS[provider].model)
    }

    /// Asks, and says what the provider said to it, if it was asked.
    pub fn ask(
        &self,
        protocol: usize,
        model: &str,
        body: &Value,
        streamed: bool,
    ) -> (Reply, Option<Exchange>) {
        let mut body = body.clone();
        let mut path = PROTOCOLS[protocol].1.replace("MODEL", &model.replace('/', "%2F"));
        match (streamed, protocol) {
            (false, _) => {}
            (true, 0) => {
                merge(&mut body, &json!({"stream": true, "stream_options": {"include_usage": true}}))
            }
            (true, 3) => path = path.replace(":generateContent", ":streamGenerateContent?alt=sse"),
            (true, _) => merge(&mut body, &json!({"stream": true})),
        }
        *self.said.lock().unwrap() = None;
        let reply = self.weir.open().ask(&request("POST", &path, &[], body.to_string().as_bytes()));
        (reply, self.said.lock().unwrap().take())
    }
}

/// Passes a call on to the lab, and what that says back, to the byte and to the same end.
fn pass(call: Call<'_>, lab: SocketAddr, note: &Mutex<Option<Exchange>>) -> bool {
    let mut lines: Vec<String> = call.head.lines().map(str::to_owned).collect();
    lines.retain(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    // `/chat-7/v1/…` is the lab's `/chat/v1/…`.
    let name = lines[0].split('/').nth(1).unwrap_or_default().to_owned();
    let own = if INSTEAD.iter().any(|(_, end)| name.ends_with(end)) {
        &name
    } else {
        name.split('-').next().unwrap_or_default()
    };
    lines[0] = lines[0].replacen(&name, own, 1);
    let head = format!("{}\r\nconnection: close\r\n\r\n", lines.join("\r\n"));
    let mut to = TcpStream::connect(lab).unwrap();
    to.write_all(head.as_bytes()).unwrap();
    to.write_all(call.body.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    // It may be reset: what came until then came.
    let _ = to.read_to_end(&mut bytes);
    *note.lock().unwrap() =
        Some(Exchange { sent: format!("{} {}", lines[0], call.body), reply: taken_apart(&bytes) });
    let _ = call.stream.write_all(&bytes);
    false
}

/// An answer as it came, even if it is not whole.
fn taken_apart(bytes: &[u8]) -> Reply {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let rest = bytes.get(end + 4..).unwrap_or_default();
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if chunked { joined(rest) } else { rest.to_vec() };
    Reply { status, headers, body }
}

/// The chunks of a body that may be cut.
fn joined(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
        let size =
            std::str::from_utf8(&rest[..end]).ok().and_then(|s| usize::from_str_radix(s.trim(), 16).ok());
        let Some(size) = size.filter(|size| *size > 0) else { break };
        let chunk = rest.get(end + 2..).unwrap_or_default();
        out.extend_from_slice(&chunk[..size.min(chunk.len())]);
        rest = chunk.get(size + 2..).unwrap_or_default();
    }
    out
}
