//! Rust source as far as the rules need it: without comments, texts and tests, as paths with line numbers.
//!
//! Lexical on purpose. It sees into macros, which a parser does not, and it needs no types: the rules ask what is
//! named, not what it is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One path that some code names, like `std::time::Instant`. A macro's last segment ends with `!`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub line: usize,
    pub path: Vec<String>,
}

/// Every `.rs` file below a folder, in order.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return vec![] };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The files of a `src` folder that are compiled outside of tests, with their code: no comments, no texts, no items
/// under `#[cfg(test)]`.
pub fn live(folder: &Path) -> Vec<(PathBuf, String)> {
    let all: Vec<(PathBuf, String)> =
        files(folder).into_iter().map(|p| (p.clone(), plain(&std::fs::read_to_string(p).unwrap()))).collect();
    let tests: BTreeSet<PathBuf> = all.iter().flat_map(|(path, code)| test_modules(path, code)).collect();
    let is_test = |path: &Path| tests.iter().any(|t| path == t.with_extension("rs") || path.starts_with(t));
    all.into_iter()
        .filter(|(path, _)| !is_test(path))
        .map(|(path, code)| (path, without_tests(&code)))
        .collect()
}

/// The same text with comments and the insides of literals blanked; every line stays where it was.
pub fn plain(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let blank = |out: &mut String, part: &[char]| {
        out.extend(part.iter().map(|c| if *c == '\n' { '\n' } else { ' ' }))
    };
    while let Some(&c) = chars.get(at) {
        let end = match (c, chars.get(at + 1)) {
            ('/', Some('/')) => at + chars[at..].iter().position(|c| *c == '\n').unwrap_or(chars.len() - at),
            ('/', Some('*')) => comment_end(&chars, at),
            ('"', _) => text_end(&chars, at),
            ('r', Some('"' | '#')) if !word_before(&chars, at) => raw_end(&chars, at).unwrap_or(at),
            ('\'', _) => char_end(&chars, at).unwrap_or(at),
            _ => at,
        };
        if end > at {
            blank(&mut out, &chars[at..end]);
            at = end;
        } else {
            out.push(c);
            at += 1;
        }
    }
    out
}

fn word_before(chars: &[char], at: usize) -> bool {
    // `br"…"` is a raw text too; any other letter before the r makes it part of a word.
    let before = |back: usize| at.checked_sub(back).and_then(|i| chars.get(i)).copied();
    let wordy = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if matches!(before(1), Some('b' | 'c')) { wordy(before(2)) } else { wordy(before(1)) }
}

fn comment_end(chars: &[char], start: usize) -> usize {
    let mut depth = 0usize;
    let mut at = start;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    chars.len()
}

