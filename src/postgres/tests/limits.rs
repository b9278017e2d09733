//! Limits that several nodes count together.

use super::*;
use crate::limits::SharedLimits;
use policy::limit::{Estimate, Over, Quotas, Rule, Scope, Taken, Use};
use relay::ports::Limits;

/// A node that counts. Dropped, it is gone without a word.
struct Node {
    limits: SharedLimits,
    _postgres: Postgres,
}

fn node(base: &Base, name: &str) -> Node {
    let postgres = base.node(name, None, 0);
    Node { limits: SharedLimits::new(postgres.meter_table()), _postgres: postgres }
}

fn three(base: &Base) -> [Node; 3] {
    ["a", "b", "c"].map(|name| node(base, name))
}

fn rule(counter: &str, quotas: Quotas) -> Rule {
    Rule { scope: Scope::Account, home: None, counter: counter.into(), quotas: Arc::new(quotas) }
}

fn minute(requests: u32) -> Quotas {
    Quotas { requests_per_minute: Some(requests), ..Quotas::default() }
}

fn at_once(requests: u32) -> Quotas {
    Quotas { concurrent: Some(requests), ..Quotas::default() }
}

const NONE: Estimate = Estimate { input: 0, output: 0 };

impl Node {
    /// As the relay asks: with whether it was let in without asking anybody.
    async fn ask(&self, rules: &[Rule], estimate: Estimate) -> Result<(Box<Taken>, bool), Box<Over>> {
        match self.limits.take_at_once(rules.to_vec(), estimate, NOW) {
            Ok(taken) => taken.map(|taken| (taken, true)),
            Err(rules) => self.limits.take(rules, estimate, NOW).await.map(|taken| (taken, false)),
        }
    }

    async fn take(&self, rule: &Rule) -> Result<Box<Taken>, Box<Over>> {
        self.ask(std::slice::from_ref(rule), NONE).await.map(|(taken, _)| taken)
    }

    fn end(&self, taken: Box<Taken>, used: Use) {
        self.limits.end_at_once(taken, used, NOW).unwrap();
    }
}

/// So many at the same moment, spread over the nodes.
async fn crowd(nodes: &[Node], rule: &Rule, count: usize) -> Vec<Result<Box<Taken>, Box<Over>>> {
    futures::future::join_all((0..count).map(|n| nodes[n % nodes.len()].take(rule))).await
}

fn admitted<T, E>(told: &[Result<T, E>]) -> usize {
    told.iter().filter(|told| told.is_ok()).count()
}

#[tokio::test]
async fn of_fifty_requests_against_a_limit_of_ten_on_three_nodes_ten_are_let_in() {
    let Some(base) = Base::new() else { return };
    let nodes = three(&base);
    // A name that no text of PostgreSQL's could be.
    let rule = rule("account\nred\0\u{1f511}", minute(10));
    let begun = Moment::now();
    let told = crowd(&nodes, &rule, 50).await;
    assert_eq!(admitted(&told), 10);
    for over in told.iter().filter_map(|told| told.as_ref().err()) {
        let wait = over.wait.unwrap();
        assert!(
            wait <= Duration::from_secs(6) && wait + begun.elapsed() >= Duration::from_secs(6),
            "{over:?}"
        );
        assert_eq!(over.readings.requests.as_ref().unwrap().left, 0);
    }
    let wait = told.into_iter().find_map(Result::err).unwrap().wait.unwrap();
    tokio::time::sleep(wait).await;
    let again = crowd(&nodes, &rule, 6).await;
    assert_eq!(admitted(&again), 1, "whoever waits that long is let in, and nobody else");
}

#[tokio::test]
async fn places_are_everybodys_and_free_again_wherever_a_request_ends() {
    let Some(base) = Base::new() else { return };
    let nodes = three(&base);
    let rule = rule("account\nred", at_once(10));
    let told = crowd(&nodes, &rule, 50).await;
    assert_eq!(admitted(&told), 10);
    let (place, first) =
        told.into_iter().enumerate().find_map(|(n, told)| Some((n % 3, told.ok()?))).unwrap();
    nodes[place].end(first, Use::Tokens(0));
    let other = &nodes[(place + 1) % 3];
    let _second = until("another node has the place", async || other.take(&rule).await.ok()).await;
    assert!(other.take(&rule).await.is_err());
}

#[tokio::test]
async fn a_request_is_let_in_by_all_of_its_limits_or_takes_from_none() {
    let Some(base) = Base::new() else { return };
    let nodes = three(&base);
    let (narrow, wide) = (rule("key", minute(2)), rule("account", minute(10)));
    let both = [narrow.clone(), wide.clone()];
    for n in 0..9 {
        let told = nodes[n % 3].ask(&both, NONE).await;
        assert_eq!(told.is_ok(), n < 2, "{n}");
    }
    assert_eq!(admitted(&crowd(&nodes, &wide, 20).await), 8);
}

