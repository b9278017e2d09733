//! `weir demo`: fake providers, one of them failing, weir in front, and some traffic; live, what was routed where, what
//! it cost, and what one fixed model would have cost.

use super::client::Server;
use super::{Common, Done, Failure, lab, say};
use crate::fake;
use crate::net::{Listen, NativeClock, serve};
use crate::node::{Node, Setup, block_on};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use tokio::sync::watch;
use vocab::{Bucket, Dice, Duration, Pico, Usage};

/// What people ask, from short to long.
const PROMPTS: [&str; 8] = [
    "Say hello in three languages.",
    "Summarise the plot of Hamlet in two sentences.",
    "Write a haiku about a river that decides which way to flow.",
    "Explain to a ten-year-old why the sky is blue.",
    "List five things to check before a production deploy.",
    "Translate into French: the water passes, the weir remains.",
    "Give me a regular expression for ISO dates, and say where it fails.",
    "Compare optimistic and pessimistic locking, with one example of each.",
];
const POLICIES: [&str; 4] = ["auto:cheap", "auto", "auto:fast", "auto:best"];
/// Requests under way at once.
const SIDE_BY_SIDE: usize = 4;

#[derive(Args)]
pub struct Demo {
    /// How many requests
    #[arg(long, short = 'n', default_value_t = 120)]
    requests: u64,
    /// A scenario's file, or the name of one that is built in
    #[arg(long, default_value = "demo")]
    scenario: String,
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// One answered request.
struct Row {
    policy: &'static str,
    model: String,
    attempts: u64,
    usage: Usage,
    cost: Pico,
    millis: u128,
}

impl Demo {
    pub fn run(self, common: &Common) -> Done {
        let clock = NativeClock::start();
        let setup = Setup::lab(&fake::start(lab::read(&self.scenario)?)?)?;
        let folder = std::env::temp_dir().join(format!("weir-demo-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let node = Node::start(setup, &folder.join("demo.db"), clock)?;
        let listen = Listen::bind(([127, 0, 0, 1], 0).into(), 1)?;
        let server = Server::at(format!("http://{}", listen.address));
        let (stop, stopped) = watch::channel(false);
        let (front, seed) = (node.front.clone(), self.seed);
        let serving = std::thread::Builder::new().name("weir".into()).spawn(move || {
            serve(listen, front, seed, stopped, Duration::from_secs(2), std::future::ready(()))
        })?;
        let traffic = block_on(self.traffic(&server, common.json));
        // The receiver is gone only where serving has ended by itself.
        let _ = stop.send(true);
        serving.join().map_err(|_| Failure::Cannot("the server panicked".into()))??;
        let (rows, failed) = traffic??;
        self.summary(&node, &rows, &failed, common.json);
        node.store.close();
        std::fs::remove_dir_all(&folder)?;
        Ok(())
    }

    async fn traffic(&self, server: &Server, json: bool) -> Result<(Vec<Row>, Vec<String>), Failure> {
        let bar = ProgressBar::new(self.requests);
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {elapsed} {msg}")?;
        bar.set_style(style);
        if json || !std::io::stderr().is_terminal() {
            bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        if !json {
            say("policy      served by                     calls     in    out        USD      ms");
        }
        let mut rows = Vec::new();
        let mut failed = Vec::new();
        let mut dice = Dice::seeded(self.seed);
        let asks = (0..self.requests).map(|_| {
            let policy = POLICIES[at(&mut dice, POLICIES.len())];
            let prompt = PROMPTS[at(&mut dice, PROMPTS.len())];
            one(server, policy, prompt)
        });
        let asks: Vec<_> = asks.collect();
        let mut answers = futures::StreamExt::buffer_unordered(futures::stream::iter(asks), SIDE_BY_SIDE);
        while let Some(answer) = futures::StreamExt::next(&mut answers).await {
            bar.inc(1);
            match answer {
                Ok(row) => {
                    if !json {
                        bar.suspend(|| say(row.line()));
                    }
                    rows.push(row);
                }
                Err(Failure::Cannot(why)) => {
                    if !json {
                        bar.suspend(|| say(format_args!("failed: {why}")));
                    }
                    failed.push(why);
                }
                Err(other) => return Err(other),
            }
        }
        bar.finish_and_clear();
        Ok((rows, failed))
    }

    fn summary(&self, node: &Node, rows: &[Row], failed: &[String], json: bool) {
        let cost: Pico = rows.iter().map(|r| r.cost).sum();
        let usage = rows.iter().fold(Usage::default(), |sum, r| sum.plus(&r.usage));
        let rescued = rows.iter().filter(|r| r.attempts > 1).count();
        let mut served: BTreeMap<&str, (u64, Pico)> = BTreeMap::new();
        for row in rows {
            let entry = served.entry(&row.model).or_default();
            *entry = (entry.0 + 1, entry.1.plus(row.cost));
        }
        let fixed = fixed(node, &usage);
        if json {
            let served: Value = served
                .iter()
                .map(|(model, (n, cost))| (model.to_string(), json!({"requests": n, "usd": cost})))
                .collect::<serde_json::Map<_, _>>()
                .into();
            say(json!({
                "answered": rows.len(), "failed": failed, "rescued_by_fallback": rescued, "usd": cost, "served": served,
                "fixed": fixed.iter().map(|(m, c)| json!({"model": m, "usd": c})).collect::<Vec<_>>(),
            }));
            return;
        }
        say(format_args!(
            "\n{} answered, {} failed; {rescued} of them after at least one provider had failed",
            rows.len(),
            failed.len()
        ));
        for (model, (n, cost)) in &served {
            say(format_args!("  {model:<28} {n:>5} requests {cost:>16} USD"));
        }
        say(format_args!("  {:<28} {:>5} requests {cost:>16} USD", "routed by weir", rows.len()));
        say("\nthe same tokens with one fixed model:");
        for (model, fixed) in fixed {
            let times = if cost > Pico::ZERO { fixed.as_usd_f64() / cost.as_usd_f64() } else { 0.0 };
            say(format_args!("  {model:<28} {fixed:>31} USD  {times:>5.2} ×"));
        }
        say("\nAll providers and answers were fake; routing, failover and books were real.");
    }
}

fn at(dice: &mut Dice, len: usize) -> usize {
    usize::try_from(dice.below(len as u64)).unwrap_or_default()
}

/// What each model alone would have cost for all of it, cheapest first. Reasoning and cached tokens as they were.
fn fixed(node: &Node, usage: &Usage) -> Vec<(String, Pico)> {
    let now = relay::ports::Clock::now(&NativeClock::start());
    let mut fixed: Vec<(String, Pico)> = node
        .relay
        .fleet()
        .models()
        .filter_map(|c| {
            let price = c.card.price.as_deref()?;
            Some((c.id(), billing::charge(price, usage, now).ok()?.total))
        })
        .collect();
    fixed.sort_by_key(|(_, cost)| *cost);
    fixed
}

async fn one(server: &Server, policy: &'static str, prompt: &str) -> Result<Row, Failure> {
    let body = json!({"prompt": prompt, "model": policy});
    let clock = NativeClock::start();
    let begun = relay::ports::Clock::now(&clock);
    let answer = server.post("/api/si/ask", &body, &[]).await?.json().await?;
    let tokens = |key: &str| answer["usage"][key].as_u64().unwrap_or_default();
    let text = |at: &str| answer.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(Row {
        policy,
        model: format!("{}/{}", text("/route/provider"), text("/route/model")),
        attempts: answer.pointer("/route/attempts").and_then(Value::as_array).map_or(1, |a| a.len() as u64),
        usage: Usage::default()
            .with(Bucket::Input, tokens("tokens_in"))
            .with(Bucket::Output, tokens("tokens_out")),
        cost: text("/cost/usd").parse()?,
        millis: relay::ports::Clock::now(&clock).since(begun).as_millis(),
    })
}

impl Row {
    fn line(&self) -> String {
        let usd = self.cost.to_string();
        format!(
            "{:<11} {:<28} {:>6} {:>6} {:>6} {usd:>10} {:>7}{}",
            self.policy,
            self.model,
            self.attempts,
            self.usage.tokens_in(),
            self.usage.tokens_out(),
            self.millis,
            if self.attempts > 1 { "  ← after a failure" } else { "" }
        )
    }
}
