"""Anthropic's SDK through weir to a real llama.cpp. Prints id and figures."""

import json
import sys

from anthropic import Anthropic

client = Anthropic(base_url=sys.argv[1], api_key="unused", max_retries=0, timeout=60)
ASK = dict(model="auto", system="Be brief.", messages=[{"role": "user", "content": "Say hi."}], max_tokens=6)

raw = client.messages.with_raw_response.create(**ASK)
answer = raw.parse()
assert raw.headers["x-provider"] == "llama", raw.headers["x-provider"]
assert answer.content[0].text and answer.stop_reason in ("end_turn", "max_tokens"), answer
with client.messages.stream(**ASK) as stream:
    pieces = list(stream.text_stream)
    message = stream.get_final_message()
    request_id = stream.response.headers["request-id"]
assert "".join(pieces) == message.content[0].text and len(pieces) >= 2, "tokens do not stream"
for request, usage in ((raw.headers["request-id"], answer.usage), (request_id, message.usage)):
    print(json.dumps({"id": request, "input": usage.input_tokens + usage.cache_read_input_tokens,
                      "output": usage.output_tokens}), flush=True)
