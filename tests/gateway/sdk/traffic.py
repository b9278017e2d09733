"""Traffic of several threads, streamed and not. Prints who served; ends when enough was served after the first was gone."""

import sys
import threading
import time

import openai
from openai import OpenAI

client = OpenAI(base_url=sys.argv[1], api_key="unused", max_retries=0, timeout=60)
ASK = dict(model="auto", messages=[{"role": "user", "content": "Count."}], max_tokens=6, temperature=0)
ENOUGH = 12
lock, after, failed = threading.Lock(), [0], []
deadline = time.monotonic() + 90


def served(who):
    with lock:
        print("served", who, flush=True)
        after[0] += who != "llama"


def worker(stream):
    while after[0] < ENOUGH and time.monotonic() < deadline and not failed:
        try:
            raw = client.chat.completions.with_raw_response.create(stream=stream, **ASK)
            who, answer = raw.headers["x-provider"], raw.parse()
            if stream:
                try:
                    finish = [c.choices[0].finish_reason for c in answer if c.choices][-1]
                    assert finish in ("stop", "length"), finish
                except openai.APIError as error:
                    # Words that are out belong to the server that died: that is said, never papered over.
                    assert error.code == "stream_broken" and who == "llama", error
                    with lock:
                        print("broken", who, flush=True)
                    continue
            else:
                assert answer.choices[0].message.content is not None
            served(who)
        except Exception as error:  # noqa: BLE001: whatever it is, the test has to hear of it
            with lock:
                failed.append(f"{type(error).__name__}: {error}")


threads = [threading.Thread(target=worker, args=(n == 0,)) for n in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
if failed or after[0] < ENOUGH:
    raise SystemExit(f"{failed}, {after[0]} served by others")
