//! The report as one page that needs nothing else: no script, no font, no picture from elsewhere.

mod chart;

use super::table::{apgr, looking, per_cent, three, title};
use outcomes::judge::PoolFigures;
use outcomes::report::{Part, PolicyReport, PoolReport, Report};
use outcomes::usd;
use router::Weights;
use std::fmt::Write;

const PRESETS: [(&str, Weights); 4] = Weights::PRESETS;

/// As text of a page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// `worse` are the sentences about where weir is behind.
pub fn page(report: &Report, worse: &[String]) -> String {
    let mut out = String::new();
    let mut add = |text: std::fmt::Arguments<'_>| {
        // Writing into a String cannot fail.
        let _ = out.write_fmt(text);
    };
    let first = report.parts.first();
    let rows: usize = first.map_or(0, |p| p.pools.iter().map(|p| p.rows).sum());
    let pools = first.map_or(0, |p| p.pools.len());
    add(format_args!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>weir bench</title>\
         <style>{}</style></head><body><main>",
        include_str!("page.css")
    ));
    add(format_args!(
        "<header><p class=\"kicker\">weir bench</p><h1>What a look at the prompt is worth</h1>\
         <p class=\"lede\">Routing policies on what every model of {pools} {} made of the same prompts; {rows} of them are judged here \
         first. The dashed line of each chart is what mixing single models at random gives: whatever is above it was won by looking. \
         <strong>nAIQ</strong> is how much of the way from there to the oracle that is, over all budgets.</p>\
         <p class=\"note\">Seed {}. The same data and seed give the same page.</p>",
        if pools == 1 { "pool" } else { "pools" },
        report.seed
    ));
    contents(report, &mut add);
    add(format_args!("</header>"));
    add(format_args!(
        "<section class=\"worse\"><h2 id=\"worse\">Where weir is worse than something simpler</h2>"
    ));
    if worse.is_empty() {
        add(format_args!("<p>Nowhere in these figures. That is a statement about this data only.</p>"));
    } else {
        list(worse, &mut add);
    }
    add(format_args!("</section>"));
    for part in &report.parts {
        let name = part.setting.name();
        add(format_args!("<section><h2 id=\"{name}\">{}</h2>", title(part.setting)));
        summary(part, &mut add);
        for pool in &part.pools {
            of_pool(pool, name, &mut add);
        }
        add(format_args!("</section>"));
    }
    add(format_args!("<section><h2 id=\"reading\">To read the figures</h2>"));
    list(&outcomes::assumptions(), &mut add);
    add(format_args!("</section></main></body></html>\n"));
    out
}

