//! Cost–quality curves of one pool, as SVG.
//!
//! Written by hand: there is one form of chart, and it takes its colours from the page, which no plotting crate leaves it.

use super::{escaped, three};
use outcomes::measure::{Hull, Point};
use outcomes::report::PoolReport;
use outcomes::usd;
use std::fmt::Write;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 430.0;
const LEFT: f64 = 46.0;
/// Room for the names of the curves.
const RIGHT: f64 = 150.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 46.0;
/// Least distance of two names.
const LINE: f64 = 15.0;

/// Where costs and qualities are on the sheet. Costs by their logarithm: they are up to a thousand times apart.
struct Sheet {
    cost: (f64, f64),
    quality: (f64, f64),
}

impl Sheet {
    fn of(pool: &PoolReport) -> Self {
        let costs = pool.singles.iter().map(|s| s.point.cost).filter(|c| *c > 0.0);
        let (low, high) = costs.fold((f64::INFINITY, 0.0_f64), |(low, high), c| (low.min(c), high.max(c)));
        let (low, high) = if high > 0.0 { (low * 0.8, high * 1.25) } else { (0.5, 2.0) };
        let floor = pool.zero.quality.first().copied().unwrap_or(0.0);
        let (floor, top) = ((floor - 0.04).max(0.0), (pool.oracle.top() + 0.02).min(1.0));
        Self { cost: (low, high), quality: (floor, top.max(floor + 0.05)) }
    }

    fn x(&self, cost: f64) -> f64 {
        let share = (cost.max(self.cost.0) / self.cost.0).ln() / (self.cost.1 / self.cost.0).ln();
        LEFT + share.min(1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, quality: f64) -> f64 {
        let share = (quality - self.quality.0) / (self.quality.1 - self.quality.0);
        HEIGHT - BOTTOM - share.clamp(0.0, 1.0) * (HEIGHT - BOTTOM - TOP)
    }

    fn holds(&self, point: Point) -> bool {
        (self.cost.0..=self.cost.1).contains(&point.cost)
            && (self.quality.0..=self.quality.1).contains(&point.quality)
    }

    /// A hull is straight in cost, so it bends on this sheet.
    fn path(&self, hull: &Hull) -> String {
        const STEPS: u32 = 120;
        let first = hull.cost.first().copied().unwrap_or(self.cost.1).max(self.cost.0);
        let mut path = String::new();
        for step in 0..=STEPS {
            let cost = first * (self.cost.1 / first).powf(f64::from(step) / f64::from(STEPS));
            let (x, y) = (self.x(cost), self.y(hull.at(cost * (1.0 + 1e-12))));
            // Writing into a String cannot fail.
            let _ = write!(path, "{}{x:.1} {y:.1}", if step == 0 { "M" } else { "L" });
        }
        path
    }
}

/// Steps of 1, 2 or 5 of a size that gives about six.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 6.0;
    let size = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|s| s * size).find(|s| *s >= rough).unwrap_or(rough);
    let mut all = Vec::new();
    let mut at = (low / step).ceil();
    while at * step <= high + 1e-12 && all.len() < 20 {
        all.push(at * step);
        at += 1.0;
    }
    all
}

/// 1, 2 and 5 of each power of ten; only the powers where there are many.
fn decades(low: f64, high: f64) -> Vec<f64> {
    let many = (high / low).log10() > 2.5;
    let mut all = Vec::new();
    let mut power = 10f64.powf(low.log10().floor());
    while power <= high && all.len() < 40 {
        all.extend([1.0, 2.0, 5.0].into_iter().filter(|s| !many || *s == 1.0).map(|s| s * power));
        power *= 10.0;
    }
    all.retain(|c| (low..=high).contains(c));
    all
}

/// The curves that are drawn: name, class, hull. Those that look at the prompt, and what they are held against.
fn curves(pool: &PoolReport) -> Vec<(&str, &'static str, &Hull)> {
    let mut all: Vec<(&str, &str, &Hull)> =
        vec![("oracle", "oracle", &pool.oracle), ("mix of models", "zero", &pool.zero)];
    if let Some(cascade) = pool.policy("cascade") {
        all.push(("cascade", "cascade", &cascade.hull));
    }
    let looking = pool.policies.iter().filter(|p| !p.reworded.is_empty());
    all.extend(looking.zip(["s0", "s1", "s2"]).map(|(p, class)| (p.name.as_str(), class, &p.hull)));
    all
}

/// Heights of names beside their curves, none nearer than a line to another.
fn spread(mut wanted: Vec<(usize, f64)>) -> Vec<(usize, f64)> {
    wanted.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut below = f64::NEG_INFINITY;
    for (_, y) in &mut wanted {
        *y = y.max(below + LINE);
        below = *y;
    }
    let mut above = HEIGHT - BOTTOM + LINE;
    for (_, y) in wanted.iter_mut().rev() {
        *y = y.min(above - LINE);
        above = *y;
    }
    wanted
}

