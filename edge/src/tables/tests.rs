use super::read;
use relay::config::Config;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// As `toml` reads it itself, word for word where something is wrong.
fn same<T: DeserializeOwned + Debug>(text: &str) -> Result<T, String> {
    let theirs = toml::from_str::<T>(text).map_err(|wrong| wrong.to_string());
    let ours = read::<T>(text);
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{text}");
    ours
}

#[test]
fn a_configuration_is_read_as_everywhere() {
    let example = include_str!("../../../weir.example.toml");
    let ours = serde_json::to_value(read::<Config>(example).unwrap()).unwrap();
    assert_eq!(ours, serde_json::to_value(toml::from_str::<Config>(example).unwrap()).unwrap());
    // What is only shown, too.
    let all: String = example
        .lines()
        .map(|line| {
            line.strip_prefix("# ")
                .filter(|rest| rest.starts_with('[') || rest.contains(" = "))
                .unwrap_or(line)
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let ours = read::<Config>(&all).map(|config| serde_json::to_value(config).unwrap());
    let theirs = toml::from_str::<Config>(&all).map(|config| serde_json::to_value(config).unwrap());
    assert_eq!(ours, theirs.map_err(|wrong| wrong.to_string()));
}

#[test]
fn fault_is_found_in_the_same_words() {
    for text in [
        "[servic]",
        "[service]\nbody_max = -1",
        "[service]\nbody_max = \"much\"",
        "[service]\n  body_max = 99999999999999999999999",
        "[service]\nbody_max = 1e3",
        "service = 3",
        "[service]\nbody_max = 1\nbody_max = 2",
        "[service\nx = 1",
        "x = ",
        "[providers.x]\nkind = \"openai\"",
        "[providers.x]\nkind = \"nobody\"\nbase_url = \"http://x\"",
        "[providers.x]\nkind = 3\nbase_url = \"http://x\"",
        "[providers.x]\nkind = {}\nbase_url = \"http://x\"",
        "[providers.x]\nkind = { openai = {}, groq = {} }\nbase_url = \"http://x\"",
        "[providers.x]\nkind = { openai = 3 }\nbase_url = \"http://x\"",
        "[providers.\"ä\"]\nkind = \"öpenai\"\nbase_url = \"http://x\"",
        "[providers]\nx = { kind = \"openai\", base_url = \"http://x\", models = [\"a\", 3] }",
        "[providers]\n\n\nx = [\n  1,\n  2,\n]",
        "[accounts.a]\ncredit_usd = \"ten\"",
        "[accounts.a]\ncredit_usd = 10.5",
        "[accounts.a]\ncredit = \"ten\"\n",
        "[[service.keys]]\nsha256 = \"zz\"",
        "[[service.keys]]\naccount = true",
        "[policies.p]\nhedge = \"yes\"",
        "[policies.p]\nmin_quality = \"good\"",
        "# only\n\n[policies.p]\nmax_latency_ms = 0.5 # not a whole number",
    ] {
        assert!(same::<Config>(text).is_err(), "{text}");
    }
}

#[test]
fn everything_that_a_text_can_hold() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read by Debug")]
    enum Kind {
        One,
        Held(u8),
        Named { a: u8 },
    }
    #[derive(Debug, Deserialize)]
    #[serde(transparent)]
    #[expect(dead_code, reason = "read by Debug")]
    struct Wrapped(f64);
    #[derive(Debug, Deserialize)]
    #[serde(default)]
    struct All {
        text: String,
        small: i8,
        large: u64,
        floats: Vec<Wrapped>,
        flag: Option<bool>,
        kinds: Vec<Kind>,
        map: BTreeMap<String, Vec<(u8, String)>>,
        value: serde_json::Value,
        letter: char,
    }
    impl Default for All {
        fn default() -> Self {
            Self {
                text: String::new(),
                small: 0,
                large: 0,
                floats: vec![],
                flag: None,
                kinds: vec![],
                map: BTreeMap::new(),
                value: serde_json::Value::Null,
                letter: '-',
            }
        }
    }
    for text in [
        "text = \"a\\nb\"\nsmall = 0x7\nlarge = 9_007_199_254_740_993",
        "text = '''\nraw \\ text'''\nsmall = -128\nflag = true\nletter = \"ä\"",
        "floats = [1.5, -0.0, 6e23, 1_0.5, inf, -inf]",
        "kinds = [\"One\", { Held = 3 }, { Named = { a = 1 } }, { One = {} }]",
        "map.a = [[1, \"x\"], [2, \"y\"]]\nmap.\"b c\" = []",
        "value = { a = [1, 2.5, \"x\", true], b.c.d = {} }",
        "[value]\nx = 1\n[[value.y]]\nz = 1\n[[value.y]]\nz = 2",
        "",
    ] {
        same::<All>(text).unwrap();
    }
    for text in [
        "small = 128",
        "small = 0o7_7_7_7",
        "large = -1",
        "floats = [1, \"x\"]",
        "floats = 3",
        "flag = 1",
        "kinds = [\"Two\"]",
        "kinds = [{ Held = \"x\" }]",
        "kinds = [{ One = { a = 1 } }]",
        "kinds = [\"Held\"]",
        "map.a = [[1]]",
        "letter = \"long\"",
        "value = 9_223_372_036_854_775_808_000_000_000_000_000_000_000",
    ] {
        assert!(same::<All>(text).is_err(), "{text}");
    }
    let wrong = read::<All>("text = \"a\"\nvalue = 1979-05-27").unwrap_err();
    assert_eq!(
        wrong,
        "TOML parse error at line 2, column 9\n  |\n2 | value = 1979-05-27\n  |         ^^^^^^^^^^\n\
         a date is no part of a configuration\n"
    );
}
