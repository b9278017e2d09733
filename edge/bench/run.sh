#!/usr/bin/env bash
# CPU per request, and time to the first token, of the Worker in workerd beside a small Worker that parses request and
# answer and passes them on: `npm --prefix edge ci && bash edge/build.sh && bash edge/bench/run.sh [ROUNDS]`.
#
# Upstream, load and the small Worker are those of ../shared/bench (BENCH); PEER is another configuration for workerd that listens
# on 9221, BUILD another build to measure. Workers run on core 0, upstream and load on core 1, in a network namespace with
# nothing but loopback. Needs Linux, root and two cores. CPU is the scheduler's own count for all of workerd, our objects'
# part and what is told to them included.
set -euo pipefail
cd "$(dirname "$(realpath "$0")")/../.."
bench=$(realpath "${BENCH:-../shared/bench}")
export BENCH_TARGET=${BENCH_TARGET:-${XDG_CACHE_HOME:-$HOME/.cache}/weir-bench}
if [ -z "${IN_NS:-}" ]; then
  cargo build --release --quiet --manifest-path "$bench/Cargo.toml" --target-dir "$BENCH_TARGET"
  exec env IN_NS=1 unshare -n "$0" "$@"
fi
ip link set lo up
ulimit -n "$(ulimit -Hn)"

rounds=${1:-3}
seconds=${SECS:-4}
workerd=${WORKERD:-edge/node_modules/@cloudflare/workerd-linux-64/bin/workerd}
work=$(mktemp -d)
pids=()
end() {
  kill "${pids[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap end EXIT

# workerd takes in only what lies beside or below a configuration.
mkdir -p "$work/edge/bench" "$work/books"
cp -r "${BUILD:-build}" "$work/build"
cp edge/bench/workerd.capnp "$work/edge/bench/"

taskset -c 1 "$BENCH_TARGET/release/upstream" --port 9100 & pids+=($!)
taskset -c 0 "$workerd" serve "${PEER:-$bench/conf/workerd-json.capnp}" --experimental & pids+=($!)
peer=$!
taskset -c 0 "$workerd" serve "$work/edge/bench/workerd.capnp" --experimental --directory-path do="$work/books" &
pids+=($!)
weir=$!
sleep 2

load() { taskset -c 1 "$BENCH_TARGET/release/load" "$@" --model openai/gpt-4o-mini; }
cpu() { cat /proc/"$1"/task/*/schedstat | awk '{ s += $1 } END { printf "%.0f", s }'; }
value() { grep -o "\"$1\":[0-9.]*" <<<"$2" | head -1 | cut -d: -f2; }
small() { load closed --port "$1" --conns 64 --warm 0 --secs "$2" --body 1024 --size 64; }
first() {
  local told
  told=$(load stream --port "$1" --conns "$2" --warm 1 --secs "$seconds" --chunks 50 --gap 10)
  value p50 "$(grep -o '"ttft[^}]*}' <<<"$told")"
}

for port in 9221 9222; do small $port 4 >/dev/null; done
for round in $(seq "$rounds"); do
  for one in "small:$peer:9221" "weir:$weir:9222"; do
    IFS=: read -r name pid port <<<"$one"
    before=$(cpu "$pid")
    told=$(small "$port" "$seconds")
    spent=$(($(cpu "$pid") - before))
    good=$(value ok "$told")
    echo "round $round, $name: $((spent / good / 1000)) us of CPU per request of 1 KB ($good good, $(value err "$told") failed);" \
      "first token, p50: $(first "$port" 5) us with 5 streams, $(first "$port" 50) us with 50"
  done
done
