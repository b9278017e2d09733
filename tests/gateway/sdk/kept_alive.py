"""What the official SDKs of Python make of a stream that is kept alive before it begins: nothing."""

import sys

import anthropic
import openai
from google import genai
from google.genai import types

BASE = sys.argv[1]
HI = [{"role": "user", "content": "hi"}]
SAID = "well"


def chat():
    client = openai.OpenAI(base_url=BASE + "/v1", api_key="unused", max_retries=0)
    stream = client.chat.completions.create(model="auto", messages=HI, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def responses():
    client = openai.OpenAI(base_url=BASE + "/v1", api_key="unused", max_retries=0)
    with client.responses.stream(model="auto", input="hi") as stream:
        return stream.get_final_response().output_text


def messages():
    client = anthropic.Anthropic(base_url=BASE, api_key="unused", max_retries=0)
    with client.messages.stream(model="auto", messages=HI, max_tokens=9) as stream:
        return stream.get_final_message().content[0].text


def generate():
    client = genai.Client(api_key="unused", http_options=types.HttpOptions(base_url=BASE))
    return "".join(chunk.text or "" for chunk in client.models.generate_content_stream(model="auto", contents="hi"))


for story in (chat, responses, messages, generate):
    said = story()
    assert said == SAID, f"{story.__name__}: {said!r}"
    print("ok", story.__name__)
