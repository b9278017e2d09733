//! The unit that callers are shown money in, as configured. The arithmetic is `billing`'s.

use serde::{Deserialize, Serialize};
use vocab::Ratio;

/// What a credit is worth, and what is added to the provider's price. Decimal texts in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Credits {
    /// `"0.01"`: a credit is a cent.
    #[serde(with = "decimal")]
    pub usd_per_credit: Ratio,
    /// `"1.2"` bills 20 % more than the provider does.
    #[serde(with = "decimal")]
    pub markup: Ratio,
}

/// A cent a credit, nothing added.
impl Default for Credits {
    fn default() -> Self {
        Self { usd_per_credit: Ratio { num: 1, den: 100 }, markup: Ratio::ONE }
    }
}

mod decimal {
    use super::Ratio;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
    use std::borrow::Cow;

    /// Ratios come from at most six decimal places, so six say all of them.
    pub fn serialize<S: Serializer>(ratio: &Ratio, serializer: S) -> Result<S::Ok, S::Error> {
        let micro = u64::from(ratio.num) * 1_000_000 / u64::from(ratio.den.max(1));
        format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000)
            .trim_end_matches('0')
            .trim_end_matches('.')
            .serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ratio, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|_| {
            D::Error::custom(format!(
                "{text:?} is not a decimal above 0 with at most 6 places, as a text, like \"0.01\""
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credits_are_decimal_texts() {
        let credits: Credits = serde_json::from_str(r#"{"usd_per_credit":"0.005","markup":"1.25"}"#).unwrap();
        assert_eq!(credits.usd_per_credit, Ratio { num: 1, den: 200 });
        let text = serde_json::to_string(&credits).unwrap();
        assert_eq!(text, r#"{"usd_per_credit":"0.005","markup":"1.25"}"#);
        for bad in [r#"{"markup":"0"}"#, r#"{"markup":"-1"}"#, r#"{"markup":"x"}"#, r#"{"mark_up":"1"}"#] {
            assert!(serde_json::from_str::<Credits>(bad).is_err(), "{bad}");
        }
    }
}