fn text_end(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(c) = chars.get(at) {
        match c {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn raw_end(chars: &[char], start: usize) -> Option<usize> {
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    let open = start + 1 + hashes;
    (chars.get(open) == Some(&'"')).then_some(())?;
    let closes = |at: usize| {
        chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    Some((open + 1..chars.len()).find(|at| closes(*at)).map_or(chars.len(), |at| at + 1 + hashes))
}

/// None for a lifetime.
fn char_end(chars: &[char], start: usize) -> Option<usize> {
    match (chars.get(start + 1)?, chars.get(start + 2)) {
        ('\\', _) => {
            let close = chars[start + 3..].iter().take(10).position(|c| *c == '\'')?;
            Some(start + 3 + close + 1)
        }
        (_, Some('\'')) => Some(start + 3),
        _ => None,
    }
}

const TEST: &str = "#[cfg(test)]";

/// Blanks every item under `#[cfg(test)]`.
pub fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    let mut from = 0;
    while let Some(found) = out[from..].find(TEST) {
        let start = from + found;
        let end = item_end(&out, start + TEST.len());
        let blanked: String = out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(start..end, &blanked);
        from = start;
    }
    out
}

/// Where the item that begins at `at` ends: after its `;` or its closing brace.
fn item_end(code: &str, at: usize) -> usize {
    let mut round = 0usize;
    let mut curly = 0usize;
    for (offset, c) in code[at..].char_indices() {
        match c {
            '(' | '[' => round += 1,
            ')' | ']' => round = round.saturating_sub(1),
            '{' => curly += 1,
            '}' => {
                curly = curly.saturating_sub(1);
                if curly == 0 && round == 0 {
                    return at + offset + 1;
                }
            }
            ';' if round == 0 && curly == 0 => return at + offset + 1,
            _ => {}
        }
    }
    code.len()
}

/// `#[cfg(test)] mod NAME;`, as the path of the module without its extension.
fn test_modules(file: &Path, code: &str) -> Vec<PathBuf> {
    let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
    let folder = match stem.as_str() {
        "lib" | "main" | "mod" => file.parent().unwrap().to_path_buf(),
        _ => file.with_extension(""),
    };
    let mut found = Vec::new();
    for (at, _) in code.match_indices(TEST) {
        let item = &code[at + TEST.len()..item_end(code, at + TEST.len())];
        if let Some((_, name)) = item.trim_end_matches(';').rsplit_once("mod ")
            && !item.contains('{')
        {
            found.push(folder.join(name.trim()));
        }
    }
    found
}

/// Every path that the code names, the trees of `use` spread out.
pub fn paths(code: &str) -> Vec<Named> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let (line, token) = &tokens[at];
        // `+ use<'a>` says what a type borrows, and imports nothing.
        let imports = token == "use" && tokens.get(at + 1).is_none_or(|(_, next)| next != "<");
        if imports {
            at = tree(&tokens, at + 1, &[], *line, &mut found);
        } else if is_word(token) {
            let mut path = vec![token.clone()];
            while tokens.get(at + 1).is_some_and(|(_, t)| t == "::")
                && tokens.get(at + 2).is_some_and(|(_, t)| is_word(t))
            {
                path.push(tokens[at + 2].1.clone());
                at += 2;
            }
            let bang = |n: usize, c: &str| tokens.get(n).is_some_and(|(_, t)| t == c);
            if bang(at + 1, "!")
                && !bang(at + 2, "=")
                && let Some(last) = path.last_mut()
            {
                last.push('!');
            }
            found.push(Named { line: *line, path });
            at += 1;
        } else {
            at += 1;
        }
    }
    found
}

fn is_word(token: &str) -> bool {
    token.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
}

/// Reads one branch of a `use`; returns where it ends.
fn tree(
    tokens: &[(usize, String)],
    mut at: usize,
    before: &[String],
    line: usize,
    found: &mut Vec<Named>,
) -> usize {
    let mut path = before.to_vec();
    let mut spread = false;
    while let Some((here, token)) = tokens.get(at) {
        match token.as_str() {
            "{" => {
                spread = true;
                at += 1;
                while tokens.get(at).is_some_and(|(_, t)| t != "}") {
                    at = tree(tokens, at, &path, *here, found);
                    if tokens.get(at).is_some_and(|(_, t)| t == ",") {
                        at += 1;
                    }
                }
                at += 1;
            }
            "::" => at += 1,
            "as" => at += 2,
            "," | "}" | ";" => break,
            // `use std::io::{self}` names `std::io`.
            "self" if !path.is_empty() => at += 1,
            "*" => {
                path.push("*".into());
                at += 1;
            }
            word => {
                path.push(word.to_owned());
                at += 1;
            }
        }
    }
    if !spread && !path.is_empty() {
        found.push(Named { line, path });
    }
    at
}

fn tokens(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let chars: Vec<char> = line.chars().collect();
        let mut at = 0;
        while let Some(&c) = chars.get(at) {
            if c.is_alphabetic() || c == '_' {
                let end = chars[at..]
                    .iter()
                    .position(|c| !c.is_alphanumeric() && *c != '_')
                    .map_or(chars.len(), |n| at + n);
                found.push((number + 1, chars[at..end].iter().collect()));
                at = end;
            } else if c.is_ascii_digit() {
                // A number with its suffix is no word.
                at += chars[at..]
                    .iter()
                    .position(|c| !c.is_alphanumeric() && *c != '_')
                    .unwrap_or(chars.len() - at);
            } else if c == ':' && chars.get(at + 1) == Some(&':') {
                found.push((number + 1, "::".into()));
                at += 2;
            } else {
                if !c.is_whitespace() {
                    found.push((number + 1, c.to_string()));
                }
                at += 1;
            }
        }
    }
    found
}

fn written(code: &str) -> Vec<String> {
    paths(code).into_iter().map(|n| n.path.join("::")).collect()
}

#[test]
fn comments_and_texts_are_not_code() {
    let code =
        plain("a /* b /* c */ */ d // e\n\"f \\\" g\" h r#\"i \" j\"# k 'l' '\\n' &'m str b'n' '\"' o");
    let words: Vec<&str> = code.split_whitespace().collect();
    assert_eq!(words, ["a", "d", "h", "k", "&'m", "str", "b", "o"]);
    assert_eq!(code.lines().count(), 2);
}

#[test]
fn tests_are_not_live() {
    let code = "use a;\n#[cfg(test)]\nmod t { fn f() { std::thread::sleep(x); } }\n#[cfg(test)]\n#[path = ]\nmod u;\nfn g() {}";
    assert_eq!(written(&without_tests(code)), ["a", "fn", "g"]);
    let found = test_modules(Path::new("src/x.rs"), code);
    assert_eq!(found, [PathBuf::from("src/x/u")]);
    assert_eq!(
        test_modules(Path::new("src/lib.rs"), "#[cfg(test)] pub(crate) mod u;"),
        [PathBuf::from("src/u")]
    );
}

#[test]
fn trees_of_use_are_spread_out() {
    let found =
        written("use std::{net::{self, TcpStream}, time::Instant as I, io::*};\nlet x = a::b!(c) != d;");
    assert_eq!(found[..4], ["std::net", "std::net::TcpStream", "std::time::Instant", "std::io::*"]);
    assert_eq!(found[4..], ["let", "x", "a::b!", "c", "d"]);
    let found = written("fn f<'a>() -> impl Iterator + use<'a> { let x = [1, 2]; std::mem::drop(x) }");
    assert!(found.contains(&"std::mem::drop".to_owned()), "{found:?}");
}
