//! The pools of a directory, with what the catalogue knows of their models.

use super::bar::Bar;
use crate::cli::{Common, Failure};
use crate::node::catalogue;
use outcomes::Pool;
use providers::catalogue::Catalogue;
use std::path::Path;

/// Every pool of a directory by name, or only those.
pub fn pools(dir: &Path, only: &[String], common: &Common, bar: &mut Bar) -> Result<Vec<Pool>, Failure> {
    let cannot = |what: String| Failure::Cannot(format!("{}: {what}", dir.display()));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|e| cannot(e.to_string()))? {
        let name = entry.map_err(|e| cannot(e.to_string()))?.file_name();
        names.extend(name.to_str().and_then(|n| n.strip_suffix(".meta.json")).map(str::to_owned));
    }
    names.sort();
    if let Some(unknown) = only.iter().find(|o| !names.contains(o)) {
        return Err(cannot(format!("no pool {unknown:?}; there are {}", names.join(", "))));
    }
    names.retain(|name| only.is_empty() || only.contains(name));
    if names.is_empty() {
        return Err(cannot(
            "no outcome data, which is NAME.meta.json beside NAME.jsonl.gz or NAME.jsonl".into(),
        ));
    }
    let config = crate::configure::file(common.config.as_deref())?;
    let catalogue = catalogue(config.and_then(|(_, c)| c.catalogue).as_deref())?;
    let mut pools = Vec::new();
    for name in &names {
        bar.at(0.0, name);
        pools.push(pool(dir, name, &catalogue)?);
    }
    Ok(pools)
}

fn pool(dir: &Path, name: &str, catalogue: &Catalogue) -> Result<Pool, Failure> {
    let meta_file = dir.join(format!("{name}.meta.json"));
    let packed = dir.join(format!("{name}.jsonl.gz"));
    let rows_file = if packed.exists() { packed } else { dir.join(format!("{name}.jsonl")) };
    let [meta_name, rows_name] = [&meta_file, &rows_file].map(|f| f.display().to_string());
    let meta = std::fs::read(&meta_file).map_err(|e| Failure::Cannot(format!("{meta_name}: {e}")))?;
    let rows = std::fs::File::open(&rows_file).map_err(|e| Failure::Cannot(format!("{rows_name}: {e}")))?;
    let mut pool = Pool::read(name, [&meta_name, &rows_name], &meta, rows)?;
    for model in &mut pool.models {
        model.prior = prior(catalogue, &model.id);
    }
    Ok(pool)
}

/// What the catalogue says of a model of that name, at whichever provider.
fn prior(catalogue: &Catalogue, id: &str) -> Option<f64> {
    let bare = id.rsplit('/').next().unwrap_or(id);
    let named = catalogue.models.iter().filter(|e| e.card.model.rsplit('/').next() == Some(bare));
    named.filter_map(|e| e.card.quality).map(|q| q.mean).next()
}
