//! From a text, variables and bindings to a fleet.

use providers::catalogue::{Catalogue, Problem};
use relay::config::{Config, Logged, ProviderConfig, ProviderKind};
use relay::environment::{self, Variables};
use relay::fleet::Fleet;
use relay::metrics::Registry;

/// The address of a provider that is reached through the binding `AI`.
pub const AI_BINDING: &str = "binding://AI";

/// What a Worker is given to configure itself with.
pub struct Given<'a> {
    /// The configuration file, if there is one: the same TOML as everywhere.
    pub config: Option<&'a str>,
    /// A catalogue that goes over the built-in one.
    pub catalogue: Option<&'a str>,
    /// Variables and secrets.
    pub variable: Variables<'a>,
    /// There is a binding `AI`.
    pub ai: bool,
}

/// A configuration with all that it takes to use it.
pub struct Setup {
    pub config: Config,
    pub catalogue: Catalogue,
}

/// Everything that is wrong, each in a sentence.
pub type Problems = Vec<String>;

impl Setup {
    /// Reads the configuration; without one, providers whose keys are there and the binding `AI`.
    pub fn read(given: &Given<'_>) -> Result<Self, Problems> {
        let mut config = match given.config {
            Some(text) => crate::tables::read(text).map_err(|e| vec![format!("configuration: {e}")])?,
            None => Self::found(given),
        };
        environment::service(&mut config.service, given.variable);
        let faults = config.service.faults();
        if !faults.is_empty() {
            return Err(faults.into_iter().map(|f| format!("service.{f}")).collect());
        }
        if config.catalogue.is_some() {
            let how = "catalogue: there are no files on the edge; put the catalogue into GLOBAL_CACHE as `catalogue.json`";
            return Err(vec![how.into()]);
        }
        if config.store.postgres.is_some() {
            return Err(vec![
                "store.postgres: it is for native nodes; here the object ACCOUNT keeps the books".into(),
            ]);
        }
        if config.alerts.is_on() {
            return Err(vec!["alerts.webhooks: native nodes send them; a Worker does not yet".into()]);
        }
        if config.decisions.log != Logged::Off {
            return Err(vec![
                "decisions.log: native nodes write decisions down; a Worker does not yet".into(),
            ]);
        }
        if config.routing.learned_quality {
            let how =
                "routing.learned_quality: the predictor's weights are in the native binary, not in a Worker";
            return Err(vec![how.into()]);
        }
        let bound = |p: &ProviderConfig| p.base_url.starts_with("binding:");
        if !given.ai
            && let Some((name, _)) = config.providers.iter().find(|(_, p)| bound(p))
        {
            return Err(vec![format!("providers.{name}: there is no binding AI; add [ai] to wrangler.toml")]);
        }
        let told = |problems: Vec<Problem>| {
            problems.into_iter().map(|p| format!("catalogue: {p}")).collect::<Problems>()
        };
        let mut catalogue = Catalogue::embedded().map_err(told)?;
        if let Some(text) = given.catalogue {
            catalogue = catalogue.overlay(Catalogue::parse(text).map_err(told)?);
        }
        Ok(Self { config, catalogue })
    }

    fn found(given: &Given<'_>) -> Config {
        let mut config = environment::config(given.variable);
        if given.ai {
            // Over the binding rather than over REST: no token, no way out to the internet and back.
            let bound = ProviderConfig::at(ProviderKind::WorkersAi, AI_BINDING.into());
            config.providers.insert(ProviderKind::WorkersAi.name().into(), bound);
        }
        config
    }

    /// Makes the fleet; health is taken over from the one before.
    pub fn fleet(
        &self,
        variable: Variables<'_>,
        registry: &Registry,
        before: Option<&Fleet>,
    ) -> Result<Fleet, Problems> {
        Fleet::build(&self.config, &self.catalogue, variable, registry, before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Variables<'static> = &|_| None;

    fn read(config: Option<&str>, variable: Variables<'_>, ai: bool) -> Result<Setup, Problems> {
        Setup::read(&Given { config, catalogue: None, variable, ai })
    }

    #[test]
    fn without_a_file_keys_and_the_binding_are_enough() {
        let setup = read(None, &|name| (name == "OPENAI_API_KEY").then(|| "sk".into()), true).unwrap();
        assert_eq!(setup.config.providers.keys().collect::<Vec<_>>(), ["openai", "workers-ai"]);
        assert_eq!(setup.config.providers["workers-ai"].base_url, AI_BINDING);
        let fleet = setup.fleet(&|_| Some("sk".into()), &Registry::default(), None).unwrap();
        assert!(fleet.candidates.iter().any(|c| &*c.provider.name == "workers-ai"));
        assert!(read(None, NOTHING, false).unwrap().config.providers.is_empty());
    }

    #[test]
    fn a_file_is_the_same_as_everywhere() {
        let example = include_str!("../../weir.example.toml");
        let setup = read(Some(example), NOTHING, false).unwrap();
        assert!(setup.config.providers.contains_key("openai"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, ai, word) in [
            ("[servic]", true, "servic"),
            ("[service]\nbody_max = 0", true, "service.body_max"),
            ("[store]\npostgres = \"WEIR_POSTGRES_URL\"", true, "store.postgres"),
            ("[alerts.webhooks.ops]\nurl = \"https://x.example\"\nsecret = \"S\"", true, "alerts.webhooks"),
            ("[decisions]\nlog = \"all\"", true, "decisions.log"),
            ("[routing]\nlearned_quality = true", true, "routing.learned_quality"),
            ("catalogue = \"models.json\"", true, "GLOBAL_CACHE"),
            ("[providers.x]\nkind = \"workers-ai\"\nbase_url = \"binding://AI\"", false, "binding AI"),
        ] {
            let problems = read(Some(text), NOTHING, ai).err().unwrap();
            assert!(problems[0].contains(word), "{text}: {problems:?}");
        }
    }
}
