"""The official SDK through weir to a real llama.cpp: the same figures as asked directly. Prints id and figures."""

import json
import sys

from openai import OpenAI

WEIR, LLAMA = (OpenAI(base_url=url, api_key="unused", max_retries=0, timeout=60) for url in sys.argv[1:3])
ASK = dict(messages=[{"role": "user", "content": "Say hi."}], temperature=0, seed=1, max_tokens=6)
MODEL = "gemma-3-270m"

direct = LLAMA.chat.completions.create(model=MODEL, **ASK)
raw = WEIR.chat.completions.with_raw_response.create(model="auto", **ASK)
answer = raw.parse()
assert raw.headers["x-provider"] == "llama", raw.headers["x-provider"]
assert answer.choices[0].message.content == direct.choices[0].message.content, (answer, direct)
assert answer.usage.prompt_tokens == direct.usage.prompt_tokens, (answer.usage, direct.usage)
assert answer.usage.completion_tokens == direct.usage.completion_tokens, (answer.usage, direct.usage)

stream = WEIR.chat.completions.with_raw_response.create(
    model="auto", stream=True, stream_options={"include_usage": True}, **ASK)
assert stream.headers["x-provider"] == "llama"
chunks = list(stream.parse())
text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
assert text == direct.choices[0].message.content, (text, direct)
assert len([c for c in chunks if c.choices and c.choices[0].delta.content]) >= 2, "tokens do not stream"
usage = [c.usage for c in chunks if c.usage][-1]
assert (usage.prompt_tokens, usage.completion_tokens) == (direct.usage.prompt_tokens, direct.usage.completion_tokens)
for who in (raw, stream):
    print(json.dumps({"id": who.headers["x-request-id"], "input": direct.usage.prompt_tokens,
                      "output": direct.usage.completion_tokens}), flush=True)
