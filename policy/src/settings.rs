//! What the operator settled for the front door.

use crate::jwt::{JwtSetting, SigningSetting};
use crate::{
    CacheSetting, ContextSetting, Credits, Digest, IdempotencySetting, KeySetting, Skill, default_skills,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The part of the configuration that is about callers. Every field has a default, and the defaults are closed:
/// without keys only callers on loopback are let in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Personalities and skills of `/api/si/ask`, by name. Those of the file are added to the built-in ones.
    #[serde(deserialize_with = "with_default_skills")]
    pub skills: BTreeMap<String, Skill>,
    pub cors: Cors,
    /// The largest request body, in bytes.
    pub body_max: usize,
    /// How long a request's body may pause, in milliseconds.
    pub body_idle_ms: u64,
    /// The largest request body with a file in it that goes by while it comes, in bytes.
    pub upload_max: usize,
    /// How much of such a file is kept, in bytes: up to here another provider can be asked, and fields may come behind it.
    pub upload_window: usize,
    /// A stream that has not begun after so many milliseconds begins without a word, and says as often that it is still
    /// coming; 0: never.
    pub keep_alive_ms: u64,
    /// Advice is given from this saving on, in whole percent of what was paid.
    pub advice_min_pct: u32,
    pub credits: Credits,
    /// Answers that are told again to a request that comes again.
    pub idempotency: IdempotencySetting,
    /// Answers that are told again to whoever asks the same.
    pub cache: CacheSetting,
    /// SHA-256 of the operator's key. The native shell takes it from `WEIR_ADMIN_KEY`; None: no admin path answers.
    pub admin_key_sha256: Option<Digest>,
    pub keys: Vec<KeySetting>,
    /// Context tokens of a gateway; None: none is taken.
    pub context: Option<ContextSetting>,
    /// RS256 tokens of an issuer outside; None: none is taken.
    pub jwt: Option<JwtSetting>,
    /// RS256 tokens that weir signs itself, for guests and at the operator's word; None: it signs none.
    pub signing: Option<SigningSetting>,
    /// The plan of accounts of which nothing else is said; None: they may everything, as fast as they like.
    pub plan: Option<String>,
    /// Nobody but the gateway can reach this service, so whoever it names in `X-User-Email` or `?email=` is calling. Anybody
    /// else who can reach it can name anybody.
    pub trust_gateway: bool,
    /// While nobody was given a key and no tokens are taken, callers on loopback are the account `local`.
    pub loopback_open: bool,
    /// More names, besides those of the loopback interface, under which callers without a key may address weir
    /// (the `Host` header), like `weir.internal`.
    pub loopback_hosts: Vec<String>,
    /// Clients reach weir through TLS, whoever ends it: answers carry `Strict-Transport-Security`.
    pub behind_tls: bool,
    /// A Worker without the Durable Object `ACCOUNT` serves all the same: each isolate counts for itself, so budgets
    /// are only about kept, and every answer says so.
    pub approximate_budgets: bool,
}

/// A smaller window would stand still.
const UPLOAD_WINDOW_MIN: usize = 256 << 10;

impl Default for Settings {
    fn default() -> Self {
        Self {
            skills: default_skills(),
            cors: Cors::default(),
            body_max: 32 << 20,
            body_idle_ms: 30_000,
            upload_max: 100 << 20,
            upload_window: 4 << 20,
            keep_alive_ms: 10_000,
            advice_min_pct: 10,
            credits: Credits::default(),
            idempotency: IdempotencySetting::default(),
            cache: CacheSetting::default(),
            admin_key_sha256: None,
            keys: Vec::new(),
            context: None,
            jwt: None,
            signing: None,
            plan: None,
            trust_gateway: false,
            loopback_open: true,
            loopback_hosts: Vec::new(),
            behind_tls: false,
            approximate_budgets: false,
        }
    }
}

/// Which web pages may read answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// Exact origins, like `https://app.example.com`; `*` for every page, which excludes `credentials`.
    pub origins: Vec<String>,
    /// Whether pages may send cookies and the like.
    pub credentials: bool,
}

impl Cors {
    /// Whether a page of this origin may read answers.
    pub fn allows(&self, origin: &str) -> bool {
        self.origins.iter().any(|o| o == origin || o == "*")
    }
}

impl Settings {
    /// The configuration gives somebody a credential, so nobody comes in without one.
    pub const fn wants_credentials(&self) -> bool {
        !self.keys.is_empty() || self.context.is_some() || self.takes_tokens() || self.trust_gateway
    }

