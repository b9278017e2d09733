use super::*;
use billing::Line;
use billing::reconcile::{Column, Day, Row};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fmt::Write as _;
use vocab::{Bucket, Instant, Modifiers, Usage};

/// 2026-11-21.
const TODAY: Day = Day(20_778);

macro_rules! export {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/data/exports/", $name))
    };
}

fn read(vendor: Vendor, texts: &[&str]) -> Result<(Statement, bool), String> {
    let mut read = Bucketed { statement: vendor.statement(), ..Bucketed::default() };
    for text in texts {
        vendor.read(text, &mut read)?;
    }
    let more = read.more;
    Ok((read.done(), more))
}

fn row(day: Day, model: &str, requests: Option<u64>, counts: &[u64]) -> Row {
    let model = Some(model.to_owned()).filter(|model| !model.is_empty());
    Row { day, model, requests, counts: counts.iter().map(|count| Some(*count)).collect(), ..Row::default() }
}

fn money(row: Row, usd: &str) -> Row {
    Row { cost: Some(usd.parse().unwrap()), ..row }
}

fn about(row: Row, about: &str) -> Row {
    Row { about: Some(about.into()), ..row }
}

#[test]
fn openai_pages() {
    let (usage, more) = read(Vendor::Openai, &[export!("openai-usage.json")]).unwrap();
    let mini = "gpt-4o-mini-2024-07-18";
    assert_eq!(
        usage.rows,
        [
            row(TODAY, mini, Some(5), &[3_000, 1_800, 200, 1_000]),
            about(row(TODAY, mini, Some(1), &[6, 4, 0, 2]), "batch"),
            row(Day(TODAY.0 + 1), "text-embedding-3-small", Some(2), &[20, 0, 0, 0]),
        ]
    );
    assert_eq!(usage.days(), Some(Day(TODAY.0 - 1)..=Day(TODAY.0 + 1)), "a day without anything is a day");
    assert_eq!(usage.notes, ["1 results of organization.usage.vector_stores.result were passed over"]);
    assert!(!more, "the second page is the last");
    let (costs, more) = read(Vendor::Openai, &[export!("openai-costs.json")]).unwrap();
    assert_eq!(
        costs.rows,
        [
            money(row(TODAY, mini, None, &[]), "0.06"),
            money(row(TODAY, mini, None, &[]), "0.0000825"),
            about(money(row(TODAY, "", None, &[]), "0"), "web search tool calls"),
        ]
    );
    assert!(more);
}

#[test]
fn openai_tables() {
    let (usage, _) = read(Vendor::Openai, &[export!("openai-usage.csv")]).unwrap();
    let expected = about(row(TODAY, "gpt-4o-2024-08-06", Some(10), &[53_440, 5_760, 0, 10_646]), "flex");
    assert_eq!(usage.rows, [expected]);
    assert_eq!(usage.days(), Some(Day(TODAY.0 - 1)..=TODAY));
    let tabs = export!("openai-usage.csv").replace(',', "\t");
    assert_eq!(read(Vendor::Openai, &[&tabs]).unwrap().0, usage);
    let (costs, _) = read(Vendor::Openai, &[export!("openai-costs.csv")]).unwrap();
    let expected = [("", "0.00383598"), ("gpt-5-nano", "0.5")];
    assert_eq!(costs.rows, expected.map(|(model, usd)| money(row(TODAY, model, None, &[]), usd)));
}

#[test]
fn anthropic_pages() {
    let (usage, _) = read(Vendor::Anthropic, &[export!("anthropic-usage.json")]).unwrap();
    let haiku = "claude-haiku-4-5-20251001";
    assert_eq!(usage.rows, [about(row(TODAY, haiku, None, &[1_500, 200, 500, 1_000, 500, 10]), "batch")]);
    assert_eq!(usage.days(), Some(TODAY..=Day(TODAY.0 + 1)));
    let (costs, _) = read(Vendor::Anthropic, &[export!("anthropic-costs.json")]).unwrap();
    assert_eq!(
        costs.rows,
        [
            money(row(TODAY, haiku, None, &[]), "1.2378912"),
            about(money(row(TODAY, "", None, &[]), "0.1"), "Web Search Usage"),
        ]
    );
}

