//! Everything that fuzzing ever found worth keeping, held against its law.

use std::fs;
use std::path::Path;
use weir_fuzz::TARGETS;

#[test]
fn the_corpora_break_no_law() {
    for target in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut count = 0;
        for entry in entries {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            assert!(bytes.len() <= 4 << 10, "{} is too large to be kept", path.display());
            eprintln!("{}", path.display());
            (target.law)(&bytes);
            count += 1;
        }
        assert!((1..=100).contains(&count), "{}: {count} files", folder.display());
    }
}
