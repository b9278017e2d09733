"""The official SDK at a limit: it is told in its own words, and waits as long as it is told to."""

import sys
import time

import openai

BASE = sys.argv[1]
ASK = dict(model="auto", messages=[{"role": "user", "content": "hi"}], max_tokens=5)
impatient = openai.OpenAI(base_url=BASE, api_key="unused", max_retries=0)
patient = openai.OpenAI(base_url=BASE, api_key="unused", max_retries=1)

raw = impatient.chat.completions.with_raw_response.create(**ASK)
assert raw.parse().choices
assert raw.headers["x-ratelimit-limit-requests"] == "1" and raw.headers["x-ratelimit-remaining-requests"] == "0", raw.headers
try:
    impatient.chat.completions.create(**ASK)
    raise SystemExit("the limit was not kept")
except openai.RateLimitError as error:
    assert error.code == "rate_limited" and error.type == "rate_limit_error", error.body
    assert error.request_id and "20 requests per minute" in error.message, error
    assert 1 <= int(error.response.headers["retry-after"]) <= 3, error.response.headers

begun = time.monotonic()
assert patient.chat.completions.create(**ASK).choices, "it was told how long to wait, waited once, and was let in"
print(f"ok waited {time.monotonic() - begun:.1f} s")
