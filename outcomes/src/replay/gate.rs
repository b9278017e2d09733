//! How much worse another policy may be.

use super::Estimates;
use std::str::FromStr;

/// Bounds on figures by name: `cost:+2%,quality:-1%` is at most 2 % dearer and at most 1 % worse.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate(pub Vec<Limit>);

/// How far one figure may move from the logged policy's, in its bad direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub figure: String,
    /// 0.02 lets it rise by 2 %, −0.01 fall by 1 %.
    pub change: f64,
}

/// What a gate says of estimates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Holds,
    /// With a reason for each limit.
    Fails(Vec<String>),
}

impl FromStr for Gate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let limit = |part: &str| {
            let wrong = || {
                format!("{part:?}: expected a figure and how far it may move, like cost:+2% or quality:-1%")
            };
            let (figure, change) = part.trim().split_once(':').ok_or_else(wrong)?;
            let signed = change.starts_with(['+', '-']);
            let change: f64 = change.strip_suffix('%').ok_or_else(wrong)?.parse().map_err(|_| wrong())?;
            if figure.is_empty() || !signed || !change.is_finite() {
                return Err(wrong());
            }
            Ok(Limit { figure: figure.into(), change: change / 100.0 })
        };
        text.split(',').map(limit).collect::<Result<_, _>>().map(Self)
    }
}

impl Gate {
    /// Judges by the doubly robust estimate. What the log cannot say fails too: a gate that opens when nothing is known is none.
    pub fn judge(&self, estimates: &dyn Fn(&str) -> Option<Estimates>) -> Verdict {
        let mut reasons = Vec::new();
        for Limit { figure, change } in &self.0 {
            let Some(found) = estimates(figure) else {
                reasons.push(format!("there is no figure {figure:?}"));
                continue;
            };
            reasons.extend(found.warnings.iter().map(|warning| format!("{figure}: {warning}")));
            let (was, is) = (found.logged.value, found.doubly_robust.value);
            let bound = was + was.abs() * change;
            let beyond = if *change < 0.0 || change.is_sign_negative() { is < bound } else { is > bound };
            if beyond || is.is_nan() {
                reasons.push(format!(
                    "{figure} goes from {was:.6} to {is:.6}, beyond {bound:.6} ({:+} %)",
                    change * 100.0
                ));
            }
        }
        if reasons.is_empty() { Verdict::Holds } else { Verdict::Fails(reasons) }
    }
}
