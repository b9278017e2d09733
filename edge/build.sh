#!/usr/bin/env bash
# Builds the Worker into build/ and says how large it is: `bash edge/build.sh`. Fails above 1.2 MB gzipped.
#
# Needs Node, the target wasm32-unknown-unknown (rustup target add wasm32-unknown-unknown) and worker-build, which it
# installs where it is missing. wrangler runs this by itself (wrangler.toml).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

WORKER_BUILD=0.8.7
LARGEST=1200000

command -v worker-build >/dev/null || cargo install --quiet worker-build --version "$WORKER_BUILD"

# A request is carried to its end though its client has gone, so that what it came to is known. Where worker-build puts its
# result is counted from the crate.
RUN_TO_COMPLETION=1 worker-build --profile edge --out-dir ../build edge

# Names of functions are for reading profiles: KEEP_NAMES=1 keeps them.
[ -n "${KEEP_NAMES:-}" ] || node edge/strip.mjs build/index_bg.wasm

# What is sent to the platform: the module and its glue, as they are compressed on their way.
size=$(cat build/index.js build/index_bg.wasm | gzip -9 | wc -c)
raw=$(cat build/index.js build/index_bg.wasm | wc -c)
echo "the Worker: $raw bytes, $size gzipped (at most $LARGEST)"
if [ "$size" -gt "$LARGEST" ]; then
  echo "the Worker is too large" >&2
  exit 1
fi
