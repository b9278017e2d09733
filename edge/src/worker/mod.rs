//! The platform: what the runtime calls, and the ports on what it offers.

mod arrive;
mod books;
mod clock;
mod depart;
mod glue;
mod heads;
mod http;
mod kv;
mod later;
mod log;
mod node;
mod object;
mod sql;

use ::http::Method;
use clock::EdgeClock;
use front::Peer;
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use vocab::Instant;
use worker::{Context, Env, ScheduleContext, ScheduledEvent, event};

#[event(start)]
fn start() {
    log::install();
}

#[event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, _: Context) -> Result<web_sys::Response, Infallible> {
    let node = match node::node(&env).await {
        Ok(node) => node,
        Err(problems) => {
            tracing::error!(problems = problems.join("; "), "weir cannot serve");
            // What is wrong with the configuration is the operator's to read, in the log.
            return Ok(refused(
                503,
                "misconfigured",
                "This service is not configured; its log says what is wrong.",
            ));
        }
    };
    let request = match arrive::request(&request) {
        Ok(request) => request,
        Err(why) => return Ok(refused(400, "bad_request", &format!("The request cannot be read: {why}."))),
    };
    let silent = request.method() == Method::HEAD;
    let peer = Peer { loopback: node.local, tls: arrive::tls(&request) };
    let response = node.front.serve(request, peer, node.roll()).await;
    Ok(depart::respond(response, silent))
}

#[event(scheduled)]
async fn scheduled(_: ScheduledEvent, _: Env, _: ScheduleContext) {}

/// The clock of this isolate. `WEIR_CLOCK` stops it, for tests that compare entries.
fn clock(env: &Env) -> Arc<EdgeClock> {
    Arc::new(EdgeClock::new(node::variable(env, "WEIR_CLOCK").and_then(|text| still(&text))))
}

/// `2026-01-02T03:04:05Z`.
fn still(text: &str) -> Option<Instant> {
    Instant::parse_date(text.get(..10)?)
}

fn refused(status: u16, code: &str, message: &str) -> web_sys::Response {
    let body = json!({ "error": { "code": code, "message": message } }).to_string();
    glue::respond(status, "content-type\napplication/json\ncache-control\nno-store", Some(body.as_bytes()))
}
