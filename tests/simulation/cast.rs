//! What a seed picks: the fleet and its faults, what each model costs, the errands of the clients, the luck of the books.

use crate::luck::Luck;
use crate::stage::{Books, Pieces, Tariff};
use lab::{Flavour, Kind, Latency, Model, Provider, Rule, Scenario};
use relay::config::{Bounds, Config, PolicyConfig};
use vocab::{Dialect, Duration, Effort, Pico};

/// When a client has had enough.
#[derive(Clone, Copy, Debug)]
pub enum Patience {
    Endless,
    /// Leaves so long after it asked.
    Until(Duration),
    /// Leaves at this await of the relay.
    Polls(u32),
}

/// One request of one client.
#[derive(Clone, Debug)]
pub struct Errand {
    pub id: String,
    pub account: &'static str,
    /// Since the story began.
    pub at: Duration,
    pub model: String,
    pub stream: bool,
    pub include_usage: bool,
    /// Passed in as it came rather than taken apart before.
    pub raw: bool,
    pub max_tokens: Option<u32>,
    pub tool: bool,
    pub session: Option<String>,
    /// For the lab, in the prompt.
    pub marker: String,
    /// A pause after every piece.
    pub pause: Duration,
    pub patience: Patience,
}

impl Errand {
    pub fn plain(id: impl Into<String>, model: &str) -> Self {
        Self {
            id: id.into(),
            account: "rich",
            at: Duration::ZERO,
            model: model.into(),
            stream: true,
            include_usage: true,
            raw: true,
            max_tokens: None,
            tool: false,
            session: None,
            marker: String::new(),
            pause: Duration::ZERO,
            patience: Patience::Endless,
        }
    }
}

