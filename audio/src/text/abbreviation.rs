//! Full stops that end no sentence. Unicode's rules know none of them, as they know no language.

/// Titles and the like, which a name follows.
const BEFORE_NAMES: [&str; 33] = [
    "Adm", "Capt", "Cmdr", "Col", "Dr", "Dra", "Fr", "Frl", "Gen", "Gov", "Hon", "Hr", "Lt", "Maj", "Messrs",
    "Mlle", "Mme", "Mr", "Mrs", "Ms", "Mt", "Pres", "Prof", "Rep", "Rev", "Sen", "Sgt", "Sr", "Sra", "Srta",
    "St", "Ste", "vs",
];

/// What a capital may follow in the middle of a sentence.
const BEFORE_ANYTHING: [&str; 12] =
    ["bzw", "ca", "cf", "dgl", "evtl", "ggf", "inkl", "sog", "usw", "vgl", "viz", "zzgl"];

/// What is one where a number follows, and may be a word of its own else ("No.").
const BEFORE_NUMBERS: [&str; 14] =
    ["Abb", "Art", "Bd", "Ch", "Eq", "Fig", "No", "Nos", "Nr", "Sec", "Vol", "art", "p", "pp"];

/// Whether `first` ends with a stop that belongs to its last word, where `second` goes on.
pub fn goes_on(first: &str, second: &str) -> bool {
    let Some(before) = first.trim_end().strip_suffix('.') else { return false };
    let start = before.rfind(|c: char| !c.is_alphanumeric() && c != '.').map_or(0, |at| {
        let width = before[at..].chars().next().map_or(1, char::len_utf8);
        at + width
    });
    let word = &before[start..];
    if BEFORE_NAMES.contains(&word) || BEFORE_ANYTHING.contains(&word) {
        return true;
    }
    if BEFORE_NUMBERS.contains(&word) {
        return second.trim_start().starts_with(|c: char| c.is_numeric());
    }
    // "z.B.", "U.S.", "e.g.", and the J of "J. S. Bach". Joining two sentences is less of a pity than a pause within one.
    let mut letters = word.split('.').map(|part| {
        let mut chars = part.chars();
        (chars.next(), chars.next())
    });
    let initials = letters.all(|(one, two)| one.is_some_and(is_cased) && two.is_none());
    initials && (word.contains('.') || word != "I" && word.chars().all(char::is_uppercase))
}

/// Of a script with capitals: elsewhere one letter may well be the last word of a sentence.
fn is_cased(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase()
}
