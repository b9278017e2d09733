//! A file has one subject. One that is too long to be read at a sitting has usually found a second.

use crate::{CRATES, home, none, shown, source};

/// Lines of code; blank ones, comments and tests are not counted.
const MOST: usize = 500;

/// Longer ones, each with why it is one subject all the same.
const LONGER: &[(&str, &str)] = &[];

fn lines(code: &str) -> usize {
    code.lines().filter(|line| !line.trim().is_empty()).count()
}

#[test]
fn files_have_one_subject() {
    let mut complaints = Vec::new();
    let mut excused: Vec<&str> = LONGER.iter().map(|(file, _)| *file).collect();
    for name in CRATES {
        for (path, code) in source::live(&home(name).join("src")) {
            let (place, count) = (shown(&path), lines(&code));
            let excuse = excused.iter().position(|file| *file == place);
            match excuse {
                Some(at) if count > MOST => drop(excused.remove(at)),
                _ if count > MOST => complaints.push(format!(
                    "{place}: {count} lines of code, more than {MOST}; name its second subject, or excuse it in tests/house/length.rs"
                )),
                _ => {}
            }
        }
    }
    complaints.extend(
        excused.iter().map(|file| format!("{file} is excused in tests/house/length.rs and needs no excuse")),
    );
    none(&complaints);
}

#[test]
fn only_code_counts() {
    let code =
        source::without_tests(&source::plain("a\n\n// b\n/* c\n d */\n e \n#[cfg(test)]\nmod t {\n f\n}\n"));
    assert_eq!(lines(&code), 2);
}
