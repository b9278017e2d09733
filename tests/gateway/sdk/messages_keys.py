"""Anthropic's SDK with a key that is good, in either header, and with one that is not."""

import sys

import anthropic

BASE = sys.argv[1]
ASK = dict(model="auto", messages=[{"role": "user", "content": "hi"}], max_tokens=5)
for good in (dict(api_key="wk_good"), dict(auth_token="wk_good")):
    assert anthropic.Anthropic(base_url=BASE, max_retries=0, **good).messages.create(**ASK).content
try:
    anthropic.Anthropic(base_url=BASE, api_key="wk_bad", max_retries=0).messages.create(**ASK)
    raise SystemExit("a bad key was let in")
except anthropic.AuthenticationError as error:
    body = error.body["error"]
    assert (body["type"], body["code"]) == ("authentication_error", "invalid_api_key"), error.body
    assert error.request_id and "wk_bad" not in str(error), error
print("ok keys")
