//! What becomes of everything that can be asked for and of everything that can be answered, by the protocol of the client and
//! the dialect of who is asked: `docs/matrix.md`, made by asking.
//!
//! `WEIR_WRITE_MATRIX=1 cargo test --test gateway matrix` writes the page anew; read that diff.

mod answers;
mod providers;
mod requests;
mod words;

use std::path::Path;

const ASKED: &str = "# What becomes of what is asked and of what is answered

Made by `tests/gateway/matrix`, which asks for everything in every protocol of a provider of every dialect, and looks at what
that provider is really sent, and at what the client is really told. Do not edit:
`WEIR_WRITE_MATRIX=1 cargo test --test gateway matrix` writes it.

This is what wire formats can say. What a *model* can do is in the catalogue, and narrows it further in the same way.

## What is asked

- **native**: the client's own bytes go on; what weir does not know goes with them.
- **translated**: it is said in the provider's words.
- **left out**: the provider has no words for it, and the answer is as good without.
- **elsewhere (why)**: this provider is never asked. Who can is; where nobody can, the answer is 422 with this reason, and
  names the field where it is one that only one dialect has.
- **a status and a field**: refused whoever might be asked.
";

const ANSWERED: &str = "
## What is answered

The providers are fakes that say everything their formats have words for. What they said and what the client was told are read
in the same way and held against each other, whole answers and streams: where a cell does not tell them apart, both come to the
same. A stream that goes wrong ends with an error in the shape of the client's protocol, and without what ends a whole one.

- **native**: the provider's own bytes go on.
- **translated**: it is said in the client's words.
- **left out (why)**: it is said, and the client is not told. Why is below the last table.
- **not said**: this provider does not say it in this format, or only to who asks for it in words that this client has not.
- **elsewhere**: this provider is not asked for it, as above.
- **a status and a word**: an error before the answer, as the protocol names it. A word alone: in a stream that was under way.
- **an answer, filtered**: the provider refuses with an answer that has no words and says why it ended, and so is it told.

What an OpenAI-like server says of its reasoning is that of a server of one's own: OpenAI's do not show it in chat completions.
";

#[test]
fn matrix_says_what_becomes_of_everything() {
    let ((asked, mut wrong), (answered, lost)) = std::thread::scope(|scope| {
        let asked = scope.spawn(requests::page);
        let answered = scope.spawn(answers::page);
        (asked.join().unwrap(), answered.join().unwrap())
    });
    wrong.extend(lost);
    let is = format!("{ASKED}{asked}{ANSWERED}{answered}");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/matrix.md");
    if std::env::var("WEIR_WRITE_MATRIX").is_ok_and(|v| v == "1") {
        std::fs::write(&file, &is).unwrap();
    }
    assert!(wrong.is_empty(), "dropped in silence:\n{}", wrong.join("\n"));
    let said = std::fs::read_to_string(&file).unwrap_or_default();
    let wrong: Vec<String> = is
        .lines()
        .filter(|line| !said.lines().any(|s| s == *line))
        .map(|line| format!("is:   {line}"))
        .chain(
            said.lines().filter(|line| !is.lines().any(|i| i == *line)).map(|line| format!("said: {line}")),
        )
        .collect();
    assert!(is == said, "docs/matrix.md is not what happens:\n{}", wrong.join("\n"));
}