#[test]
fn anthropic_tables() {
    let (usage, _) = read(Vendor::Anthropic, &[export!("anthropic-usage.csv")]).unwrap();
    assert_eq!(
        usage.rows,
        [row(TODAY, "claude-haiku-4-5-20251001", None, &[46_981, 7, 15_969, 3, 16_932, 2])]
    );
    let (costs, _) = read(Vendor::Anthropic, &[export!("anthropic-costs.csv")]).unwrap();
    let half_a_cent = |row: Row| Row { rounding: "0.005".parse().unwrap(), ..row };
    assert_eq!(
        costs.rows,
        [
            half_a_cent(money(row(TODAY, "Claude Haiku 4.5", None, &[]), "0.05")),
            half_a_cent(money(row(TODAY, "Claude Haiku 4.5", None, &[]), "0.02")),
            half_a_cent(about(money(row(TODAY, "", None, &[]), "0.1"), "web_search")),
        ]
    );
}

#[test]
fn tables_of_anybody() {
    let (found, _) = read(Vendor::Generic, &[export!("generic.csv")]).unwrap();
    let names: Vec<&str> = found.columns.iter().map(|column| column.name).collect();
    assert_eq!(names, ["input", "cache_read", "cache_write", "output"]);
    assert_eq!(
        found.rows[0],
        money(row(TODAY, "gpt-4o-mini", Some(5), &[3_000, 1_800, 200, 1_000]), "0.0123")
    );
    assert_eq!((found.rows[1].model.clone(), found.rows[1].counts.clone()), (None, vec![None; 4]));
    // What is not told apart is one figure.
    let (found, _) = read(Vendor::Generic, &["date,model,input_tokens\n2026-11-21,m,7\n"]).unwrap();
    let all =
        Usage::default().with(Bucket::Input, 1).with(Bucket::CacheRead, 2).with(Bucket::CacheWriteLong, 3);
    assert_eq!(found.columns[0].count(&all), 6);
}

#[test]
fn what_cannot_be_read_says_what_was_expected() {
    for (vendor, text, why) in [
        (Vendor::Openai, "", "it has no column model, num_model_requests"),
        (Vendor::Openai, "{\"data\":", "EOF while parsing"),
        (Vendor::Openai, "{}", "missing field `data`"),
        (
            Vendor::Openai,
            r#"{"data":[{"start_time":1795219200,"results":[{"object":"organization.usage.completions.result","model":null}]}]}"#,
            "2026-11-21: usage without a model: ask for it with group_by=model",
        ),
        (
            Vendor::Openai,
            r#"{"data":[{"start_time":1795219200,"results":[{"object":"organization.usage.completions.result","model":"m","input_tokens":1,"input_cached_tokens":2}]}]}"#,
            "2026-11-21: m: more cached tokens than input tokens",
        ),
        (
            Vendor::Openai,
            r#"{"data":[{"start_time":1,"results":[{"object":"organization.costs.result","amount":{"value":1,"currency":"eur"}}]}]}"#,
            "it is in eur, the ledger in USD",
        ),
        (
            Vendor::Openai,
            "start_time,amount_value\n1795219200,1\nx,2\n",
            "line 3: start_time is \"x\", expected a whole number",
        ),
        (Vendor::Openai, "start_time,amount_value\n1795219200,$1\n", "\"$1\" is no amount"),
        (Vendor::Anthropic, "date,model\n", "it has no column usage_date_utc; it has date, model"),
        (
            Vendor::Anthropic,
            "usage_date_utc,model,cost_usd\nAugust,x,1\n",
            "line 2: usage_date_utc is \"August\"",
        ),
        (
            Vendor::Anthropic,
            r#"{"data":[{"starting_at":"2026-11-21T00:00:00+02:00","results":[]}]}"#,
            "a moment in UTC",
        ),
        (
            Vendor::Anthropic,
            r#"{"data":[{"starting_at":"2026-11-21T00:00:00Z","results":[{}]}]}"#,
            "neither tokens nor an amount",
        ),
        (Vendor::Generic, "[]", "expected CSV"),
        (Vendor::Generic, "date,model\n2026-11-21,m\n", "it has no column to compare"),
        (Vendor::Generic, "date,model,requests\n2026-11-21,m,-1\n", "line 2: requests is \"-1\""),
        (Vendor::Generic, "date,model,requests\n,m,1\n", "line 2: it says no date"),
    ] {
        let found = read(vendor, &[text]).unwrap_err();
        assert!(found.contains(why), "{found:?} instead of {why:?}");
    }
    let files = ["date,model,requests\n2026-11-21,m,1\n", "date,model,input_tokens\n2026-11-21,m,1\n"];
    assert!(read(Vendor::Generic, &files).unwrap_err().contains("other columns"));
}

#[test]
fn options_are_read_exactly() {
    assert_eq!(per_million("0.25"), Ok(2_500));
    assert_eq!(per_million("100"), Ok(1_000_000));
    for bad in ["0.00001", "101", "-1", "x", ""] {
        assert!(per_million(bad).is_err(), "{bad}");
    }
    assert_eq!(same("a=b"), Ok(("a".into(), "b".into())));
    assert!(same("a").is_err() && same("=b").is_err() && same("a=").is_err());
}

