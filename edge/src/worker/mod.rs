//! The platform: what the runtime calls, and the ports on what it offers.

mod admin;
mod answers;
mod arrive;
mod board;
mod books;
mod clock;
mod crypto;
mod depart;
mod directory;
mod glue;
mod heads;
mod http;
mod kv;
mod later;
mod limits;
mod log;
mod node;
mod object;
mod rough;
mod rounds;
mod sql;
mod task;

use self::arrive::Arriving;
use self::node::Node;
use ::http::Method;
use front::Peer;
use serde_json::{Value, json};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use worker::{Env, ScheduleContext, ScheduledEvent, event};

#[event(start)]
fn start() {
    log::install();
}

/// A request, as `entry.js` hands it over: with its head, and with its body where that is small. The answer goes to the
/// door. The crate's own `fetch` event would hand over objects, and take a promise and three proxies for each request.
#[wasm_bindgen]
pub fn serve(door: glue::Door, request: web_sys::Request, env: Env, head: String, body: Option<Vec<u8>>) {
    glue::open(&door);
    task::spawn(async move {
        let node = match node::node(&env).await {
            Ok(node) => node,
            Err(problems) => {
                tracing::error!(problems = problems.join("; "), "weir cannot serve");
                // What is wrong with the configuration is the operator's to read, in the log.
                let message = "This service is not configured; its log says what is wrong.";
                return refuse(&door, 503, "misconfigured", message);
            }
        };
        match arrive::request(request, &head, body) {
            Ok(request) => answer(&door, &node, &env, request).await,
            Err(why) => refuse(&door, 400, "bad_request", &format!("The request cannot be read: {why}.")),
        }
    });
}

async fn answer(door: &glue::Door, node: &Rc<Node>, env: &Env, request: ::http::Request<Arriving>) {
    board::share(node);
    if let Some((status, told)) = admin::answer(&request, node, env).await {
        return json(door, status, &told);
    }
    let silent = request.method() == Method::HEAD;
    let peer = Peer { loopback: node.local, tls: arrive::tls(&request) };
    let chosen = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    if let Some(id) = &chosen {
        node.books.chosen(id);
    }
    let mut response = node.front.serve(request, peer, node.roll()).await;
    if let Some(id) = &chosen {
        node.books.unchosen(id);
    }
    if node.books.approximate() {
        response.fields.text("x-weir-budget", "approximate");
    }
    depart::respond(door, response, silent);
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

fn refuse(door: &glue::Door, status: u16, code: &str, message: &str) {
    json(door, status, &json!({ "error": { "code": code, "message": message } }));
}

fn json(door: &glue::Door, status: u16, what: &Value) {
    let heads = "content-type: application/json\r\ncache-control: no-store\r\n";
    glue::answer(door, status, heads, Some(what.to_string().as_bytes()));
}