#[tokio::test]
async fn where_a_lot_is_left_a_busy_node_asks_for_few() {
    let Some(base) = Base::new() else { return };
    let nodes = three(&base);
    let quotas = Quotas { tokens_per_minute: Some(60_000_000), concurrent: Some(10_000), ..minute(60_000) };
    let rules = [rule("key", quotas), rule("account", minute(100_000))];
    let estimate = Estimate { input: 100, output: 900 };
    let mut asked = 0;
    for n in 0..3_000 {
        let here = &nodes[n % 3];
        let (taken, at_once) = here.ask(&rules, estimate).await.unwrap();
        asked += usize::from(!at_once);
        assert!(taken.readings.requests.is_some() && taken.readings.concurrent.is_some());
        here.end(taken, Use::Tokens(150));
        tokio::task::yield_now().await;
    }
    assert!(asked < 300, "{asked} of 3000 were asked for");
    // Nothing of it is forgotten, and what was not used came back.
    let told = until("all is told", async || {
        let taken = nodes[0].limits.take(rules.to_vec(), NONE, NOW).await.unwrap();
        let (requests, tokens) = (taken.readings.requests.clone()?, taken.readings.tokens.clone()?);
        let under_way = taken.readings.concurrent.as_ref()?.limit - taken.readings.concurrent.as_ref()?.left;
        nodes[0].end(taken, Use::Nothing);
        (under_way == 1).then_some((requests.left, tokens.left))
    })
    .await;
    // A thousand requests drain in a second.
    assert!(told.0 < 60_000 && told.1 > 60_000_000 - 3_000 * 150 - 1, "{told:?}");
}

#[tokio::test]
async fn however_hard_they_press_no_more_come_in_than_the_limit_says() {
    let Some(base) = Base::new() else { return };
    let nodes = three(&base);
    let rule = rule("account\nred", Quotas { burst: Some(200), ..minute(6_000) });
    let begun = Moment::now();
    let span = Duration::from_secs(3);
    let client = async |n: usize| {
        let (mut let_in, here) = (0u32, &nodes[n % 3]);
        while begun.elapsed() < span {
            match here.take(&rule).await {
                Ok(taken) => {
                    let_in += 1;
                    here.end(taken, Use::Tokens(0));
                    tokio::task::yield_now().await;
                }
                Err(over) => tokio::time::sleep(over.wait.unwrap()).await,
            }
        }
        let_in
    };
    let let_in: u32 = futures::future::join_all((0..12).map(client)).await.into_iter().sum();
    let most = 200.0 + 100.0 * begun.elapsed().as_secs_f64();
    assert!(f64::from(let_in) <= most + 1.0, "{let_in} of {most}");
    assert!(f64::from(let_in) >= most * 0.8, "{let_in} of {most}: nor many less");
}

#[tokio::test]
async fn a_node_that_is_killed_has_its_places_until_its_lease_ends() {
    let Some(base) = Base::new() else { return };
    let [dead, living, other] = three(&base);
    let rule = rule("account\nred", at_once(5));
    for _ in 0..4 {
        dead.take(&rule).await.unwrap();
    }
    let kept = living.take(&rule).await.unwrap();
    let begun = Moment::now();
    drop(dead);
    assert!(other.take(&rule).await.is_err());
    let _back = until("its places are free", async || other.take(&rule).await.ok()).await;
    let waited = begun.elapsed();
    assert!(waited > Duration::from_secs(5) && waited < Duration::from_secs(15), "{waited:?}");
    // Who is heard of keeps what he has.
    assert_eq!(admitted(&crowd(&[other], &rule, 10).await), 3);
    living.end(kept, Use::Tokens(0));
}