    /// RS256 tokens are taken, whoever signs them.
    pub const fn takes_tokens(&self) -> bool {
        self.jwt.is_some() || self.signing.is_some()
    }

    /// Looks up by name what must not stand in the file; what is wrong with it, each in a sentence.
    pub fn unlock(&mut self, secret: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
        let mut faults = self.context.as_mut().map(|context| context.unlock(secret)).unwrap_or_default();
        faults.extend(self.signing.as_mut().map(|signing| signing.unlock(secret)).unwrap_or_default());
        faults
    }

    /// What is wrong with it, each in a sentence that names the field; empty when nothing is.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.cors.credentials && self.cors.origins.iter().any(|o| o == "*") {
            faults.push("cors: `credentials` cannot be allowed to every origin; list the origins".into());
        }
        for origin in &self.cors.origins {
            let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            if origin != "*" && !rest.is_some_and(|r| !r.is_empty() && !r.contains('/')) {
                faults.push(format!(
                    "cors.origins: {origin:?} is no origin; expected scheme and host without a path, like \
                     \"https://app.example.com\""
                ));
            }
        }
        if self.body_max == 0 {
            faults.push("body_max: 0 would refuse every request".into());
        }
        if self.upload_max == 0 {
            faults.push("upload_max: 0 would refuse every file".into());
        }
        if self.upload_window < UPLOAD_WINDOW_MIN {
            faults.push(format!("upload_window: must be {UPLOAD_WINDOW_MIN} or more"));
        }
        for (name, ratio) in
            [("usd_per_credit", self.credits.usd_per_credit), ("markup", self.credits.markup)]
        {
            if ratio.num == 0 || ratio.den == 0 {
                faults.push(format!("credits.{name}: must be above 0"));
            }
        }
        faults.extend(crate::repeats::faults(&self.idempotency, &self.cache));
        for key in &self.keys {
            if !crate::is_account(&key.account) {
                faults.push(format!(
                    "keys: the account {:?} of key {:?} must be 1 to 128 letters, digits or `_.:@+-`",
                    key.account, key.name
                ));
            }
        }
        faults.extend(self.context.iter().flat_map(ContextSetting::faults));
        faults.extend(self.jwt.iter().flat_map(JwtSetting::faults));
        faults.extend(self.signing.iter().flat_map(SigningSetting::faults));
        if let (Some(jwt), Some(signing)) = (&self.jwt, &self.signing)
            && jwt.issuer == signing.issuer
        {
            faults.push("jwt.issuer: is that of `signing`; two issuers cannot have one name".into());
        }
        for (name, skill) in &self.skills {
            if skill.temperature.is_some_and(|t| !(0.0..=2.0).contains(&t)) {
                faults.push(format!("skills.{name}.temperature: must be from 0 to 2"));
            }
            if skill.max_output == Some(0) {
                faults.push(format!("skills.{name}.max_output: must be above 0"));
            }
        }
        faults
    }
}

fn with_default_skills<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Skill>, D::Error> {
    let mut skills = default_skills();
    skills.extend(BTreeMap::<String, Skill>::deserialize(deserializer)?);
    Ok(skills)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_is_the_default() {
        let settings: Settings = serde_json::from_str("{}").unwrap();
        assert_eq!(settings, Settings::default());
        assert_eq!(settings.faults(), Vec::<String>::new());
        let there = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&there).unwrap(), settings);
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        for bad in
            [r#"{"bodymax":1}"#, r#"{"cors":{"origin":[]}}"#, r#"{"keys":[{"sha256":"x","account":"a"}]}"#]
        {
            assert!(serde_json::from_str::<Settings>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn own_skills_join_the_built_in_ones() {
        let settings: Settings =
            serde_json::from_str(r#"{"skills":{"haiku":{"system":"5-7-5"},"default":{"system":"mine"}}}"#)
                .unwrap();
        assert_eq!(settings.skills["haiku"].system, "5-7-5");
        assert_eq!(settings.skills["default"].system, "mine");
        for built_in in ["supportive", "tough_love", "analytical", "motivational"] {
            assert!(settings.skills[built_in].system.len() > 100, "{built_in}");
        }
    }

    #[test]
    fn settings_that_contradict_themselves_say_so() {
        let cors = Cors { origins: vec!["*".into(), "app.example.com".into()], credentials: true };
        let mut settings = Settings { cors, body_max: 0, ..Settings::default() };
        settings.credits.markup.num = 0;
        assert_eq!(settings.faults().len(), 4, "{:?}", settings.faults());
    }
}
