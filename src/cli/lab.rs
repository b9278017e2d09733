//! `weir lab`.

use super::{Done, Failure, say};
use crate::fake;
use ::lab::{Lab as Fakes, SCENARIOS, Scenario};
use clap::Args;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

#[derive(Args)]
pub struct Lab {
    /// A scenario's file, or the name of one that is built in
    #[arg(default_value = "calm")]
    scenario: String,
    /// The address to listen on: loopback only
    #[arg(long, default_value = "127.0.0.1:8788")]
    listen: SocketAddr,
    /// Print the scenario instead, to start one's own from
    #[arg(long)]
    print: bool,
}

impl Lab {
    pub fn run(self) -> Done {
        let scenario = read(&self.scenario)?;
        if self.print {
            say(toml::to_string(&scenario)?);
            return Ok(());
        }
        if !self.listen.ip().is_loopback() {
            return Err(Failure::Cannot(format!(
                "the lab listens on loopback alone, not on {}",
                self.listen
            )));
        }
        let lab = Arc::new(Fakes::new(scenario)?);
        let listener = std::net::TcpListener::bind(self.listen)?;
        let origin = format!("http://{}", listener.local_addr()?);
        eprintln!("the lab listens on {origin}; everything it says is fake");
        for provider in &lab.scenario().providers {
            let models: Vec<&str> = provider.models.iter().map(|m| m.name.as_str()).collect();
            eprintln!(
                "  {}: {}",
                lab.base_url(&provider.name, &origin).unwrap_or_default(),
                models.join(", ")
            );
        }
        Ok(fake::serve(listener, lab)?)
    }
}

pub fn read(named: &str) -> Result<Scenario, Failure> {
    if SCENARIOS.contains(&named) {
        return Ok(fake::named(named)?);
    }
    let text = std::fs::read_to_string(Path::new(named)).map_err(|e| {
        Failure::Cannot(format!(
            "{named:?} is no scenario of the lab ({}) and no file: {e}",
            SCENARIOS.join(", ")
        ))
    })?;
    Ok(Scenario::parse(&text)?)
}
