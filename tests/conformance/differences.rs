//! What differs between the shells on purpose. This table is the only place: what it names is not compared, everything
//! else is, and the README has to show it.

use serde_json::{Map, Value};

pub struct Difference {
    pub what: &'static str,
    pub native: &'static str,
    pub worker: &'static str,
    pub why: &'static str,
    /// Headers that are not compared because of it.
    headers: &'static [&'static str],
    /// Errors and outcomes whose words are not compared because of it; their codes are.
    words_of: &'static [&'static str],
    /// Cases with a request that each shell has an expectation of its own for.
    cases: &'static [&'static str],
}

pub const DIFFERENCES: &[Difference] = &[
    Difference {
        what: "Framing of messages, compression, keep-alive, `Date`",
        native: "weir's own server's",
        worker: "the runtime's",
        why: "a Worker is handed requests and hands back responses; it has no connection",
        headers: &[
            "connection",
            "content-encoding",
            "content-length",
            "date",
            "keep-alive",
            "transfer-encoding",
        ],
        words_of: &[],
        cases: &[],
    },
    Difference {
        what: "Conversations (`/api/voice/session`)",
        native: "a WebSocket",
        worker: "501 `no_sockets`",
        why: "a conversation there would be an object of its own, which is not written yet",
        headers: &[],
        words_of: &[],
        cases: &[],
    },
    Difference {
        what: "Trailers after a stream",
        native: "sent to clients that ask with `TE: trailers`",
        worker: "none; the final `event: weir` has the same figures",
        why: "the runtime's responses have no trailers",
        headers: &["trailer"],
        words_of: &[],
        cases: &[],
    },
    Difference {
        what: "CORS",
        native: "weir's own `service.cors`",
        worker: "the gateway's list of origins",
        why: "the public route is the gateway's; who may read is the same, the lists of headers are each one's own",
        headers: &[
            "access-control-allow-credentials",
            "access-control-allow-headers",
            "access-control-allow-methods",
            "access-control-expose-headers",
            "access-control-max-age",
            "allow",
            "vary",
        ],
        words_of: &[],
        cases: &[],
    },
    Difference {
        what: "Unknown callers",
        native: "refused by weir",
        worker: "refused by the gateway, with the same codes in its own words",
        why: "identity is resolved before weir is called",
        headers: &["x-should-retry"],
        words_of: &["missing_api_key", "invalid_api_key"],
        cases: &[],
    },
    Difference {
        what: "A path in the words of an error",
        native: "as it was asked for",
        worker: "without `/api`",
        why: "the gateway calls `http://internal/si/ask`",
        headers: &[],
        words_of: &["not_found"],
        cases: &[],
    },
    Difference {
        what: "Lists that the gateway caches",
        native: "made anew",
        worker: "up to five minutes old, `X-Gateway-Cache` and `Age` say so",
        why: "cache-aside over `GLOBAL_CACHE`",
        headers: &["age", "x-gateway-cache"],
        words_of: &[],
        cases: &[],
    },
    Difference {
        what: "Words for a connection that broke off",
        native: "the socket's error",
        worker: "the runtime's error",
        why: "`fetch` does not say why; the fault and what follows from it are the same",
        headers: &[],
        cases: &[],
        words_of: &["cut", "stream_broken"],
    },
    Difference {
        what: "When a hold is on disk",
        native: "itself, before the first byte of the answer leaves",
        worker: "itself, before anything is sent upstream, where the client chose the request's id or the account is nearly \
                 spent; else the slice of the balance it comes out of is, and its own entry follows within 50 ms",
        why: "a call of the account's object for each request costs more than the rest of it; of an isolate that dies within \
              those 50 ms one entry is left, `slice-…`, settled as estimated",
        headers: &[],
        words_of: &[],
        cases: &[],
    },
    Difference {
        what: "A short body that stops coming",
        native: "408 after `body_idle_ms`",
        worker: "waited for until the platform ends the connection",
        why: "a body up to 1 MiB is taken from the runtime in one piece",
        headers: &[],
        words_of: &[],
        cases: &[],
    },
    Difference {
        what: "An upstream that hangs up right after its head",
        native: "`cut`: the head was there, so what it may have used is charged as estimated",
        worker: "`down`: nothing is charged",
        why: "the runtime's `fetch` fails as a whole when the connection is gone before the head was handed over",
        headers: &[],
        words_of: &[],
        cases: &["length-lie"],
    },
    Difference {
        what: "A file on its way to a provider",
        native: "goes by while it comes, `upload_window` of it at a time",
        worker: "is gathered first, then sent",
        why: "what goes out by `fetch` goes out in one piece",
        headers: &[],
        words_of: &[],
        cases: &[],
    },
    Difference {
        what: "A sound that broke off",
        native: "the connection is closed without the last chunk",
        worker: "the answer's stream is aborted",
        why: "the runtime frames answers and closes connections itself; either way it does not look whole",
        headers: &[],
        words_of: &[],
        cases: &[],
    },
    Difference {
        what: "Webhooks",
        native: "`alerts.webhooks`",
        worker: "refused by name at start",
        why: "nothing of it is on the edge yet",
        headers: &[],
        words_of: &[],
        cases: &[],
    },
    Difference {
        what: "Quality from the prompt",
        native: "`routing.learned_quality`",
        worker: "refused by name at start",
        why: "the predictor's weights are 700 KB compressed, as much again as half of the Worker; without it the decisions are the same",
        headers: &[],
        words_of: &[],
        cases: &[],
    },
    Difference {
        what: "The log of decisions",
        native: "`decisions.log`",
        worker: "refused by name at start",
        why: "nothing of it is on the edge yet; the decisions are the same",
        headers: &[],
        words_of: &[],
        cases: &[],
    },
];

pub fn of_headers() -> impl Iterator<Item = &'static str> {
    DIFFERENCES.iter().flat_map(|d| d.headers.iter().copied())
}

pub fn of_cases() -> impl Iterator<Item = &'static str> {
    DIFFERENCES.iter().flat_map(|d| d.cases.iter().copied())
}

/// Whether an object is an error or an attempt whose words each shell has for itself.
pub fn is_told_otherwise(fields: &Map<String, Value>) -> bool {
    let named = ["code", "outcome"].into_iter().filter_map(|name| fields.get(name)?.as_str());
    named.into_iter().any(|name| DIFFERENCES.iter().any(|d| d.words_of.contains(&name)))
}

/// The README's table.
pub fn table() -> String {
    let mut text =
        String::from("| what | native | Worker behind the gateway | why |\n| --- | --- | --- | --- |\n");
    for d in DIFFERENCES {
        text.push_str(&format!("| {} | {} | {} | {} |\n", d.what, d.native, d.worker, d.why));
    }
    text
}

#[test]
fn the_readme_lists_every_difference() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let table = table();
    let missing: Vec<&str> = table.lines().filter(|row| !readme.contains(row)).collect();
    assert!(
        missing.is_empty(),
        "README.md lacks rows of the table of deliberate differences. All of it:\n\n{table}"
    );
}