#[tokio::test]
async fn a_node_that_is_closed_gives_back_what_it_has() {
    let Some(base) = Base::new() else { return };
    let [leaving, staying, _] = three(&base);
    let rule = rule("account\nred", Quotas { concurrent: Some(1_000), ..minute(1_000) });
    let begun = Moment::now();
    for _ in 0..200 {
        let taken = leaving.take(&rule).await.unwrap();
        leaving.end(taken, Use::Tokens(0));
    }
    leaving.limits.close();
    let told = crowd(std::slice::from_ref(&staying), &rule, 900).await;
    let drained = usize::try_from(begun.elapsed().as_millis() * 1_000 / 60_000).unwrap();
    let let_in = admitted(&told);
    assert!((800..=801 + drained).contains(&let_in), "{let_in}, {drained} drained");
    let state = base.sql("SELECT string_agg(state, ' ') FROM weir.meter");
    assert!(state.contains(r#""b":"#) && !state.contains(r#""a":"#), "{state}");
}

#[tokio::test]
async fn tokens_that_were_not_used_come_back_to_all() {
    let Some(base) = Base::new() else { return };
    let nodes = three(&base);
    let rule = rule("account\nred", Quotas { tokens_per_minute: Some(1_000), ..Quotas::default() });
    let estimate = Estimate { input: 100, output: 900 };
    let (taken, _) = nodes[0].ask(std::slice::from_ref(&rule), estimate).await.unwrap();
    assert!(nodes[1].ask(std::slice::from_ref(&rule), estimate).await.is_err());
    nodes[0].end(taken, Use::Tokens(100));
    let small = Estimate { input: 100, output: 700 };
    let _second =
        until("the rest is back", async || nodes[1].ask(std::slice::from_ref(&rule), small).await.ok()).await;
    assert!(nodes[2].ask(std::slice::from_ref(&rule), small).await.is_err());
}

#[tokio::test]
async fn who_leaves_while_he_is_asked_for_takes_nothing() {
    let Some(base) = Base::new() else { return };
    let nodes = three(&base);
    let rule = rule("account\nred", Quotas { concurrent: Some(10), ..minute(10) });
    for n in 0..30 {
        let mut leaving = Box::pin(nodes[n % 3].take(&rule));
        let _ = futures::poll!(leaving.as_mut());
        if n % 2 == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(leaving);
    }
    let all = until("all ten are there", async || {
        let told = crowd(&nodes, &rule, 10).await;
        let whole = admitted(&told) == 10;
        for (n, taken) in told.into_iter().enumerate().filter_map(|(n, told)| Some((n, told.ok()?))) {
            nodes[n % 3].end(taken, Use::Nothing);
        }
        whole.then_some(())
    });
    all.await;
}

#[tokio::test]
async fn while_the_database_is_away_each_node_counts_for_itself() {
    let Some(cluster) = Cluster::make(&[]) else { return };
    let cluster = Arc::new(cluster);
    let base = Base { name: cluster.database(), cluster: cluster.clone() };
    let open = |name: &str| {
        let patience = Duration::from_millis(300);
        let address = Address::parse(&base.url()).unwrap();
        let postgres = Postgres::open(address, Options { patience, ..options(name, None, 0) }).unwrap();
        Node { limits: SharedLimits::new(postgres.meter_table()), _postgres: postgres }
    };
    let nodes = [open("a"), open("b")];
    let rule = rule("account\nred", Quotas { concurrent: Some(8), ..minute(10) });
    let under_way = nodes[0].take(&rule).await.unwrap();
    cluster.stop("QUIT");
    let begun = Moment::now();
    for here in &nodes {
        let told = crowd(std::slice::from_ref(here), &rule, 30).await;
        assert_eq!(admitted(&told), 8);
        for taken in told.into_iter().flatten() {
            here.end(taken, Use::Tokens(0));
        }
        assert_eq!(admitted(&crowd(std::slice::from_ref(here), &rule, 5).await), 2);
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    nodes[0].end(under_way, Use::Tokens(0));
    cluster.start();
    until("they count together again", async || {
        let told = crowd(&nodes, &rule, 1).await.remove(0).ok()?;
        // Of what is counted together a ticket is told.
        let together = told.ticket.is_some();
        nodes[0].end(told, Use::Nothing);
        together.then_some(())
    })
    .await;
    until("nothing of before is under way", async || {
        let told = crowd(&nodes, &rule, 8).await;
        let whole = admitted(&told) == 8;
        for (n, taken) in told.into_iter().enumerate().filter_map(|(n, told)| Some((n, told.ok()?))) {
            nodes[n % 2].end(taken, Use::Nothing);
        }
        whole.then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_meter_that_somebody_has_locked_keeps_nobody_else_waiting() {
    let Some(base) = Base::new() else { return };
    let nodes = three(&base);
    let (locked, other) = (rule("locked", minute(10)), rule("other", minute(10)));
    nodes[0].take(&locked).await.unwrap();
    let sessions = Sessions::new(Address::parse(&base.url()).unwrap(), Handle::current());
    let stranger = sessions.open().await.unwrap();
    stranger.client.batch_execute("BEGIN; SELECT FROM weir.meter FOR UPDATE").await.unwrap();
    let mut waiting = Box::pin(nodes[0].take(&locked));
    let _ = futures::poll!(waiting.as_mut());
    let begun = Moment::now();
    for n in 0..6 {
        // On its own node too.
        let taken = nodes[n % 3].take(&other).await.unwrap();
        assert!(taken.ticket.is_some(), "it was counted with the others");
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    stranger.client.batch_execute("COMMIT").await.unwrap();
    assert!(waiting.await.is_ok());
}