type Add<'a> = &'a mut dyn FnMut(std::fmt::Arguments<'_>);

fn list(items: &[String], add: Add<'_>) {
    add(format_args!("<ul>"));
    for item in items {
        add(format_args!("<li>{}</li>", escaped(item)));
    }
    add(format_args!("</ul>"));
}

fn contents(report: &Report, add: Add<'_>) {
    add(format_args!("<nav aria-label=\"Contents\"><ul><li><a href=\"#worse\">Where it is worse</a></li>"));
    for part in &report.parts {
        let name = part.setting.name();
        for pool in &part.pools {
            add(format_args!(
                "<li><a href=\"#{}\">{} ({name})</a></li>",
                place(name, pool),
                escaped(&pool.pool)
            ));
        }
    }
    add(format_args!("<li><a href=\"#reading\">To read the figures</a></li></ul></nav>"));
}

/// An anchor; a pool's name is a file's name and may hold anything.
fn place(setting: &str, pool: &PoolReport) -> String {
    let name: String = pool.pool.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("{setting}-{name}")
}

/// A cell that is bold where it is the best that anybody can have, and red where it is under the mix.
fn cell(figure: f64, best: bool) -> String {
    let class = if figure < -0.0005 {
        " class=\"bad\""
    } else if best {
        " class=\"good\""
    } else {
        ""
    };
    format!("<td{class}>{}</td>", three(figure))
}

fn head(cells: &[&str], add: Add<'_>) {
    add(format_args!("<thead><tr>"));
    for cell in cells {
        add(format_args!("<th scope=\"col\">{}</th>", escaped(cell)));
    }
    add(format_args!("</tr></thead><tbody>"));
}

/// A policy that anybody can have, with nothing assumed.
fn real(name: &str) -> bool {
    name != "oracle" && name != "cascade"
}

fn summary(part: &Part, add: Add<'_>) {
    add(format_args!(
        "<div class=\"wide\"><table><caption>nAIQ: 0 is the best mix of single models, 1 the oracle</caption>"
    ));
    let pools: Vec<&str> = part.pools.iter().map(|p| p.pool.as_str()).collect();
    head(&[&["policy"], pools.as_slice(), &["mean"]].concat(), add);
    let naiq = |pool: &PoolReport, name: &str| pool.policy(name).map_or(f64::NAN, |p| p.figures.score.naiq);
    let names: Vec<&String> =
        part.pools.first().into_iter().flat_map(|p| p.policies.iter().map(|p| &p.name)).collect();
    let most = |of: &dyn Fn(&str) -> f64| {
        names.iter().filter(|n| real(n)).map(|n| of(n)).fold(f64::NEG_INFINITY, f64::max)
    };
    let mean = |name: &str| part.means.get(name).copied().unwrap_or(f64::NAN);
    for name in &names {
        add(format_args!(
            "<tr{}><th scope=\"row\">{}</th>",
            if real(name) { "" } else { " class=\"idle\"" },
            escaped(name)
        ));
        for pool in &part.pools {
            let figure = naiq(pool, name);
            add(format_args!("{}", cell(figure, figure >= most(&|n| naiq(pool, n)))));
        }
        add(format_args!("{}</tr>", cell(mean(name), mean(name) >= most(&mean))));
    }
    add(format_args!("</tbody></table></div>"));
}

fn of_pool(pool: &PoolReport, setting: &str, add: Add<'_>) {
    let id = place(setting, pool);
    add(format_args!(
        "<h3 id=\"{id}\">{}</h3><p class=\"note\">{} rows judged, of {} tasks; {} learned from; {} models{}</p>",
        escaped(&pool.pool),
        pool.rows,
        pool.tasks_judged,
        pool.learned,
        pool.singles.len(),
        if pool.licence.is_empty() {
            String::new()
        } else {
            format!(". Licence: {}", escaped(&pool.licence))
        }
    ));
    add(format_args!(
        "<figure>{}<figcaption>Circles are single models, diamonds the presets. Point at a mark for its name.</figcaption></figure>",
        chart::chart(pool, &id)
    ));
    figures(pool, add);
    tasks(pool, add);
    rewording(pool, add);
}

fn figures(pool: &PoolReport, add: Add<'_>) {
    add(format_args!(
        "<div class=\"wide\"><table><caption>Measures of every policy on {}</caption>",
        escaped(&pool.pool)
    ));
    head(&["policy", "nAIQ", "95 %", "AIQ", "CostSave", "PerfGain", "Arena", "APGR"], add);
    let span =
        pool.policies.iter().filter(|p| p.name != "oracle").fold((-0.05_f64, 0.05_f64), |(low, high), p| {
            let (from, to) = reach(&p.figures);
            (low.min(from), high.max(to))
        });
    for policy in &pool.policies {
        let score = &policy.figures.score;
        let idle = if real(&policy.name) { "" } else { " class=\"idle\"" };
        add(format_args!(
            "<tr{idle}><th scope=\"row\">{}</th>{}<td>{}</td><td>{:.4}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(&policy.name),
            cell(score.naiq, false),
            if policy.name == "oracle" { String::new() } else { strip(&policy.figures, span) },
            score.aiq,
            score.cost_save.map_or_else(|| "–".into(), per_cent),
            per_cent(score.perf_gain),
            three(score.arena),
            apgr(policy)
        ));
    }
    add(format_args!("</tbody></table></div>"));
}

/// The interval's ends, or the figure where there is none. What is far below zero is cut off: it is just bad.
fn reach(figures: &PoolFigures) -> (f64, f64) {
    let naiq = figures.score.naiq;
    let (low, high) = figures.interval.map_or((naiq, naiq), |i| (i.0, i.1));
    (low.max(-0.5), high.max(-0.5))
}

/// An interval as a line with a dot, on one scale for a table; the thin mark is zero.
fn strip(figures: &PoolFigures, span: (f64, f64)) -> String {
    let x = |figure: f64| 4.0 + 132.0 * ((figure - span.0) / (span.1 - span.0)).clamp(0.0, 1.0);
    let (low, high) = reach(figures);
    let said = figures.interval.map_or_else(String::new, |i| format!("{} to {}", three(i.0), three(i.1)));
    format!(
        "<svg class=\"strip\" viewBox=\"0 0 140 14\" role=\"img\" aria-label=\"{said}\"><title>{said}</title>\
         <line class=\"axis\" x1=\"{zero:.1}\" x2=\"{zero:.1}\" y1=\"0\" y2=\"14\"/>\
         <line class=\"reach\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"7\" y2=\"7\"/><circle cx=\"{:.1}\" cy=\"7\" r=\"3\"/></svg>",
        x(low),
        x(high),
        x(figures.score.naiq),
        zero = x(0.0)
    )
}

fn tasks(pool: &PoolReport, add: Add<'_>) {
    let policies = looking(pool);
    if pool.tasks.is_empty() || policies.is_empty() {
        return;
    }
    add(format_args!("<details><summary>nAIQ by task</summary><div class=\"wide\"><table>"));
    let names: Vec<&str> = policies.iter().map(|p| p.name.as_str()).collect();
    head(&[&["task", "rows"], names.as_slice()].concat(), add);
    for (task, rows) in &pool.tasks {
        add(format_args!("<tr><th scope=\"row\">{}</th><td>{rows}</td>", escaped(task)));
        for policy in &policies {
            add(format_args!("{}", cell(policy.tasks.get(task).copied().unwrap_or(f64::NAN), false)));
        }
        add(format_args!("</tr>"));
    }
    add(format_args!("</tbody></table></div></details>"));
}

fn rewording(pool: &PoolReport, add: Add<'_>) {
    let policies: Vec<&PolicyReport> = pool.policies.iter().filter(|p| !p.reworded.is_empty()).collect();
    let Some(first) = policies.first() else { return };
    add(format_args!(
        "<details><summary>The same prompts in other words</summary><div class=\"wide\"><table>\
         <caption>Share of choices that stay, at the price of the preset balanced ({} USD a good answer)</caption>",
        usd(Weights::BALANCED.answer_value)
    ));
    let names: Vec<&str> = policies.iter().map(|p| p.name.as_str()).collect();
    head(&[&["reworded"], names.as_slice()].concat(), add);
    for kind in first.reworded.keys() {
        add(format_args!("<tr><th scope=\"row\">{}</th>", escaped(kind)));
        for policy in &policies {
            let share = policy.reworded.get(kind).copied().unwrap_or(f64::NAN);
            let class = if share < 0.85 { " class=\"bad\"" } else { "" };
            add(format_args!("<td{class}>{}</td>", per_cent(share)));
        }
        add(format_args!("</tr>"));
    }
    add(format_args!("</tbody></table></div></details>"));
}

#[cfg(test)]
mod tests;