pub fn chart(pool: &PoolReport, id: &str) -> String {
    let sheet = Sheet::of(pool);
    let mut out = String::new();
    let mut add = |text: std::fmt::Arguments<'_>| {
        // Writing into a String cannot fail.
        let _ = out.write_fmt(text);
    };
    add(format_args!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\
         <title id=\"{id}-t\">Cost and quality on {}</title><desc id=\"{id}-d\">{}</desc>",
        escaped(&pool.pool),
        escaped(&described(pool))
    ));
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    for quality in ticks(sheet.quality.0, sheet.quality.1) {
        let y = sheet.y(quality);
        add(format_args!("<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"));
        add(format_args!(
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{quality:.2}</text>",
            LEFT - 8.0,
            y + 4.0
        ));
    }
    for cost in decades(sheet.cost.0, sheet.cost.1) {
        let x = sheet.x(cost);
        add(format_args!(
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom}\" y2=\"{}\"/>",
            bottom + 5.0
        ));
        let label = usd(cost / 1e3);
        let label =
            if label.contains('.') { label.trim_end_matches('0').trim_end_matches('.') } else { &label };
        add(format_args!("<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", bottom + 19.0));
    }
    let middle = (LEFT + right) / 2.0;
    add(format_args!(
        "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">USD for a thousand calls</text>",
        HEIGHT - 6.0
    ));
    add(format_args!("<text x=\"{}\" y=\"{}\">quality</text>", LEFT + 6.0, TOP + 4.0));
    let curves = curves(pool);
    for (_, class, hull) in &curves {
        add(format_args!("<path class=\"curve {class}\" d=\"{}\"/>", sheet.path(hull)));
    }
    for single in pool.singles.iter().filter(|s| sheet.holds(s.point)) {
        let (x, y) = (sheet.x(single.point.cost), sheet.y(single.point.quality));
        let said = format!("{}: {}", single.model, pointed(single.point));
        add(format_args!(
            "<circle class=\"single\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.4\"><title>{}</title></circle>",
            escaped(&said)
        ));
    }
    presets(pool, &sheet, &mut add);
    let ends =
        curves.iter().enumerate().map(|(at, (_, _, hull))| (at, sheet.y(hull.at(sheet.cost.1)))).collect();
    for (at, y) in spread(ends) {
        let (name, class, hull) = curves[at];
        let end = sheet.y(hull.at(sheet.cost.1));
        add(format_args!(
            "<path class=\"leader\" d=\"M{} {end:.1}L{} {y:.1}\"/><text class=\"name {class}\" x=\"{}\" y=\"{:.1}\">{}</text>",
            right + 4.0,
            right + 14.0,
            right + 18.0,
            y + 4.0,
            escaped(name)
        ));
    }
    add(format_args!("</svg>"));
    out
}

/// Where the presets stand; those that stand together are one mark.
fn presets(pool: &PoolReport, sheet: &Sheet, add: &mut dyn FnMut(std::fmt::Arguments<'_>)) {
    let mut marks: Vec<(Point, Vec<&str>)> = Vec::new();
    for (name, _) in super::PRESETS {
        let point = pool.policy(name).and_then(|p| p.presets.get("always")).copied();
        let Some(point) = point.filter(|p| sheet.holds(*p)) else { continue };
        let near = |other: &Point| {
            let (dx, dy) =
                (sheet.x(other.cost) - sheet.x(point.cost), sheet.y(other.quality) - sheet.y(point.quality));
            dx.hypot(dy) < 12.0
        };
        match marks.iter_mut().find(|(other, _)| near(other)) {
            Some((_, names)) => names.push(name),
            None => marks.push((point, vec![name])),
        }
    }
    for (point, names) in marks {
        let (x, y, names) = (sheet.x(point.cost), sheet.y(point.quality), names.join(", "));
        add(format_args!(
            "<path class=\"preset\" d=\"M{x:.1} {:.1}l6 6l-6 6l-6 -6z\"><title>{names}: {}</title></path>",
            y - 6.0,
            escaped(&pointed(point))
        ));
        let (anchor, at) = if x > WIDTH - RIGHT - 110.0 { ("end", x - 10.0) } else { ("start", x + 10.0) };
        add(format_args!(
            "<text class=\"preset\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{names}</text>",
            y + 16.0
        ));
    }
}

fn pointed(point: Point) -> String {
    format!("quality {} at {} USD a thousand calls", three(point.quality), usd(point.cost / 1e3))
}

/// The picture in words.
fn described(pool: &PoolReport) -> String {
    let naiq =
        |name: &str| pool.policy(name).map(|p| format!("{name} has nAIQ {}", three(p.figures.score.naiq)));
    let looking = pool.policies.iter().filter(|p| !p.reworded.is_empty()).filter_map(|p| naiq(&p.name));
    format!(
        "Quality against cost on a logarithmic axis. The mix of single models reaches {} and the oracle {}. {}.",
        three(pool.zero.top()),
        three(pool.oracle.top()),
        looking.chain(naiq("cascade")).collect::<Vec<_>>().join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let shown = |list: Vec<f64>| list.iter().map(|t| format!("{t:.2}")).collect::<Vec<_>>().join(" ");
        assert_eq!(shown(ticks(0.31, 0.92)), "0.40 0.60 0.80");
        assert_eq!(shown(ticks(0.5, 1.0)), "0.50 0.60 0.70 0.80 0.90 1.00");
        assert_eq!(shown(decades(30.0, 900.0)), "50.00 100.00 200.00 500.00");
        assert_eq!(shown(decades(3.0, 90_000.0)), "10.00 100.00 1000.00 10000.00");
    }

    #[test]
    fn names_do_not_cover_one_another() {
        let spread = spread(vec![(0, 380.0), (1, 381.0), (2, 20.0), (3, 379.0)]);
        assert!(spread.windows(2).all(|w| w[1].1 - w[0].1 >= LINE - 1e-9), "{spread:?}");
        assert!(spread.iter().all(|(_, y)| *y <= HEIGHT - BOTTOM));
    }
}
