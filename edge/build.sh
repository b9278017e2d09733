#!/usr/bin/env bash
# Builds the Worker into build/ and says how large it is: `bash edge/build.sh`. Fails above 1.35 MB gzipped.
#
# Needs Node, the target wasm32-unknown-unknown (rustup target add wasm32-unknown-unknown) and worker-build, which it
# installs where it is missing. wrangler runs this by itself (wrangler.toml).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

WORKER_BUILD=0.8.7
LARGEST=1350000

command -v worker-build >/dev/null || cargo install --quiet worker-build --version "$WORKER_BUILD"

# Where worker-build puts its result is counted from the crate.
worker-build --profile edge --out-dir ../build edge

# What the runtime calls is ours: see there.
mv build/index.js build/core.js
cp edge/src/worker/entry.js build/index.js

# Names of functions are for reading profiles: KEEP_NAMES=1 keeps them, and the order they are in.
[ -n "${KEEP_NAMES:-}" ] || node edge/pack/pack.mjs build/index_bg.wasm

# What is sent to the platform: the module and its glue, as they are compressed on their way.
size=$(cat build/index.js build/core.js build/index_bg.wasm | gzip -9 | wc -c)
raw=$(cat build/index.js build/core.js build/index_bg.wasm | wc -c)
echo "the Worker: $raw bytes, $size gzipped (at most $LARGEST)"
if [ "$size" -gt "$LARGEST" ]; then
  echo "the Worker is too large" >&2
  exit 1
fi
