//! The platform: what the runtime calls, and the ports on what it offers.

mod admin;
mod arrive;
mod board;
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
mod rough;
mod rounds;
mod sql;

use ::http::Method;
use front::Peer;
use serde_json::{Value, json};
use std::convert::Infallible;
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
    board::share(&node);
    if let Some((status, told)) = admin::answer(&request, &node, &env).await {
        return Ok(json(status, &told));
    }
    let silent = request.method() == Method::HEAD;
    let peer = Peer { loopback: node.local, tls: arrive::tls(&request) };
    let mut response = node.front.serve(request, peer, node.roll()).await;
    if node.books.approximate() {
        response.fields.text("x-weir-budget", "approximate");
    }
    Ok(depart::respond(response, silent))
}

/// The rounds: every account's object sweeps what nobody ended, and copies what KV has not got. The objects do that by
/// themselves too; this is for one whose alarm was lost. Once a day their chains are walked, and compared with KV's.
#[event(scheduled)]
async fn scheduled(event: ScheduledEvent, env: Env, _: ScheduleContext) {
    let walk = event.cron() == crate::DAILY;
    if let Err(why) = rounds::go(&env, walk).await {
        tracing::error!(why, "the rounds were not finished");
    }
}

fn refused(status: u16, code: &str, message: &str) -> web_sys::Response {
    json(status, &json!({ "error": { "code": code, "message": message } }))
}

fn json(status: u16, what: &Value) -> web_sys::Response {
    let body = what.to_string();
    glue::respond(status, "content-type\napplication/json\ncache-control\nno-store", Some(body.as_bytes()))
}
