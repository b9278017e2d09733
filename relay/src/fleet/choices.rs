//! What may stand in for what, by kind of work.
//!
//! Any chat model can answer a chat, and any model that makes pictures can make one. Vectors are otherwise: those of
//! different models have nothing to do with one another, and what was stored of one cannot be searched with the other. So
//! `auto` is one model for embeddings: the one that the configuration names, else the only one there is, else none.

use super::Candidate;
use crate::answer::Trouble;
use crate::ask::BadInput;
use crate::config::EmbeddingsConfig;
use foldhash::HashMap;
use std::collections::BTreeSet;
use vocab::Kind;

/// Indexes of candidates.
#[derive(Debug)]
pub(super) struct Choices {
    chat: Vec<usize>,
    image: Vec<usize>,
    speech: Vec<usize>,
    stt: Vec<usize>,
    /// Deployments of one model; None where there are several models and none is named.
    embedding: Option<Vec<usize>>,
    /// Every embedding model by its name.
    embeddings: BTreeSet<String>,
}

impl Choices {
    /// Also puts the operator's own names of models among the others.
    pub fn of(
        config: &EmbeddingsConfig,
        candidates: &[Candidate],
        by_name: &mut HashMap<String, Vec<usize>>,
    ) -> Result<Self, String> {
        let all = |kind| (0..candidates.len()).filter(move |at| candidates[*at].card.kind == kind);
        let mut names: Vec<&str> = candidates.iter().map(|c| &*c.door.model).collect();
        let mut taken = BTreeSet::new();
        for (name, deployments) in &config.same {
            let place = format!("embeddings.same.{name}");
            if name.is_empty() || name.starts_with("auto") {
                return Err(format!("{place}: a model's name is not empty and does not begin with auto"));
            }
            // Whoever serves it under this very name is meant as well.
            let named = by_name.contains_key(name).then_some(name);
            let mut together = Vec::new();
            for deployment in named.into_iter().chain(deployments) {
                let found = by_name.get(deployment).map(Vec::as_slice).unwrap_or_default();
                if found.is_empty() || found.iter().any(|at| candidates[*at].card.kind != Kind::Embedding) {
                    return Err(format!("{place}: {deployment:?} is no embedding model that is served here"));
                }
                together.extend_from_slice(found);
            }
            together.sort_unstable();
            together.dedup();
            for at in &together {
                if !taken.insert(*at) {
                    return Err(format!("{place}: {} is said to be another model too", candidates[*at].id()));
                }
                names[*at] = name;
            }
            by_name.insert(name.clone(), together);
        }
        let vectors: Vec<usize> = all(Kind::Embedding).collect();
        let embeddings: BTreeSet<String> = vectors.iter().map(|at| names[*at].to_owned()).collect();
        let embedding = match &config.auto {
            Some(name) => {
                let found = by_name.get(name).filter(|found| {
                    let mut kinds = found.iter().map(|at| candidates[*at].card.kind);
                    kinds.all(|kind| kind == Kind::Embedding)
                });
                let missing =
                    || format!("embeddings.auto: {name:?} is no embedding model that is served here");
                Some(found.ok_or_else(missing)?.clone())
            }
            None => (embeddings.len() < 2).then_some(vectors),
        };
        let (chat, image) = (all(Kind::Chat).collect(), all(Kind::Image).collect());
        let (speech, stt) = (all(Kind::Tts).collect(), all(Kind::Stt).collect());
        Ok(Self { chat, image, speech, stt, embedding, embeddings })
    }

    pub fn of_kind(&self, kind: Kind) -> Result<&[usize], Trouble> {
        let refused = |why: String| Err(Trouble::BadInput(BadInput::at("model", format!("model: {why}"))));
        let found = match kind {
            Kind::Embedding => self.embedding.as_deref(),
            Kind::Image => Some(&*self.image),
            Kind::Tts => Some(&*self.speech),
            Kind::Stt => Some(&*self.stt),
            // Whoever asks for a chat is told what each candidate lacks, so there is always a list.
            _ => return Ok(&self.chat),
        };
        match found {
            Some([]) => refused(format!("no model for {} is served here", kind.name())),
            Some(found) => Ok(found),
            None => {
                let names: Vec<&str> = self.embeddings.iter().map(String::as_str).take(8).collect();
                refused(format!(
                    "vectors of different models cannot be mixed, so \"auto\" has to be one model, and which one is not configured \
                     (embeddings.auto); name one of: {}",
                    names.join(", ")
                ))
            }
        }
    }
}
