//! The nouns of outcome data.

use crate::Prompt;

/// One model of a pool, as far as it is known before any prompt is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// The data set's name of it, such as `gpt-4-1106-preview`.
    pub id: String,
    /// Which pool it was observed in: the same id may have been priced and judged otherwise in another. Empty in service.
    pub pool: String,
    /// USD per million input tokens; None where nobody knows.
    pub usd_per_mtok_in: Option<f64>,
    /// USD per million output tokens; None where nobody knows.
    pub usd_per_mtok_out: Option<f64>,
    /// Its quality by public benchmarks, 0 to 1, where the catalogue has one; never made from a pool's rows.
    pub prior: Option<f64>,
}

/// One prompt with what became of it at every model. The arrays are in the order of [`Pool::models`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Unique in its pool.
    pub id: String,
    /// A label for tables and for leaving whole tasks out. A router never sees it.
    pub task: String,
    pub prompt: String,
    /// Names of the functions that were offered.
    pub tools: Vec<String>,
    /// Length of their JSON definitions.
    pub tools_chars: u32,
    /// Input tokens of prompt and tools, estimated as weir estimates them before a call.
    pub tokens_in: u32,
    /// Quality of each answer, 0 to 1; NaN where the model was not run.
    pub s: Vec<f64>,
    /// Cost of each call in millionths of a USD; NaN where the model was not run.
    pub c: Vec<f64>,
    /// Output tokens of each answer, NaN where not known; empty where the data has none.
    pub ot: Vec<f64>,
    /// Seconds of each whole call, NaN where not known; empty where the data has none.
    pub lat: Vec<f64>,
    /// Which part of the data it is in where the data says so (`iid`, `ood`), else `dev`.
    pub split: String,
}

impl Row {
    /// What a router sees of it.
    pub fn prompt(&self) -> Prompt<'_> {
        Prompt {
            text: &self.prompt,
            tools: &self.tools,
            tools_chars: self.tools_chars,
            tokens_in: self.tokens_in,
        }
    }

    /// Whether every model was run on it.
    pub fn complete(&self) -> bool {
        !self.s.iter().chain(&self.c).any(|x| x.is_nan())
    }
}

/// A set of models and the prompts that all of them were asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pool {
    pub name: String,
    pub models: Vec<Model>,
    pub rows: Vec<Row>,
    /// The licence its meta file names.
    pub licence: String,
    /// The repository its meta file names.
    pub repo: String,
}

impl Pool {
    /// Every row's place.
    pub fn all(&self) -> Vec<usize> {
        (0..self.rows.len()).collect()
    }

    /// The tasks, each once, in alphabetical order.
    pub fn tasks(&self) -> Vec<&str> {
        let tasks: std::collections::BTreeSet<&str> = self.rows.iter().map(|r| r.task.as_str()).collect();
        tasks.into_iter().collect()
    }

    /// A model's place by its id.
    pub fn model(&self, id: &str) -> Option<usize> {
        self.models.iter().position(|m| m.id == id)
    }
}
