//! The report for people.

use super::figures::{Figure, Report};
use crate::cli::say;
use outcomes::replay::{Estimate, Verdict};

fn figure(of: Figure, value: f64) -> String {
    match of {
        Figure::Cost => format!("{value:.6}"),
        Figure::Latency | Figure::Quality => format!("{value:.4}"),
    }
}

fn line(of: Figure, name: &str, estimate: Estimate) {
    let interval = estimate.interval.map_or_else(String::new, |interval| {
        format!("{} to {}", figure(of, interval.0), figure(of, interval.1))
    });
    say(format_args!("  {name:<16} {:>12}   {interval}", figure(of, estimate.value)));
}

pub fn show(report: &Report, verdict: Option<&Verdict>) {
    say(format_args!(
        "{} over {} decisions ({} more had nothing to choose); the same choice in {:.1} %",
        report.other.name,
        report.decisions,
        report.without_choice,
        report.same * 100.0
    ));
    for (of, rows, told) in &report.figures {
        let unit = match of {
            Figure::Cost => "USD a request",
            Figure::Latency => "seconds to the end of an answer",
            Figure::Quality => "as callers said, 0 to 1",
        };
        match told {
            Err(why) => say(format_args!("{}: {why}", of.name())),
            Ok(found) => {
                say(format_args!(
                    "{} ({unit}; {rows} decisions, worth {:.0} of the other policy's)",
                    of.name(),
                    found.effective_rows
                ));
                line(*of, "as logged", found.logged);
                line(*of, "IPS", found.ips);
                line(*of, "SNIPS", found.snips);
                line(*of, "direct", found.direct);
                line(*of, "doubly robust", found.doubly_robust);
                for warning in &found.warnings {
                    say(format_args!("  ! {warning}"));
                }
            }
        }
    }
    match verdict {
        None => {}
        Some(Verdict::Holds) => say("gate: holds"),
        Some(Verdict::Fails(reasons)) => {
            for reason in reasons {
                say(format_args!("gate: {reason}"));
            }
        }
    }
}
