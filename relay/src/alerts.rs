//! What there is to be told of an account, from how its budgets and its credit stand.

use crate::watched::Note;
use billing::{Balance, Budgets, Refusal};
use policy::alert::{Alerts, Event};
use vocab::{Cap, Instant, Pico};

/// Everything that is so now, whether or not it was told before: its id says that.
///
/// `caps` are all budgets that are known of; of each the windows that `taken` has are looked at, as a request that began
/// before midnight is charged to the day before. `balance` is None where there is
/// nothing to be said of credit.
pub fn due(
    alerts: &Alerts,
    account: &str,
    caps: &[Cap],
    (taken, balance): (&Budgets, Option<Balance>),
    note: &Note,
    now: Instant,
) -> Vec<Event> {
    let mut events = Vec::new();
    for (budget, window) in taken.iter().filter(|(_, window)| window.charged > Pico::ZERO) {
        let of = caps.iter().find(|cap| cap.budget == budget);
        if let Some(cap) = of.and_then(|cap| at(cap, window.from)) {
            events.extend(alerts.of_budget(account, &cap, window.charged, now));
        }
    }
    if let Some(balance) = balance {
        events.extend(alerts.of_credit(account, balance.granted, balance.balance(), now));
    }
    for refusal in &note.refused {
        match refusal {
            Refusal::Budget { cap, taken, needed } => {
                events.push(Event::exceeded(account, cap, *taken, *needed, now));
            }
            Refusal::Poor { needed, available } => {
                let granted = balance.map(|balance| balance.granted).unwrap_or_default();
                events.push(Event::credit_exhausted(account, granted, *available, *needed, now));
            }
            Refusal::Conflict { .. } | Refusal::NoHold { .. } | Refusal::BadAmount => {}
        }
    }
    events
}

/// The same budget in the window that began at `from`. None for a window that is none of its kind.
fn at(cap: &Cap, from: Instant) -> Option<Cap> {
    let until = match cap.budget.rsplit_once('/')?.1 {
        "day" => Some(from.next_day()),
        "month" => Some(from.next_month()),
        _ => None,
    };
    Some(Cap { from, until, ..cap.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use billing::{Book, Line, Op};
    use vocab::{Duration, Usage};

    const EVENING: Instant = Instant::from_secs(1_795_305_540); // a minute before midnight

    fn cap(from: Instant, until: Option<Instant>, window: &str) -> Cap {
        Cap { budget: format!("account/{window}"), from, until, limit: Pico(1_000) }
    }

    fn hold(book: &mut Book, id: &str, caps: Vec<Cap>, now: Instant) {
        let lease_until = now.after(Duration::from_secs(600));
        let op = Op::Hold {
            id: id.into(),
            amount: Pico(100),
            estimate: Pico(100),
            lease_until,
            tags: String::new(),
            caps,
        };
        book.post(op, now).unwrap();
    }

    fn settle(book: &mut Book, id: &str, amount: i128, now: Instant) {
        let line = Line {
            provider: "p".into(),
            model: "m".into(),
            usage: Usage::default(),
            price: None,
            amount: Pico(amount),
            outcome: "ok".into(),
        };
        book.post(Op::Settle { id: id.into(), lines: vec![line], estimated: false }, now).unwrap();
    }

    fn told(book: &Book, caps: &[Cap], now: Instant) -> Vec<String> {
        let tally = book.account().tally();
        let found = (&tally.budgets, Some(tally.balance));
        let events = due(&Alerts::default(), "acme", caps, found, &Note::default(), now);
        events.into_iter().map(|event| event.body).collect()
    }

    #[test]
    fn what_is_charged_to_yesterday_is_told_of_yesterday() {
        assert_eq!(EVENING.next_day().since(EVENING), Duration::from_secs(60));
        let mut book = Book::new("acme", None);
        let day = |now: Instant| vec![cap(now.day(), Some(now.next_day()), "day")];
        hold(&mut book, "late", day(EVENING), EVENING);
        let morning = EVENING.after(Duration::from_secs(120));
        hold(&mut book, "early", day(morning), morning);
        settle(&mut book, "early", 10, morning);
        assert!(told(&book, &day(morning), morning).is_empty());
        settle(&mut book, "late", 600, morning);
        let now = morning.after(Duration::from_secs(1));
        let said = told(&book, &day(now), now);
        assert_eq!(said.len(), 1);
        let start = format!(r#""window_start":"{}""#, EVENING.day().rfc3339());
        assert!(said[0].contains(&start) && said[0].contains(r#""percent":50"#), "{}", said[0]);
        let later = EVENING.next_day().after(policy::alert::LATE);
        assert!(told(&book, &day(later), later).is_empty(), "news that nobody needs");
    }

    #[test]
    fn a_budget_without_a_window_has_no_end() {
        let mut book = Book::new("acme", None);
        let total = vec![cap(Instant::ZERO, None, "total")];
        hold(&mut book, "a", total.clone(), EVENING);
        settle(&mut book, "a", 1_000, EVENING);
        let said = told(&book, &total, EVENING);
        assert_eq!(said.len(), 3);
        assert!(said[2].contains(r#""window_start":null,"window_end":null"#), "{}", said[2]);
        assert!(told(&book, &[], EVENING).is_empty(), "a budget that was taken away");
    }
}
