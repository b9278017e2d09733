//! The fields of a small body as they stand in it, each read when it is asked for.

use crate::json::{self, Found, Members, Object, Read, Wrong, shortened};
use crate::nearest::nearest;
use crate::wishes;
use relay::{BadInput, Wishes};
use serde_json::{Map, Value};

/// JSON texts by their names. `null` is as good as nothing.
#[derive(Clone)]
pub(crate) struct Given<'a> {
    names: &'static [&'static str],
    /// What to do with others.
    others: Others,
    found: Vec<(&'static str, &'a str)>,
    /// Those that we do not know, where they are let in.
    pub extra: Map<String, Value>,
}

/// Fields of other names than ours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    /// A misspelt limit would be no limit. With an example of what is right.
    Refused(&'static str),
    /// They are for who knows them.
    Kept(&'static str),
}

impl<'a> Given<'a> {
    /// Reads a body of at most 64 fields by these names.
    pub fn read(body: &'a [u8], names: &'static [&'static str], others: Others) -> Result<Self, BadInput> {
        let empty = Self { names, others, found: Vec::new(), extra: Map::new() };
        let fields = json::text(body).and_then(|text| json::read(text, empty));
        fields.map_err(|wrong| wrong.told(body))
    }

    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.found.iter().find(|(n, _)| *n == name).map(|(_, raw)| *raw)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'a str)> + '_ {
        self.found.iter().copied()
    }

    pub fn text(&self, name: &str) -> Result<Option<String>, BadInput> {
        let Some(raw) = self.get(name) else { return Ok(None) };
        serde_json::from_str(raw).map(Some).map_err(|_| wrong(name, "a string", raw))
    }

    /// A whole number within bounds.
    pub fn whole(&self, name: &str, least: u64, most: u64) -> Result<Option<u64>, BadInput> {
        let Some(raw) = self.get(name) else { return Ok(None) };
        let number = serde_json::from_str::<u64>(raw).ok().filter(|n| (least..=most).contains(n));
        number.map(Some).ok_or_else(|| wrong(name, &format!("a whole number from {least} to {most}"), raw))
    }

    /// A number within bounds, as hundredths.
    pub fn percent(&self, name: &str, least: f64, most: f64) -> Result<Option<u16>, BadInput> {
        Self::percent_of(name, self.get(name), least, most)
    }

    /// The same of a number that stands elsewhere.
    pub fn percent_of(name: &str, raw: Option<&str>, least: f64, most: f64) -> Result<Option<u16>, BadInput> {
        let Some(raw) = raw else { return Ok(None) };
        let number = serde_json::from_str::<f64>(raw).ok().filter(|n| (least..=most).contains(n));
        let number = number.ok_or_else(|| wrong(name, &format!("a number from {least} to {most}"), raw))?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is within its bounds"
        )]
        let hundredths = (number * 100.0).round() as u16;
        Ok(Some(hundredths))
    }

    pub fn value(&self, name: &str) -> Result<Option<Value>, BadInput> {
        let Some(raw) = self.get(name) else { return Ok(None) };
        serde_json::from_str(raw).map(Some).map_err(|_| wrong(name, "JSON", raw))
    }

    /// How the caller narrows its route: the same as its headers, which they come before.
    pub fn wish(&self, wishes: &mut Wishes) -> Result<(), BadInput> {
        if let Some(policy) = self.text("policy")? {
            wishes.policy = Some(wishes::policy("policy", &policy)?);
        }
        let limits = &mut wishes.limits;
        // Money as text or as a JSON number: either way by its digits, never through a float.
        if let Some(raw) = self.get("max_cost_usd") {
            limits.max_cost = Some(wishes::max_cost("max_cost_usd", unquoted(raw))?);
        }
        if let Some(raw) = self.get("max_latency_ms") {
            limits.max_latency = Some(wishes::max_latency("max_latency_ms", raw)?);
        }
        if let Some(raw) = self.get("min_quality") {
            limits.min_quality = Some(wishes::min_quality("min_quality", raw)?);
        }
        if let Some(raw) = self.get("providers") {
            (limits.allow, limits.deny) = if raw.starts_with('"') {
                let list = self.text("providers")?.unwrap_or_default();
                wishes::providers("providers", list.split(','))?
            } else {
                let wrong = |_| BadInput::at("providers", "providers: expected an array of names or a text");
                let list: Vec<String> = serde_json::from_str(raw).map_err(wrong)?;
                wishes::providers("providers", list.iter().map(String::as_str))?
            };
        }
        if let Some(session) = self.text("session")? {
            wishes.session = Some(wishes::session("session", &session)?);
        }
        if let Some(raw) = self.get("tags") {
            let tags = json::read(raw, Pairs).map_err(|wrong| wrong.in_key("tags").told(raw.as_bytes()))?;
            wishes.tags = wishes::tags("tags", tags)?;
        }
        Ok(())
    }
}

fn wrong(name: &str, wanted: &str, raw: &str) -> BadInput {
    BadInput::at(name, format!("{name}: expected {wanted}, got {}", shortened(raw)))
}

fn unquoted(raw: &str) -> &str {
    raw.strip_prefix('"').and_then(|r| r.strip_suffix('"')).unwrap_or(raw)
}

impl<'de> Read<'de> for Given<'de> {
    type Out = Self;

    fn plain(self, _: Found<'_>) -> Result<Self, Wrong> {
        let (Others::Refused(like) | Others::Kept(like)) = self.others;
        Err(Wrong::field(format!("the body must be a JSON object like {like}")))
    }

    fn object<M: Members<'de>>(mut self, mut object: Object<'de, M>) -> Result<Self, Wrong> {
        while let Some(name) = object.key(self.names)? {
            if name.is_empty() && matches!(self.others, Others::Refused(_)) {
                let meant = nearest(object.name(), self.names);
                let meant = meant.map(|n| format!("; did you mean {n:?}?")).unwrap_or_default();
                let wrong = Wrong::field(format!("there is no such field{meant}"));
                return Err(wrong.in_key(object.name()));
            }
            let key = name.is_empty().then(|| object.name().to_owned());
            let raw = object.raw()?;
            match key {
                _ if raw == "null" => {}
                None => self.found.push((name, raw)),
                Some(key) => {
                    let value = serde_json::from_str(raw);
                    self.extra.insert(key, value.map_err(Wrong::syntax)?);
                }
            }
        }
        Ok(self)
    }
}

/// An object of strings, its keys as often as they are there.
#[derive(Clone, Copy)]
struct Pairs;

impl<'de> Read<'de> for Pairs {
    type Out = Vec<(String, String)>;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Self::Out, Wrong> {
        let mut list = Vec::new();
        while let Some(key) = object.any_key()? {
            let key = key.to_owned();
            list.push((key, object.value(json::Text(json::owned))?));
        }
        Ok(list)
    }
}
