//! OpenAI's tokenizers, for answers that come without usage and for whoever asks how much a request is.
//!
//! A vocabulary is linked in as it is published, and takes tens of megabytes and a tenth of a second once it is made ready. So
//! that is done when it is first asked for, beside the cores; until then there is the estimate.

use relay::ports::{Count, Tokenizers};
use std::sync::{Arc, OnceLock, atomic::AtomicBool, atomic::Ordering};
use tiktoken_rs::CoreBPE;
use tokens::Family;

/// Longer texts are estimated: whoever has them cuts them.
const TEXT_MAX: usize = 64 << 10;

#[derive(Default)]
pub struct Vocabularies {
    o200k: Arc<Vocabulary>,
    cl100k: Arc<Vocabulary>,
}

#[derive(Default)]
struct Vocabulary {
    asked: AtomicBool,
    /// None where it cannot be made ready.
    ready: OnceLock<Option<CoreBPE>>,
}

impl Tokenizers for Vocabularies {
    fn count(&self, family: Family, text: &str) -> Count {
        let (vocabulary, make): (_, fn() -> Option<CoreBPE>) = match family {
            Family::O200k => (&self.o200k, || tiktoken_rs::o200k_base().ok()),
            Family::Cl100k => (&self.cl100k, || tiktoken_rs::cl100k_base().ok()),
            _ => return Count::Never,
        };
        match vocabulary.ready.get() {
            Some(Some(ready)) if text.len() <= TEXT_MAX => Count::Tokens(ready.count_ordinary(text) as u64),
            Some(_) => Count::Never,
            None => {
                vocabulary.prepare(make);
                Count::Soon
            }
        }
    }
}

impl Vocabulary {
    /// Makes it ready, once.
    fn prepare(self: &Arc<Self>, make: fn() -> Option<CoreBPE>) {
        if self.asked.swap(true, Ordering::Relaxed) {
            return;
        }
        let own = self.clone();
        let work = move || {
            let ready = make();
            if ready.is_none() {
                tracing::error!("a tokenizer could not be made ready; tokens are estimated");
            }
            let _ = own.ready.set(ready);
        };
        if let Err(error) = std::thread::Builder::new().name("weir-vocabulary".into()).spawn(work) {
            tracing::error!(%error, "no thread to make a tokenizer ready; tokens are estimated");
            let _ = self.ready.set(None);
        }
    }
}

#[cfg(test)]
mod tests;
