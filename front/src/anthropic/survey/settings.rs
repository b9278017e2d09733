//! The small top-level objects.

use super::Totals;
use crate::json::{
    AnyObject, Maybe, Members, Object, OneOf, Quoted, Read, Skip, Text, Whole, Wrong, length, shortened,
};
use vocab::Effort;

/// Longer names are no model's.
const MODEL_BYTES_MAX: usize = 256;
/// "Must be ≥1024 and less than `max_tokens`" (API reference, `thinking`).
const BUDGET_MIN: i64 = 1_024;

pub(super) fn model(name: Quoted<'_>) -> Result<String, Wrong> {
    let name = name.text();
    if name.trim().is_empty() {
        return Err(Wrong::field(
            "expected the name of a model or of a policy like \"auto\", got an empty string",
        ));
    }
    if name.len() > MODEL_BYTES_MAX {
        return Err(Wrong::field(format!(
            "a name has at most {MODEL_BYTES_MAX} bytes, this one has {}",
            name.len()
        )));
    }
    if name.chars().any(char::is_control) {
        return Err(Wrong::field(format!("{:?} holds a control character", shortened(&name))));
    }
    Ok(name.into_owned())
}

/// Anything but the standard speed is Anthropic's own.
#[allow(clippy::unnecessary_wraps, reason = "a reader's function")]
pub(super) fn fast(speed: Quoted<'_>) -> Result<bool, Wrong> {
    Ok(speed.text() != "standard")
}

/// How the model is to think before it answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Thinking {
    #[default]
    Unsaid,
    Off,
    AsItSeesFit,
    /// At most so many tokens.
    Budget(u32),
}

/// `thinking`.
pub(super) struct ThinkingConfig<'t>(pub &'t mut Totals);

impl<'de> Read<'de> for ThinkingConfig<'_> {
    type Out = Thinking;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Thinking, Wrong> {
        let Self(all) = self;
        let (mut kind, mut budget) = (None, None);
        while let Some(key) = object.key(&["type", "budget_tokens", "display"])? {
            match key {
                "type" => kind = Some(object.value(Text(crate::json::owned))?),
                "budget_tokens" => budget = object.value(Maybe(Whole(BUDGET_MIN, super::OUTPUT_MAX)))?,
                "display" => drop(object.value(Maybe(Text(length)))?),
                _ => {
                    if object.value(Maybe(Skip))?.is_some() {
                        all.only(format!("thinking.{}", shortened(object.name())));
                    }
                }
            }
        }
        match kind.as_deref() {
            None => Err(Wrong::missing_one_of("type", &["enabled", "adaptive", "disabled"])),
            Some("disabled") => Ok(Thinking::Off),
            Some("adaptive") => Ok(Thinking::AsItSeesFit),
            Some("enabled") => {
                let budget = budget.ok_or_else(|| Wrong::missing("budget_tokens"))?;
                Ok(Thinking::Budget(u32::try_from(budget).unwrap_or(u32::MAX)))
            }
            Some(_) => {
                all.only("thinking.type");
                Ok(Thinking::AsItSeesFit)
            }
        }
    }
}

#[derive(Default)]
pub(super) struct Config {
    pub effort: Option<Effort>,
    pub schema: bool,
}

/// `output_config`.
pub(super) struct OutputConfig<'t>(pub &'t mut Totals);

impl<'de> Read<'de> for OutputConfig<'_> {
    type Out = Config;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Config, Wrong> {
        const EFFORTS: [&str; 5] = ["low", "medium", "high", "xhigh", "max"];
        let Self(all) = self;
        let mut config = Config::default();
        while let Some(key) = object.key(&["effort", "format"])? {
            match key {
                "effort" => config.effort = object.value(Maybe(OneOf(&EFFORTS)))?.and_then(Effort::named),
                "format" => {
                    let format = Format { all, path: "output_config.format" };
                    config.schema = object.value(Maybe(format))?.is_some();
                }
                _ => {
                    if object.value(Maybe(Skip))?.is_some() {
                        all.only(format!("output_config.{}", shortened(object.name())));
                    }
                }
            }
        }
        Ok(config)
    }
}

/// `output_config.format`: a schema for the answer.
pub(super) struct Format<'t> {
    pub all: &'t mut Totals,
    pub path: &'static str,
}

impl<'de> Read<'de> for Format<'_> {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        const KINDS: [&str; 1] = ["json_schema"];
        let (mut kind, mut schema) = (false, false);
        while let Some(key) = object.key(&["type", "schema"])? {
            match key {
                "type" => kind = object.value(OneOf(&KINDS)).map(|_| true)?,
                "schema" => schema = object.value(AnyObject).map(|_| true)?,
                _ => {
                    if object.value(Maybe(Skip))?.is_some() {
                        self.all.only(format!("{}.{}", self.path, shortened(object.name())));
                    }
                }
            }
        }
        match (kind, schema) {
            (false, _) => Err(Wrong::missing_one_of("type", &KINDS)),
            (_, false) => Err(Wrong::missing("schema")),
            _ => Ok(()),
        }
    }
}

/// `metadata`: for bookkeeping, whatever is in it.
pub(super) struct Metadata;

impl<'de> Read<'de> for Metadata {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        while let Some(key) = object.key(&["user_id"])? {
            match key {
                "user_id" => drop(object.value(Maybe(Text(length)))?),
                _ => drop(object.value(Skip)?),
            }
        }
        Ok(())
    }
}
