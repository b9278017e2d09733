"""The official SDK with a key that is good, and with one that is not."""

import sys

import openai

BASE = sys.argv[1]
ASK = dict(model="auto", messages=[{"role": "user", "content": "hi"}], max_tokens=5)
assert openai.OpenAI(base_url=BASE, api_key="wk_good", max_retries=0).chat.completions.create(**ASK).choices
try:
    openai.OpenAI(base_url=BASE, api_key="wk_bad", max_retries=0).chat.completions.create(**ASK)
    raise SystemExit("a bad key was let in")
except openai.AuthenticationError as error:
    assert error.code == "invalid_api_key" and "wk_bad" not in str(error), error
print("ok keys")
