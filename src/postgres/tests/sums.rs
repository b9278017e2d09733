//! Usage by the hour is what the lines add up to.

use super::*;
use std::collections::BTreeMap;
use vocab::Cap;

/// A settlement of some calls, one of them failed.
fn many(id: &str, n: u64) -> Op {
    let mut lines = vec![line(0), line(1 << 70), line(i128::from(n))];
    lines[0].outcome = "busy".into();
    lines[1].usage = Usage::default().with(Bucket::Output, u64::MAX).with(Bucket::Searches, n);
    lines[2].model = format!("model-{}", n % 3).into();
    Op::Settle { id: id.into(), lines, estimated: false }
}

async fn requests(node: &Postgres, from: u64) {
    for n in from..from + 40 {
        let (id, account) = (format!("r{n}"), format!("account{}", n % 2));
        let now = Instant::from_secs(n * 600);
        let tags =
            if n % 4 == 0 { format!(r#"{{"team":"\u0000{}"}}"#, "x".repeat(9_000)) } else { String::new() };
        let cap =
            Cap { budget: "key:k-1/day".into(), from: Instant::ZERO, until: None, limit: Pico(1 << 100) };
        let caps = if n % 5 == 0 { vec![cap] } else { vec![] };
        let lease_until = now.after(Duration::from_secs(60));
        let hold = Op::Hold { id: id.clone(), amount: Pico(5), estimate: Pico(2), lease_until, tags, caps };
        node.post(&account, hold, now).await.unwrap();
        match n % 7 {
            0 => node.post(&account, Op::Release { id, lines: vec![line(0)], why: "busy".into() }, now).await,
            1 => node.post(&account, Op::Release { id, lines: vec![], why: "gone".into() }, now).await,
            _ => node.post(&account, many(&id, n), now).await,
        }
        .unwrap();
    }
}

#[tokio::test]
async fn the_sums_are_those_of_the_lines_whoever_adds_them_up_and_however_often() {
    let Some(base) = Base::new() else { return };
    let nodes = [base.node("a", None, 0), base.node("b", None, 0)];
    for from in [0, 40, 80] {
        requests(&nodes[0], from).await;
        nodes[0].balance("account0").await.unwrap();
        nodes[0].balance("account1").await.unwrap();
        let (one, other) = tokio::join!(nodes[0].tend(NOW), nodes[1].tend(NOW));
        one.unwrap();
        other.unwrap();
    }
    nodes[0].tend(NOW).await.unwrap();
    let mut expected: BTreeMap<String, (i128, i128, i128, i128)> = BTreeMap::new();
    for account in ["account0", "account1"] {
        for entry in nodes[1].entries(account, 0, 1_000).await.unwrap() {
            let detail: serde_json::Value = serde_json::from_str(&entry.detail).unwrap();
            let lines: Vec<Line> =
                detail.get("lines").map_or(vec![], |l| serde_json::from_value(l.clone()).unwrap());
            let last = lines.len();
            for (n, line) in lines.into_iter().enumerate() {
                let key = format!("{}|{account}|{}", entry.time.as_secs() / 3_600 * 3_600, line.model);
                let sum = expected.entry(key).or_default();
                sum.0 += i128::from(n + 1 == last);
                sum.1 += 1;
                sum.2 +=
                    i128::from(line.usage.get(Bucket::Output)) + i128::from(line.usage.get(Bucket::Input));
                sum.3 += line.amount.0;
            }
        }
    }
    let expected: Vec<String> =
        expected.iter().map(|(key, (r, c, o, a))| format!("{key}|{r}|{c}|{o}|{a}")).collect();
    let sums = "SELECT extract(epoch FROM hour)::int8, a.name, model, sum(requests), sum(calls), \
                sum(coalesce((usage ->> 'output')::numeric, 0) + coalesce((usage ->> 'input')::numeric, 0)), sum(amount) \
                FROM weir.usage_hour AS u JOIN weir.account AS a ON a.id = u.account GROUP BY 1, 2, 3";
    let mut found: Vec<String> = base.sql(sums).lines().map(str::to_owned).collect();
    let mut expected = expected;
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(
        base.sql("SELECT sum(amount) FROM weir.usage_hour"),
        base.sql("SELECT sum(amount) FROM weir.entry WHERE kind = 'settle'")
    );
    assert_eq!(base.sql("SELECT DISTINCT key FROM weir.usage_hour ORDER BY 1"), "\nk-1".trim_start());
    // From the beginning, it comes to the same.
    let all = "SELECT md5(string_agg(u::text, ';' ORDER BY hour, account, model, provider, key, tags_hash)) FROM weir.usage_hour AS u";
    let before = base.sql(all);
    base.sql("TRUNCATE weir.usage_hour, weir.rolled");
    nodes[1].tend(NOW).await.unwrap();
    assert_eq!(base.sql(all), before);
}
