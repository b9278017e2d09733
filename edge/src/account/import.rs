//! A record taken over from elsewhere: from what KV holds of it, when the object's own was lost or damaged.

use super::letter::Verified;
use super::shelf::Shelf;
use super::{Broken, PAGE, storage, walk};
use billing::{Entry, Tally};
use serde::{Deserialize, Serialize};

/// A part of a record, in order. What was brought stands aside until all of it is there and good.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Import {
    pub account: String,
    /// This is the first part.
    #[serde(default)]
    pub first: bool,
    pub entries: Vec<Entry>,
    /// This was the last part: check it, and take it over.
    #[serde(default)]
    pub last: bool,
    /// Even if the object's own record is good and says otherwise.
    #[serde(default)]
    pub force: bool,
}

/// What came of a part.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Imported {
    /// It stands aside, more is to come.
    Aside,
    /// It is the record now.
    Adopted(Verified),
    /// Nothing was changed, because of this.
    Refused(String),
}

/// Takes a part. The object's desk is to be opened anew after anything was adopted.
pub fn import<S: Shelf>(shelf: &mut S, part: &Import) -> Result<Imported, Broken> {
    if part.first {
        shelf.clear_stage().map_err(storage)?;
    }
    shelf.stage(&part.entries).map_err(storage)?;
    if !part.last {
        return Ok(Imported::Aside);
    }
    let verdict = judge(shelf, part)?;
    if let Imported::Adopted(_) = verdict {
        shelf.adopt_stage().map_err(storage)?;
    } else {
        shelf.clear_stage().map_err(storage)?;
    }
    Ok(verdict)
}

fn judge<S: Shelf>(shelf: &S, part: &Import) -> Result<Imported, Broken> {
    let own = match walk(shelf, Tally::new(&part.account)) {
        Ok(tally) => Some(tally),
        Err(Broken::Record(_)) => None,
        Err(broken) => return Err(broken),
    };
    let mut tally = Tally::new(&part.account);
    // Whether the own record is how the other one begins.
    let mut continues = own.as_ref().is_some_and(|own| own.seq == 0);
    loop {
        let page = shelf.staged(tally.seq, PAGE).map_err(storage)?;
        if page.is_empty() {
            break;
        }
        for entry in page {
            if let Err(bad) = tally.step(&entry) {
                return Ok(Imported::Refused(format!("what was brought is damaged itself: {bad}")));
            }
            continues |= own.as_ref().is_some_and(|own| (own.seq, own.head) == (entry.seq, entry.hash));
        }
    }
    Ok(match own {
        Some(own) if !continues && !part.force => Imported::Refused(format!(
            "the object's own record is good, has {} entries, and is not how what was brought begins ({} entries); \
             nothing was changed",
            own.seq, tally.seq
        )),
        _ => Imported::Adopted(tally.summary().into()),
    })
}
