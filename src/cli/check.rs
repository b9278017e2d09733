//! `weir check`.

use super::{Common, Done, Failure, say};
use crate::configure;
use crate::net::NativeClock;
use crate::node::{Origin, Setup};
use relay::metrics::Registry;
use serde_json::json;

pub fn run(common: &Common) -> Done {
    let setup = Setup::read(common.config.as_deref(), &NativeClock::start());
    let checked = setup.and_then(|setup| {
        let fleet = setup.fleet(&Registry::default(), None)?;
        configure::postgres(&setup.config)?;
        Ok((setup, fleet))
    });
    match checked {
        Ok((setup, fleet)) => {
            let models: Vec<String> = fleet.models().map(relay::fleet::Candidate::id).collect();
            let warnings: Vec<&String> = setup.warnings.iter().chain(&fleet.warnings).collect();
            if common.json {
                say(json!({"ok": true, "models": models, "warnings": warnings}));
            } else {
                for warning in warnings {
                    say(format_args!("warning: {warning}"));
                }
                let from = match setup.origin {
                    Origin::File(path) => path.display().to_string(),
                    Origin::Environment => "the environment".into(),
                    Origin::Lab => "nothing found, so the built-in lab".into(),
                };
                say(format_args!(
                    "ok: {} models of {} providers ({from})",
                    models.len(),
                    fleet.providers.len()
                ));
            }
            Ok(())
        }
        Err(problems) => {
            if common.json {
                say(json!({"ok": false, "problems": problems.0}));
            } else {
                for problem in &problems.0 {
                    say(format_args!("problem: {problem}"));
                }
            }
            Err(Failure::Unwell)
        }
    }
}
