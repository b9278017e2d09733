//! A story from its seed to its end: a storm, then calm.

use crate::cast::{Cast, Errand};
use crate::client::{self, Diary, Heard};
use crate::stage::{Stage, Tariff};
use crate::wire::Flown;
use billing::Entry;
use lab::{Scenario, Seen};
use relay::ProviderInfo;
use relay::config::Bounds;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use vocab::{Duration, Instant};

/// Everything that an auditor may look at.
pub struct Record {
    pub seed: u64,
    pub scenario: Scenario,
    pub bounds: Bounds,
    pub tariff: Tariff,
    pub without_output_limit: Vec<String>,
    pub heard: Vec<Heard>,
    /// Requests of the calm at the end, one for each model.
    pub last: Vec<Heard>,
    pub flown: Vec<Flown>,
    pub seen: Vec<Seen>,
    pub books: Vec<(String, Vec<Entry>)>,
    /// Requests that met a store out of order.
    pub unlucky: BTreeSet<String>,
    pub crashed: Option<Instant>,
    pub open_holds: usize,
    pub tasks_left: usize,
    pub health: Vec<ProviderInfo>,
}

/// After every rest that a fault can cause: a daily quota rests until the next day.
const LATER: Duration = Duration::from_secs(25 * 3_600);

pub fn story(seed: u64) -> Record {
    let Cast { pieces, errands, storm, outage, crash, grants } = Cast::of(seed);
    let mut stage = Stage::raise(seed, pieces);
    for (account, amount) in grants {
        stage.grant(account, amount);
    }
    let begun = stage.world.now();
    let mut diaries: Vec<Diary> = Vec::new();
    let (before, after): (Vec<Errand>, Vec<Errand>) =
        errands.into_iter().partition(|e| crash.is_none_or(|crash| e.at < crash));
    diaries.extend(before.into_iter().map(|e| client::send(&stage, e)));
    if let Some((from, to)) = outage {
        let (world, books) = (stage.world.clone(), stage.books.clone());
        stage.world.spawn(async move {
            world.sleep(from).await;
            books.set_down(true);
            world.sleep(to - from).await;
            books.set_down(false);
        });
    }
    // As the shell does it now and then.
    let (world, books) = (stage.world.clone(), stage.books.clone());
    let sweeper = stage.world.spawn(async move {
        loop {
            world.sleep(Duration::from_secs(120)).await;
            books.sweep();
        }
    });
    let mut crashed = None;
    if let Some(crash) = crash {
        stage.world.run_for(crash).unwrap();
        stage.crash();
        crashed = Some(stage.world.now());
        for errand in after {
            let at = errand.at.saturating_sub(crash);
            diaries.push(client::send(&stage, Errand { at, ..errand }));
        }
    }
    let left = begun.after(storm).since(stage.world.now());
    stage.world.run_for(left + Duration::from_secs(1)).unwrap();

    // The faults have stopped. Whoever came before them is answered first, then somebody asks each model again.
    stage.world.run_for(Duration::from_secs(400)).unwrap();
    stage.books.set_down(false);
    ask_everyone(&stage, "calm", 1, &mut diaries);
    stage.world.run_for(LATER).unwrap();
    ask_everyone(&stage, "later", 3, &mut diaries);
    let mut last = Vec::new();
    ask_everyone(&stage, "last", 1, &mut last);
    stage.world.cancel(sweeper);
    let tasks_left = stage.world.settle();

    let read = |diaries: Vec<Diary>| diaries.into_iter().map(|d| d.lock().unwrap().clone()).collect();
    let mishaps = Mishaps { crashed, tasks_left };
    record(seed, &stage, read(diaries), read(last), mishaps)
}

/// What only whoever ran the story can know.
#[derive(Default)]
pub struct Mishaps {
    pub crashed: Option<Instant>,
    pub tasks_left: usize,
}

pub fn record(seed: u64, stage: &Stage, heard: Vec<Heard>, last: Vec<Heard>, mishaps: Mishaps) -> Record {
    let Mishaps { crashed, tasks_left } = mishaps;
    Record {
        seed,
        bounds: stage.pieces.config.bounds.clone(),
        tariff: stage.pieces.tariff.clone(),
        without_output_limit: stage.pieces.without_output_limit.clone(),
        scenario: stage.pieces.scenario.clone(),
        heard,
        last,
        flown: stage.wire.flown(),
        seen: stage.lab.seen(),
        books: stage.books.accounts().into_iter().map(|a| (a.clone(), stage.books.record(&a))).collect(),
        unlucky: stage.vault.unlucky(),
        crashed,
        open_holds: stage.books.open_holds(),
        tasks_left,
        health: stage.relay.providers(),
    }
}

fn ask_everyone(stage: &Stage, when: &str, times: u32, diaries: &mut Vec<Diary>) {
    for round in 0..times {
        for provider in &stage.pieces.scenario.providers {
            for model in &provider.models {
                let id = format!("{when}-{round}-{}", model.name);
                let errand = Errand {
                    stream: round % 2 == 0,
                    ..Errand::plain(id, &format!("{}/{}", provider.name, model.name))
                };
                diaries.push(client::send(stage, errand));
            }
        }
        stage.world.run_for(Duration::from_secs(60)).unwrap();
    }
}

impl Record {
    /// The whole story as text: two of one seed are equal to the last byte.
    pub fn text(&self) -> String {
        let mut out = format!("seed {} {:?}\n{:?}\n", self.seed, self.scenario, self.bounds);
        for heard in self.heard.iter().chain(&self.last) {
            let _ = writeln!(out, "{heard:?}");
        }
        for flown in &self.flown {
            let _ = writeln!(out, "{flown:?}");
        }
        for seen in &self.seen {
            let _ = writeln!(out, "{seen:?}");
        }
        for (account, entries) in &self.books {
            for entry in entries {
                let _ = writeln!(
                    out,
                    "{account} {} {:?} {} {} {}",
                    entry.seq, entry.kind, entry.op_id, entry.amount, entry.detail
                );
            }
        }
        out
    }
}
