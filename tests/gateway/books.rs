//! What the books say, read from outside and added up here: no code of weir's ledger is used.

use crate::net::until;
use crate::process::Weir;
use serde_json::Value;
use std::time::Duration;

/// Decimal dollars as whole picodollars.
pub fn pico(text: &str) -> i128 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
    assert!(places.len() <= 12, "{text} has more than twelve places");
    let number = format!("{whole}{places:0<12}");
    sign * number.parse::<i128>().unwrap_or_else(|e| panic!("{text} is no amount: {e}"))
}

pub fn amount(value: &Value) -> i128 {
    pico(value.as_str().unwrap_or_else(|| panic!("money is a decimal string, not {value}")))
}

impl Weir {
    /// Every ended request, newest first, page by page.
    pub fn usage(&self) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let from = cursor.map(|c| format!("&cursor={c}")).unwrap_or_default();
            let page = self.get(&format!("/api/billing/usage?limit=100{from}")).is(200).json();
            all.extend(page["events"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return all,
            }
        }
    }

    /// The ending of one request, once it has ended.
    pub fn ended(&self, id: &str) -> Value {
        let path = format!("/api/billing/usage/{id}");
        until(Duration::from_secs(10), &format!("{id} ends"), || {
            let reply = self.get(&path);
            if reply.status != 200 {
                return None;
            }
            let entries = reply.json()["entries"].as_array().unwrap().clone();
            entries.into_iter().find(|e| e["kind"] == "settle" || e["kind"] == "release")
        })
    }

    pub fn credits(&self) -> Value {
        self.get("/api/credits").is(200).json()
    }

    /// The chain verifies; how many entries it has and how many holds are open.
    pub fn verify(&self) -> (u64, u64) {
        let said = self.get("/api/billing/verify").is(200).json();
        assert_eq!(said["ok"], true, "{said}");
        (said["entries"].as_u64().unwrap(), said["open_holds"].as_u64().unwrap())
    }

    /// Waits until nothing is held.
    pub fn at_rest(&self) -> (u64, u64) {
        until(Duration::from_secs(15), "every hold ends", || {
            Some(self.verify()).filter(|(_, open)| *open == 0)
        })
    }
}

/// The lines of an entry add up to what was charged.
pub fn adds_up(event: &Value) {
    let lines: i128 = event["lines"].as_array().unwrap().iter().map(|l| amount(&l["amount"])).sum();
    assert_eq!(lines, amount(&event["cost_usd"]), "{event}");
}
