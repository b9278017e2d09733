//! libFuzzer's way into [`weir_fuzz::TARGETS`]: the environment's `WEIR_FUZZ` says which.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use weir_fuzz::{Target, target};

static CHOSEN: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("WEIR_FUZZ").unwrap_or_default();
    target(&name).unwrap_or_else(|| panic!("WEIR_FUZZ={name:?} is none of {:?}", weir_fuzz::names()))
});

fuzz_target!(|bytes: &[u8]| (CHOSEN.law)(bytes));
