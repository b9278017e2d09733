//! A text that is still being written, sentence by sentence.

/// Longer ones are cut where a breath could be drawn: a text without an end must not be waited for.
const CHARS_MAX: usize = 400;

/// What was written and not yet said.
#[derive(Debug, Default)]
pub struct Sentences(String);

impl Sentences {
    pub fn write(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// The next sentence, once it is whole: another one has begun behind it.
    pub fn next(&mut self) -> Option<String> {
        let mut all = audio::sentences(&self.0);
        let first = all.next()?.len();
        let whole = all.next().is_some_and(audio::has_words);
        drop(all);
        if whole {
            return self.cut(first);
        }
        let long = self.0.char_indices().nth(CHARS_MAX).is_some();
        long.then(|| self.breath()).flatten()
    }

    /// What is left, once nothing more is written.
    pub fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.0);
        audio::has_words(&rest).then(|| rest.trim().to_owned())
    }

    fn breath(&mut self) -> Option<String> {
        let lengths = audio::Lengths { first: CHARS_MAX, usual: CHARS_MAX, most: CHARS_MAX };
        let first = audio::Utterances::of(&self.0, lengths).next()?.len();
        self.cut(first)
    }

    fn cut(&mut self, at: usize) -> Option<String> {
        let rest = self.0.split_off(at);
        let said = std::mem::replace(&mut self.0, rest);
        audio::has_words(&said).then(|| said.trim().to_owned())
    }
}
