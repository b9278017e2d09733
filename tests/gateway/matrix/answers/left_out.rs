//! What is said and rightly not told, and where it is to be found instead.

/// For one feature: who is not told, of whom.
struct LeftOut {
    feature: &'static str,
    /// Clients, by the place of their protocol.
    clients: &'static [usize],
    /// Providers; none means all.
    providers: &'static [&'static str],
    /// Of [`WHY`].
    why: &'static str,
}

/// The reasons, and the sentence for each.
const WHY: &[(&str, &str)] = &[
    (
        "own id",
        "ids of this protocol have a form of their own, which this provider's have not: weir makes one.",
    ),
    ("no field", "the protocol says that a sequence ended it, and has no field for which one."),
    (
        "in the bill",
        "the protocol has no field for it. It is part of the tokens in, and the entry in the books has it apart.",
    ),
    (
        "not needed",
        "Gemini's seal on a text need not come back: only those on calls are asked for again, and those do.",
    ),
    (
        "whole block",
        "in this protocol a page stands on a block of text. In a stream the text is out before its provider says what rests on \
         the page, so that all of the block does.",
    ),
];

const LEFT_OUT: &[LeftOut] = &[
    LeftOut { feature: "The answer's id", clients: &[1, 2], providers: &[], why: "own id" },
    LeftOut { feature: "Which one it was", clients: &[0, 3], providers: &["anthropic"], why: "no field" },
    LeftOut { feature: "Tokens written to the cache", clients: &[3], providers: &[], why: "in the bill" },
    LeftOut {
        feature: "The seal on reasoning before a text, and back",
        clients: &[0, 1, 2],
        providers: &["gemini"],
        why: "not needed",
    },
    LeftOut { feature: "The passage that rests on them", clients: &[2], providers: &[], why: "whole block" },
];

pub fn why(feature: &str, protocol: usize, provider: &str) -> Option<&'static str> {
    let fits = |one: &&LeftOut| {
        one.feature == feature
            && one.clients.contains(&protocol)
            && (one.providers.is_empty() || one.providers.contains(&provider))
    };
    LEFT_OUT.iter().find(fits).map(|one| one.why)
}

/// What the reasons mean.
pub fn legend() -> String {
    let lines: String = WHY.iter().map(|(word, what)| format!("- **{word}**: {what}\n")).collect();
    format!("\nWhy something is left out:\n\n{lines}")
}

/// What nothing is left out for any more, of this part of the page.
pub fn idle(page: &str) -> Vec<String> {
    let told = |one: &&LeftOut| {
        let row = format!("| {} |", one.feature);
        !page.lines().any(|line| line.starts_with(&row) && line.contains(&format!("left out ({})", one.why)))
    };
    LEFT_OUT.iter().filter(told).map(|one| format!("{}: nothing is left out", one.feature)).collect()
}