// --- an export made of the ledger itself, in every format -----------------------------------------------------------

type Booked = Vec<(Day, Line)>;

fn any_booked() -> impl Strategy<Value = Booked> {
    let counts = prop::collection::vec((0..Bucket::COUNT, 1..9_000_000u64), 0..6);
    let line = (0..3u64, 0..3usize, counts, 0..9_000_000_000u64, any::<bool>());
    let line = line.prop_map(|(day, model, counts, pico, batch)| {
        let modifiers = if batch { Modifiers::BATCH } else { Modifiers::empty() };
        let mut usage = Usage { modifiers, ..Usage::default() };
        counts.into_iter().for_each(|(bucket, count)| usage.counts[bucket] = count);
        let used = usage.counted().next().is_some();
        let line = Line {
            provider: "here".into(),
            model: ["gpt-4o", "gpt-4o-2024-05-13", "a \"model\", with all"][model].into(),
            usage,
            price: None,
            amount: Pico(if used { pico.into() } else { 0 }),
            outcome: "ok".into(),
        };
        (Day(TODAY.0 + day), line)
    });
    prop::collection::vec(line, 0..25)
}

fn count(columns: &[Column], name: &str, line: &Line) -> u64 {
    columns.iter().find(|column| column.name == name).unwrap().count(&line.usage)
}

