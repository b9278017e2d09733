//! What a router said about rows, as a file: the same three forms that the field's evaluator reads.

use crate::read::{Bad, lines};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;

/// What was said about one row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// Guessed quality by model.
    pub quality: Option<BTreeMap<String, f64>>,
    /// Guessed cost by model, in millionths of a USD.
    pub cost: Option<BTreeMap<String, f64>>,
    /// A ranking: the larger, the more the prompt needs the stronger model.
    pub strong: Option<f64>,
    /// The model taken at each willingness to pay, ascending.
    pub taken: Vec<(f64, String)>,
}

/// What was said about rows, by their ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictions(pub BTreeMap<String, Said>);

#[derive(Deserialize)]
struct Line {
    id: String,
    q: Option<BTreeMap<String, f64>>,
    c: Option<BTreeMap<String, f64>>,
    strong: Option<f64>,
    wtp: Option<f64>,
    model: Option<String>,
}

impl Predictions {
    /// Reads a file, compressed or not, which messages call `file`. A later line about a row replaces an earlier one, but for
    /// choices at different prices.
    ///
    /// # Errors
    /// The first line that is none of the three forms.
    pub fn read(file: &str, bytes: impl Read) -> Result<Self, Bad> {
        let mut all: BTreeMap<String, Said> = BTreeMap::new();
        lines(file, bytes, |_, line| {
            let Line { id, q, c, strong, wtp, model } =
                serde_json::from_slice(line).map_err(|e| e.to_string())?;
            match (wtp, model) {
                (Some(price), Some(model)) => {
                    let taken = &mut all.entry(id).or_default().taken;
                    match taken.binary_search_by(|(other, _)| other.total_cmp(&price)) {
                        Ok(at) => taken[at].1 = model,
                        Err(at) => taken.insert(at, (price, model)),
                    }
                }
                (Some(_), None) => return Err("wtp without model".into()),
                _ if q.is_none() && strong.is_none() => {
                    return Err("expected q, or wtp and model, or strong".into());
                }
                _ => {
                    all.insert(id, Said { quality: q, cost: c, strong, taken: Vec::new() });
                }
            }
            Ok(())
        })?;
        Ok(Self(all))
    }

    /// The lines of a file, row by row.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().flat_map(|(id, said)| {
            let taken = said.taken.iter().map(move |(price, model)| {
                serde_json::json!({"id": id, "wtp": price, "model": model}).to_string()
            });
            let mut line = serde_json::Map::from_iter([("id".to_owned(), id.as_str().into())]);
            for (key, models) in [("q", &said.quality), ("c", &said.cost)] {
                if let Some(models) = models {
                    line.insert(key.into(), numbers(models));
                }
            }
            if let Some(strong) = said.strong {
                line.insert("strong".into(), strong.into());
            }
            let whole = (line.len() > 1).then(|| serde_json::Value::Object(line).to_string());
            whole.into_iter().chain(taken)
        })
    }
}

fn numbers(by_model: &BTreeMap<String, f64>) -> serde_json::Value {
    by_model.iter().map(|(model, x)| (model.clone(), serde_json::Value::from(*x))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let text = [
            r#"{"id":"a","q":{"x":0.5,"y":1.0},"c":{"x":1.25,"y":1e-7}}"#,
            r#"{"id":"b","wtp":2.0,"model":"y"}"#,
            r#"{"id":"b","wtp":-1.0,"model":"x"}"#,
            r#"{"id":"c","strong":-0.25}"#,
            "",
            r#"{"id":"a","q":{"x":0.75,"y":1.0}}"#,
        ]
        .join("\n");
        let read = Predictions::read("p", text.as_bytes()).unwrap();
        assert_eq!(read.0["a"].quality.as_ref().unwrap()["x"], 0.75, "the last line about a row counts");
        assert_eq!(read.0["a"].cost, None);
        assert_eq!(read.0["b"].taken, [(-1.0, "x".into()), (2.0, "y".into())]);
        let written = read.lines().collect::<Vec<_>>().join("\n");
        assert_eq!(Predictions::read("p", written.as_bytes()).unwrap(), read);
    }

    #[test]
    fn what_says_nothing_is_named() {
        for (line, what) in [
            (r#"{"id":"a"}"#, "p:2: expected q, or wtp and model, or strong"),
            (r#"{"id":"a","wtp":1}"#, "p:2: wtp without model"),
            (r#"{"id":"a","q":{"x":null}}"#, "p:2: invalid type: null"),
            (r#"{"q":{}}"#, "p:2: missing field `id`"),
        ] {
            let error = Predictions::read("p", format!("\n{line}").as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(what), "{error}");
        }
    }
}
