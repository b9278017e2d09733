//! What becomes of everything that can be asked for and of everything that can be answered, by the protocol of the client and
//! the dialect of who is asked: `docs/matrix.md`, made by asking.
//!
//! `WEIR_WRITE_MATRIX=1 cargo test --test gateway matrix` writes the page anew; read that diff.

mod answers;
mod providers;
mod requests;
mod words;

use std::path::Path;

const ASKED: &str = "# What becomes of what is asked

Made by `tests/gateway/matrix`, which asks for everything in every protocol of a provider of every dialect, and looks at what
that provider is really sent. Do not edit: `WEIR_WRITE_MATRIX=1 cargo test --test gateway matrix` writes it.

- **native**: the client's own bytes go on; what weir does not know goes with them.
- **translated**: it is said in the provider's words.
- **left out**: the provider has no words for it, and the answer is as good without.
- **elsewhere (why)**: this provider is never asked. Who can is; where nobody can, the answer is 422 with this reason, and
  names the field where it is one that only one dialect has.
- **a status and a field**: refused whoever might be asked.

This is what wire formats can say. What a *model* can do is in the catalogue, and narrows it further in the same way.
";

const ANSWERED: &str = "\n# What becomes of what is answered\n";

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