fn openai_json(booked: &Booked) -> Vec<String> {
    let page = |result: &dyn Fn(&Line) -> String| {
        let spans = booked.iter().map(|(day, line)| {
            format!(
                r#"{{"object":"bucket","start_time":{},"end_time":0,"results":[{}]}}"#,
                day.start().as_secs(),
                result(line)
            )
        });
        let spans: Vec<String> = spans.collect();
        format!(r#"{{"object":"page","data":[{}],"has_more":false,"next_page":null}}"#, spans.join(","))
    };
    let usage = page(&|line| {
        let [input, cached, write, output] =
            ["input", "cache_read", "cache_write", "output"].map(|name| count(&openai::COLUMNS, name, line));
        json!({
            "object": "organization.usage.completions.result", "input_tokens": input + cached + write,
            "input_cached_tokens": cached, "input_cache_write_tokens": write, "output_tokens": output,
            "num_model_requests": 1, "model": &*line.model, "batch": line.usage.modifiers.contains(Modifiers::BATCH),
        })
        .to_string()
    });
    // Numbers, as they are sent: no float may come of them.
    let costs = page(&|line| {
        let item = Value::from(format!("{}, input", line.model.replace(", ", "\u{1}")));
        let item = item.to_string().replace("\\u0001", ", ");
        format!(
            r#"{{"object":"organization.costs.result","amount":{{"value":{},"currency":"usd"}},"line_item":{item}}}"#,
            line.amount
        )
    });
    vec![usage, costs]
}

fn anthropic_json(booked: &Booked) -> Vec<String> {
    let page = |result: &dyn Fn(&Line) -> Value| {
        let spans = booked
            .iter()
            .map(|(day, line)| json!({"starting_at": day.start().rfc3339(), "results": [result(line)]}));
        json!({"data": spans.collect::<Vec<_>>(), "has_more": false, "next_page": null}).to_string()
    };
    let usage = page(&|line| {
        let [input, read, write, long, output, searches] =
            anthropic::COLUMNS.map(|column| column.count(&line.usage));
        json!({
            "uncached_input_tokens": input, "cache_read_input_tokens": read, "output_tokens": output, "model": &*line.model,
            "cache_creation": {"ephemeral_5m_input_tokens": write, "ephemeral_1h_input_tokens": long},
            "server_tool_use": {"web_search_requests": searches},
        })
    });
    let costs = page(&|line| {
        let cents = format!("{}.{:010}", line.amount.0 / 10_000_000_000, line.amount.0 % 10_000_000_000);
        json!({"amount": cents, "currency": "USD", "cost_type": "tokens", "model": &*line.model})
    });
    vec![usage, costs]
}

fn table(booked: &Booked, head: &str, row: impl Fn(&Line) -> Vec<String>) -> String {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(head.split(',')).unwrap();
    for (day, line) in booked {
        out.write_record([day.to_string(), line.model.to_string()].into_iter().chain(row(line))).unwrap();
    }
    String::from_utf8(out.into_inner().unwrap()).unwrap()
}

fn tables(booked: &Booked) -> Vec<(Vendor, Vec<String>)> {
    let texts = |columns: &[Column], line: &Line| {
        columns.iter().map(|c| c.count(&line.usage).to_string()).collect::<Vec<_>>()
    };
    let openai = "start_time_iso,model,num_model_requests,input_uncached_tokens,input_cached_tokens,input_cache_write_tokens,\
                  output_tokens,input_tokens";
    let openai = table(booked, openai, |line| {
        let counts = texts(&openai::COLUMNS, line);
        ["1.0".into()]
            .into_iter()
            .chain(counts.iter().map(|count| format!("{count}.0")))
            .chain(["0".into()])
            .collect()
    });
    let anthropic = "usage_date_utc,model_version,usage_input_tokens_no_cache,usage_input_tokens_cache_read,\
                     usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_output_tokens,web_search_count";
    let usage = table(booked, anthropic, |line| texts(&anthropic::COLUMNS, line));
    let costs = table(booked, "usage_date_utc,model,cost_usd", |line| vec![line.amount.to_string()]);
    let generic = "date,model,requests,input_tokens,cached_input_tokens,cache_write_tokens,cache_write_long_tokens,output_tokens,cost_usd";
    let generic = table(booked, generic, |line| {
        let counts = texts(&anthropic::COLUMNS[..5], line);
        ["1".into()].into_iter().chain(counts).chain([line.amount.to_string()]).collect()
    });
    vec![
        (Vendor::Openai, vec![openai]),
        (Vendor::Anthropic, vec![usage, costs]),
        (Vendor::Generic, vec![generic]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_export_made_of_the_ledger_agrees_with_it(booked in any_booked()) {
        // Lines that used nothing are told to nobody.
        let told: Booked = booked.iter().filter(|(_, line)| line.usage.counted().next().is_some()).cloned().collect();
        let mut exports = tables(&told);
        let plain: Booked = told.iter().filter(|(_, line)| !line.model.contains(", ")).cloned().collect();
        exports.push((Vendor::Anthropic, anthropic_json(&told)));
        let strict = Limits { count: 0, money: Pico::ZERO, per_million: 0 };
        let agrees = |booked: &Booked, vendor: Vendor, texts: &[String]| {
            let prices = |_: &str, _: &str| None;
            let mut books = reconcile::Books::of([], &prices);
            booked.iter().for_each(|(day, line)| books.add(day.start().after(vocab::Duration::from_secs(80_000)), line, false));
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let statement = read(vendor, &texts).unwrap().0;
            let found = reconcile::reconcile(&books, &statement, &strict);
            let mut why = String::new();
            let _ = write!(why, "{found:#?}\n{texts:?}");
            (!found.over && found.cells.iter().all(|cell| cell.causes.is_empty()), why)
        };
        for (vendor, texts) in &exports {
            let (good, why) = agrees(&booked, *vendor, texts);
            prop_assert!(good, "{}", why);
        }
        // A comma in a line item ends the model's name.
        let (good, why) = agrees(&plain, Vendor::Openai, &openai_json(&plain));
        prop_assert!(good, "{}", why);
    }
}

#[test]
fn what_a_vendor_is_called_in_the_ledger_says_the_configuration() {
    let command = |arguments: &[&str]| {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            what: Reconcile,
        }
        let all = ["x", "FILE"].iter().chain(arguments);
        <Line as clap::Parser>::try_parse_from(all).unwrap().what
    };
    let config: Config = toml::from_str(
        "[providers.east]\nkind = \"openai\"\nbase_url = \"http://e\"\n\
         [providers.west]\nkind = \"anthropic\"\nbase_url = \"http://w\"\n",
    )
    .unwrap();
    assert_eq!(command(&["--provider", "openai"]).providers(Some(&config)), ["east"]);
    assert_eq!(command(&["--provider", "openai"]).providers(None), ["openai"]);
    assert_eq!(command(&["--provider", "openai", "--name", "x"]).providers(Some(&config)), ["x"]);
    assert!(command(&["--provider", "generic"]).providers(Some(&config)).is_empty());
    let catalogue = Catalogue::embedded().unwrap();
    let price = |vendor: &str, provider: &str, model: &str| {
        command(&["--provider", vendor])
            .price(Some(&config), &catalogue, provider, model)
            .map(|price| price.id.clone())
    };
    assert_eq!(price("openai", "east", "gpt-4o-mini-2024-07-18").as_deref(), Some("openai/gpt-4o-mini"));
    assert_eq!(price("generic", "west", "claude-haiku-4-5").as_deref(), Some("anthropic/claude-haiku-4-5"));
    assert_eq!(price("generic", "nobody", "gpt-4o-mini"), None);
    assert_eq!(Instant::ZERO, Day(0).start());
}
