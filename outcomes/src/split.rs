//! Which rows are learned from and which are kept for judging. By hash, so that it is the same everywhere and a row stays on its
//! side when others come.

use crate::{Pool, Row};

/// FNV-1a, with the finish of MurmurHash3: the low bits of plain FNV follow the last letter.
pub(crate) fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    hash ^ (hash >> 33)
}

/// Whether a row is kept for judging: one in three. By the letters and digits of its prompt and its tools, so that a question that
/// occurs twice, in whatever layout, is on one side.
pub fn kept(row: &Row) -> bool {
    let text = row.prompt.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
    let tools = row.tools.iter().flat_map(|tool| tool.chars());
    let mut buffer = [0; 4];
    let bytes: Vec<u8> =
        text.chain(tools).flat_map(|c| c.encode_utf8(&mut buffer).as_bytes().to_vec()).collect();
    hash(bytes).is_multiple_of(3)
}

/// The places of rows to learn from, and of those to judge by.
pub fn by_hash(pool: &Pool) -> (Vec<usize>, Vec<usize>) {
    let (judged, learned) = pool.all().into_iter().partition(|r| kept(&pool.rows[*r]));
    (learned, judged)
}

/// Whole tasks in turn: for each turn the rows to learn from and those to judge by, whose tasks do not occur among the former.
/// There are as many turns as `turns`; a pool with fewer tasks sits the later ones out, with nothing to judge by.
pub fn by_task(pool: &Pool, turns: usize) -> Vec<(Vec<usize>, Vec<usize>)> {
    let mut tasks = pool.tasks();
    // Neighbours in the alphabet are often relatives.
    tasks.sort_by_key(|task| hash(task.bytes()));
    let turn_of =
        |row: usize| tasks.iter().position(|t| *t == pool.rows[row].task).map(|at| at % turns.max(1));
    let turn = |turn| pool.all().into_iter().partition(|row| turn_of(*row) != Some(turn));
    (0..turns).map(turn).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Pool {
        let row = |i: u32| Row {
            id: i.to_string(),
            task: format!("task {}", i % 7),
            prompt: format!("What is {i} + 1?"),
            ..Row::default()
        };
        Pool { rows: (0..3_000).map(row).collect(), ..Pool::default() }
    }

    #[test]
    fn a_third_is_kept_whatever_the_layout() {
        let pool = pool();
        let (learned, judged) = by_hash(&pool);
        assert_eq!(learned.len() + judged.len(), 3_000);
        assert!((900..1_100).contains(&judged.len()), "{}", judged.len());
        for row in &pool.rows {
            let other =
                Row { prompt: row.prompt.to_uppercase().replace(' ', "\n"), id: "x".into(), ..row.clone() };
            assert_eq!(kept(row), kept(&other));
        }
    }

    #[test]
    fn each_task_is_judged_once_and_never_learned_then() {
        let pool = pool();
        let mut judged_in_all = 0;
        for (learned, judged) in by_task(&pool, 5) {
            let tasks = |rows: &[usize]| {
                rows.iter().map(|r| pool.rows[*r].task.clone()).collect::<std::collections::BTreeSet<_>>()
            };
            assert!(tasks(&learned).is_disjoint(&tasks(&judged)));
            assert_eq!(learned.len() + judged.len(), 3_000);
            judged_in_all += judged.len();
        }
        assert_eq!(judged_in_all, 3_000);
        assert!(by_task(&pool, 9)[8].1.is_empty(), "seven tasks have seven turns");
    }
}
