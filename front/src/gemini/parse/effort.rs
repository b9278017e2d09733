//! How hard a model is asked to think: a level, or a budget of tokens.

use vocab::Effort;

pub(in crate::gemini) const LEVELS: [&str; 6] =
    ["THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"];

/// A level by its name; a budget by Google's own OpenAI-compatible layer, which has low 1K, medium 8K and high 24K. A
/// budget of 0 is none; -1, and nothing said, leaves it to the model. A budget below medium is low, however small, as
/// the least that some models take is more than that of others.
pub(in crate::gemini) fn of(level: Option<&str>, budget: Option<i64>) -> Option<Effort> {
    match (level, budget) {
        (Some("MINIMAL"), _) => Some(Effort::Minimal),
        (Some("LOW"), _) => Some(Effort::Low),
        (Some("MEDIUM"), _) => Some(Effort::Medium),
        (Some("HIGH"), _) => Some(Effort::High),
        (Some("XHIGH"), _) => Some(Effort::Xhigh),
        (_, Some(0)) => Some(Effort::None),
        (_, Some(1..8_192)) => Some(Effort::Low),
        (_, Some(8_192..24_576)) => Some(Effort::Medium),
        (_, Some(24_576..)) => Some(Effort::High),
        _ => None,
    }
}