/// Everything that a seed decides before the story begins.
pub struct Cast {
    pub pieces: Pieces,
    pub errands: Vec<Errand>,
    pub storm: Duration,
    /// The store is out of order from … to ….
    pub outage: Option<(Duration, Duration)>,
    pub crash: Option<Duration>,
    pub grants: Vec<(&'static str, Pico)>,
}

/// Provider names, and so the words that each says.
const NAMES: [&str; 5] = ["brook", "creek", "delta", "eddy", "firth"];

impl Cast {
    pub fn of(seed: u64) -> Self {
        let mut luck = Luck::seeded(seed ^ 0x5157_0000);
        let hedging = luck.chance(0.35);
        let storm = Duration::from_secs(luck.between(60, 400));
        let providers: Vec<Provider> = NAMES[..luck.between(2, 5) as usize]
            .iter()
            .map(|name| provider(name, storm, &mut luck))
            .collect();
        let scenario = Scenario { name: format!("seed {seed}"), seed, providers };
        let mut pieces = Pieces::of(scenario);
        tune(&mut pieces.config, hedging, &mut luck);
        if luck.chance(0.3) {
            let unknown = luck.pick(&pieces.scenario.providers).name.clone();
            pieces.without_output_limit.push(unknown);
        }
        if luck.chance(0.25) {
            for provider in pieces.config.providers.values_mut().take(2) {
                provider.domain = Some("shared".into());
            }
        }
        pieces.books = Books {
            slow: if luck.chance(0.6) { luck.chance(0.5).into() } else { None },
            sync: luck.millis(1, 20),
        };
        let errands = errands(&pieces, storm, hedging, &mut luck);
        let mut moment = |share| luck.chance(share).then(|| luck.millis(1_000, storm.as_millis() as u64));
        let outage = moment(0.12);
        let crash = moment(0.15);
        let outage = outage.map(|from| (from, from + luck.millis(200, 20_000)));
        let grants = vec![
            ("rich", Pico::from_usd(1_000_000)),
            ("poor", tariff_share(&pieces.tariff, luck.between(1, 4_000))),
        ];
        Self { pieces, errands, storm, outage, crash, grants }
    }
}

/// So many tokens at the dearest output price: enough for some requests and not for others.
fn tariff_share(tariff: &Tariff, tokens: u64) -> Pico {
    let dearest = tariff.values().map(|r| r.output).max().unwrap_or(0);
    Pico(i128::from(dearest) * i128::from(tokens))
}

fn tune(config: &mut Config, hedging: bool, luck: &mut Luck) {
    config.bounds = Bounds {
        attempts: luck.small(1, 4),
        deadline_ms: luck.between(20_000, 60_000),
        first_content_ms: luck.between(12_000, 20_000),
        idle_ms: luck.between(6_000, 15_000),
        drain_ms: luck.between(200, 4_000),
        assumed_output: luck.small(20, 4_000),
        hedge_permille: if hedging { 1_000 } else { 20 },
        ..Bounds::default()
    };
    let sim = PolicyConfig {
        preset: Some((*luck.pick(&["cheap", "balanced", "fast", "best"])).into()),
        hedge: hedging,
        ..PolicyConfig::default()
    };
    config.policies.insert("sim".into(), sim);
}

fn provider(name: &str, storm: Duration, luck: &mut Luck) -> Provider {
    let (dialect, flavour) = *luck.pick(&[
        (Dialect::OpenaiChat, Flavour::Openai),
        (Dialect::OpenaiChat, Flavour::Openai),
        (Dialect::OpenaiChat, Flavour::Groq),
        (Dialect::OpenaiChat, Flavour::Llamacpp),
        (Dialect::OpenaiChat, Flavour::Ollama),
        (Dialect::OpenaiChat, Flavour::Vllm),
        (Dialect::Gemini, Flavour::Openai),
        (Dialect::Anthropic, Flavour::Openai),
        (Dialect::WorkersAi, Flavour::Openai),
    ]);
    let models = (0..luck.between(1, 2)).map(|i| model(name, i, dialect, luck)).collect();
    let mut made = Provider { name: name.into(), dialect, flavour, keys: vec![], models, faults: vec![] };
    if made.wants_key() {
        made.keys = (1..=luck.between(1, 2)).map(|n| format!("{name}-{n}")).collect();
    }
    let end = storm.as_secs();
    // Some providers are well, some are unlucky all the time, some have their hours.
    for _ in 0..luck.between(0, 4) {
        made.faults.push(rule(&made, end, luck));
    }
    made
}

pub fn model(provider: &str, number: u64, dialect: Dialect, luck: &mut Luck) -> Model {
    let p50 = luck.small(50, 700);
    let reasons = dialect != Dialect::WorkersAi && luck.chance(0.15);
    let usd = |micros: u64| format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    let input = luck.between(10_000, 4_000_000);
    let caches = luck.chance(0.5);
    Model {
        name: format!("{provider}-{}", if number == 0 { "a" } else { "b" }),
        kind: vocab::Kind::Chat,
        dimensions: 8,
        output_image: None,
        per_tile: None,
        per_step: None,
        per_minute: None,
        input_audio: None,
        audio_seconds_min: None,
        input: Some(usd(input)),
        output: Some(usd(input * luck.between(1, 20))),
        cache_read: caches.then(|| usd(input / luck.between(2, 10))),
        cache_write: (caches && dialect == Dialect::Anthropic).then(|| usd(input + input / 4)),
        price_changes: vec![],
        quality: luck.chance(0.8).then(|| luck.between(30, 95) as f64 / 100.0),
        quality_confidence: 0.5,
        context: *luck.pick(&[16_000, 32_000, 128_000]),
        max_output: *luck.pick(&[4_096, 8_192]),
        caps: None,
        efforts: if reasons { vec![Effort::Low, Effort::Medium, Effort::High] } else { vec![] },
        reasons_always: reasons && luck.chance(0.5),
        reasoning_tokens: luck.small(5, 60),
        ttft_ms: Latency { p50, p95: p50 * luck.small(1, 4) },
        tokens_per_s: luck.small(20, 400),
        answer_tokens: [20, 60],
        frame_tokens: luck.small(1, 6),
        per_1m_characters: None,
        output_audio: None,
        max_characters: None,
        voices: vec![],
        ms_per_character: 20,
        realtime: 20,
        family: u8::try_from(luck.between(1, 2)).unwrap(),
        cache_min_tokens: caches.then_some(16),
    }
}

fn rule(provider: &Provider, end: u64, luck: &mut Luck) -> Rule {
    let kind = *luck.pick(Kind::ALL);
    let mut rule = Rule {
        kind,
        after: luck.chance(0.7).then(|| luck.small(0, 40)),
        ms: None,
        status: None,
        retry_after: None,
        size: None,
        chance: None,
        every: None,
        from_request: None,
        to_request: None,
        from_s: None,
        to_s: Some(end),
        period_s: None,
        for_s: None,
        models: vec![],
        key: None,
        stream: None,
    };
    match kind {
        Kind::SlowHead => rule.ms = Some(luck.between(500, 40_000)),
        Kind::Stall => rule.ms = luck.chance(0.5).then(|| luck.between(1_000, 40_000)),
        Kind::SlowTokens => rule.ms = Some(luck.between(20, 1_500)),
        Kind::RateLimit => rule.retry_after = luck.chance(0.7).then(|| luck.small(1, 90)),
        Kind::ServerError => rule.status = luck.chance(0.7).then(|| *luck.pick(&[500, 502, 503, 504, 529])),
        Kind::OddSplits | Kind::Merged => rule.size = Some(luck.small(1, 12)),
        Kind::HugeFrame => rule.size = Some(luck.small(1_000, 150_000)),
        Kind::ContentFilter => rule.after = luck.chance(0.6).then(|| luck.small(0, 20)),
        _ => {}
    }
    match luck.between(0, 3) {
        0 => rule.chance = Some(luck.between(5, 60) as f64 / 100.0),
        1 => (rule.period_s, rule.for_s) = (Some(60), Some(luck.between(5, 50))),
        2 => rule.every = Some(luck.between(1, 6)),
        _ => {}
    }
    if luck.chance(0.3) {
        rule.from_s = Some(luck.between(0, end / 2));
    }
    if provider.keys.len() > 1 && luck.chance(0.4) {
        rule.key = Some(provider.keys[0].clone());
    }
    if luck.chance(0.15) {
        rule.stream = Some(luck.chance(0.5));
    }
    rule
}

fn errands(pieces: &Pieces, storm: Duration, hedging: bool, luck: &mut Luck) -> Vec<Errand> {
    let models: Vec<String> = pieces
        .scenario
        .providers
        .iter()
        .flat_map(|p| p.models.iter().map(|m| format!("{}/{}", p.name, m.name)))
        .collect();
    // Hedging needs evidence of a tail first.
    let count = if hedging { luck.between(40, 90) } else { luck.between(10, 40) };
    let mut out: Vec<Errand> = (0..count)
        .map(|n| {
            let model = match luck.between(0, 9) {
                0 | 1 => luck.pick(&models).clone(),
                2..=6 => "auto:sim".into(),
                7 => "auto".into(),
                _ => format!("auto:{}", luck.pick(&["cheap", "fast", "best"])),
            };
            let patience = match luck.between(0, 9) {
                0 | 1 => Patience::Until(luck.millis(0, 3_000)),
                2 => Patience::Polls(luck.small(1, 30)),
                _ => Patience::Endless,
            };
            Errand {
                account: if luck.chance(0.3) { "poor" } else { "rich" },
                at: luck.millis(0, storm.as_millis() as u64),
                stream: luck.chance(0.65),
                include_usage: luck.chance(0.5),
                raw: luck.chance(0.7),
                max_tokens: luck.chance(0.4).then(|| luck.small(1, 60)),
                tool: luck.chance(0.15),
                session: luck.chance(0.3).then(|| format!("talk-{}", luck.between(0, 3))),
                marker: marker(luck),
                pause: if luck.chance(0.15) { luck.millis(1, 2_000) } else { Duration::ZERO },
                patience,
                ..Errand::plain(format!("q{n}"), &model)
            }
        })
        .collect();
    if luck.chance(0.3) {
        // Somebody sends a request twice.
        let mut again = luck.pick(&out).clone();
        again.at += luck.millis(0, 2_000);
        out.push(again);
    }
    out
}

/// Now and then a prompt brings its own trouble.
fn marker(luck: &mut Luck) -> String {
    if !luck.chance(0.15) {
        return String::new();
    }
    let kind = luck.pick(Kind::ALL);
    match luck.between(0, 2) {
        0 => format!("[[lab: fault={kind}]]"),
        1 => format!("[[lab: first=1 fault={kind} after={}]]", luck.between(0, 30)),
        _ => format!("[[lab: first=2 fault={kind}]]"),
    }
}
