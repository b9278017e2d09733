//! A name for a price that changes when the price does.

use sha2::{Digest, Sha256};
use std::fmt::Write;
use vocab::{Price, Rates, Tier};

/// The first twelve hexadecimal digits of the SHA-256 of everything that decides a bill: the id, rates, tiers, scheduled
/// changes, multipliers and minimum. The source is left out, so that the same price from two sources has one version.
pub fn price_version(price: &Price) -> String {
    let mut text = format!("{}\n", price.id);
    rates(&mut text, &price.rates);
    tiers(&mut text, &price.tiers);
    for change in &price.changes {
        let _ = writeln!(text, "from {}", change.from.as_secs());
        rates(&mut text, &change.rates);
        tiers(&mut text, &change.tiers);
    }
    for (modifier, ratio) in &price.multipliers {
        let _ = writeln!(text, "times {} {}/{}", modifier.bits(), ratio.num, ratio.den);
    }
    let _ = writeln!(text, "least {}", price.audio_millis_min);
    let mut name = String::with_capacity(12);
    for byte in Sha256::digest(text.as_bytes()).iter().take(6) {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

fn rates(text: &mut String, rates: &Rates) {
    for (bucket, rate) in rates.iter() {
        let _ = writeln!(text, "{} {}/{}", bucket.name(), rate.pico, rate.per);
    }
}

fn tiers(text: &mut String, list: &[Tier]) {
    for tier in list {
        let _ = writeln!(text, "above {}", tier.above_input);
        rates(text, &tier.rates);
    }
}
