//! weir as a Cloudflare Worker.
//!
//! The same core as everywhere: requests are told by `front`, carried by `relay`, paid for by `billing`. What is here is
//! the platform: `fetch` for sockets, a Durable Object for each account's books, KV for their record, and what must be
//! different where many isolates serve at once. Modules outside `worker` only compute, and are tested anywhere.

pub mod account;
pub mod approximate;
pub mod fresh;
pub mod hints;
pub mod keys;
pub mod purse;
pub mod record;
pub mod setup;
pub mod tables;

#[cfg(target_arch = "wasm32")]
mod worker;

/// The cron trigger that has every chain walked; any other has holds swept and KV brought up to date.
pub const DAILY: &str = "17 3 * * *";

#[cfg(test)]
mod tests {
    use super::*;

    /// What is looked for by name is there under that name, in every environment.
    #[test]
    fn wrangler_binds_what_is_looked_for() {
        let text = include_str!("../../wrangler.toml");
        let table: toml::Table = toml::from_str(text).unwrap();
        let environments = table["env"].as_table().unwrap();
        assert_eq!(environments.keys().collect::<Vec<_>>(), ["production", "staging"]);
        for environment in [&table].into_iter().chain(environments.values().filter_map(|e| e.as_table())) {
            let list = |key: &str, name: &str| {
                let all = environment[key].as_array().unwrap().iter();
                all.map(|b| b[name].as_str().unwrap().to_owned()).collect::<Vec<_>>()
            };
            assert_eq!(list("kv_namespaces", "binding"), ["KV_BILLING", "GLOBAL_CACHE"]);
            assert_eq!(environment["ai"]["binding"].as_str(), Some("AI"));
            let objects = environment["durable_objects"]["bindings"].as_array().unwrap();
            assert_eq!(objects[0]["name"].as_str(), Some("ACCOUNT"));
            assert_eq!(objects[0]["class_name"].as_str(), Some("Account"));
            assert_eq!(environment["migrations"][0]["new_sqlite_classes"][0].as_str(), Some("Account"));
            let crons = environment["triggers"]["crons"].as_array().unwrap();
            assert!(crons.iter().any(|cron| cron.as_str() == Some(DAILY)), "{crons:?}");
            assert_eq!(environment["observability"]["enabled"].as_bool(), Some(true));
        }
        // Inherited by the environments.
        assert_eq!(table["workers_dev"].as_bool(), Some(false));
        // At home only.
        assert!(environments.values().all(|e| e["vars"].as_table().unwrap().is_empty()));
    }
}
