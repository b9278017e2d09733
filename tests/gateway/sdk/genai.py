"""The official google-genai SDK against weir and the lab: whatever an application does with Gemini, unchanged but for
its address. Run once for each provider behind it: what a model of another make answers has to look the same."""

import asyncio
import base64
import sys

from google import genai
from google.genai import errors, types
from pydantic import BaseModel

BASE, MODEL = sys.argv[1], sys.argv[2]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


def connect(**more):
    return genai.Client(api_key="unused", http_options=types.HttpOptions(base_url=BASE, timeout=60_000, **more))


client = connect()
HI = "Say something about rivers."


def whole():
    config = types.GenerateContentConfig(max_output_tokens=20, system_instruction="Be brief.")
    answer = client.models.generate_content(model=MODEL, contents=HI, config=config)
    assert answer.text, answer
    assert answer.candidates[0].finish_reason in (types.FinishReason.STOP, types.FinishReason.MAX_TOKENS)
    headers = answer.sdk_http_response.headers
    used = answer.usage_metadata
    assert used.prompt_token_count == int(headers["x-tokens-in"]), (used, headers)
    assert used.candidates_token_count + (used.thoughts_token_count or 0) == int(headers["x-tokens-out"])
    assert used.total_token_count == int(headers["x-tokens-in"]) + int(headers["x-tokens-out"])
    assert answer.model_version and answer.response_id
    assert float(headers["x-cost-usd"]) > 0 and headers["x-request-id"]


def streamed(by=client):
    config = types.GenerateContentConfig(max_output_tokens=20)
    chunks = list(by.models.generate_content_stream(model=MODEL, contents=HI, config=config))
    text = "".join(c.text or "" for c in chunks)
    assert len(text) > 10 and len(chunks) > 3, chunks
    assert all(c.candidates for c in chunks), "no frame without a candidate"
    reasons = [c.candidates[0].finish_reason for c in chunks]
    assert reasons[-1] in (types.FinishReason.STOP, types.FinishReason.MAX_TOKENS), reasons
    assert chunks[-1].usage_metadata.total_token_count > 0
    assert len({c.response_id for c in chunks}) == 1
    return chunks


def trailer():
    """weir's own field at the end of a stream is no trouble to the SDK."""
    other = connect(headers={"X-Weir-Trailer": "1"})
    streamed(other)


def chat():
    """The SDK's own chat keeps the conversation, and sends back what it was sent."""
    talk = client.chats.create(model=MODEL)
    assert talk.send_message(HI).text
    assert "".join(c.text or "" for c in talk.send_message_stream("And lakes?"))
    assert talk.send_message("And seas?").text
    assert len(talk.get_history(curated=True)) >= 6, "an answer was not taken for one"


def declared(name):
    schema = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
    return types.FunctionDeclaration(name=name, description="d", parameters=schema)


def agent():
    """Three turns: two calls at once, two more that are demanded, and the answer. Seals come back as they were."""
    tools = [types.Tool(function_declarations=[declared("weather"), declared("clock")])]

    def config(mode):
        return types.GenerateContentConfig(
            tools=tools,
            tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode=mode)),
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True))

    def ask(contents, mode, stream):
        more = dict(model=MODEL, contents=contents, config=config(mode))
        if not stream:
            return client.models.generate_content(**more).candidates[0].content
        chunks = client.models.generate_content_stream(**more)
        return types.Content(role="model", parts=[p for c in chunks for p in c.candidates[0].content.parts or []])

    for stream in (False, True):
        contents = [types.Content(role="user", parts=[types.Part(text="Weather and clock in Basel. [[lab: calls=2]]")])]
        for mode in ("AUTO", "ANY"):
            said = ask(contents, mode, stream)
            calls = [p.function_call for p in said.parts if p.function_call]
            assert len(calls) == 2, (stream, said)
            assert len({c.id for c in calls}) == 2 and all("city" in c.args for c in calls), calls
            contents.append(said)
            contents.append(types.Content(role="user", parts=[
                types.Part(function_response=types.FunctionResponse(
                    id=c.id, name=c.name, response={"result": "fine"})) for c in calls]))
        last = ask(contents, "AUTO", stream)
        assert any(p.text for p in last.parts) and not any(p.function_call for p in last.parts), last


def automatic():
    """The SDK calls a Python function by itself."""
    asked = []

    def weather(city: str) -> str:
        """The weather in a city."""
        asked.append(city)
        return "sunny [[lab: calls=0]]"

    config = types.GenerateContentConfig(tools=[weather])
    answer = client.models.generate_content(model=MODEL, contents="Weather in Basel? [[lab: calls=1]]", config=config)
    assert asked and answer.text, (asked, answer)


class River(BaseModel):
    name: str
    length_km: int
    navigable: bool


def structured():
    for kind in ({"response_schema": River}, {"response_json_schema": River.model_json_schema()}):
        config = types.GenerateContentConfig(response_mime_type="application/json", **kind)
        answer = client.models.generate_content(model=MODEL, contents=HI, config=config)
        parsed = answer.parsed if isinstance(answer.parsed, River) else River.model_validate_json(answer.text)
        assert parsed.name, answer


def images():
    contents = [types.Part.from_bytes(data=PNG, mime_type="image/png"), "What is this?"]
    assert client.models.generate_content(model=MODEL, contents=contents).text


def models():
    names = [m.name for m in client.models.list()]
    assert "models/auto" in names and f"models/{MODEL}" in names, names
    assert client.models.get(model=MODEL).output_token_limit > 0


def counts():
    counted = client.models.count_tokens(model=MODEL, contents=HI)
    assert counted.total_tokens > 0, counted
    print("counted", counted.total_tokens, flush=True)


def raises(kind, code, status, reason, **ask):
    try:
        client.models.generate_content(**({"model": MODEL, "contents": HI} | ask))
    except errors.APIError as error:
        assert type(error) is kind, f"{type(error).__name__} instead of {kind.__name__}: {error}"
        assert (error.code, error.status) == (code, status), error
        info = error.details["error"]["details"][0]
        assert info["metadata"]["code"] == reason and info["metadata"]["request_id"], error
        return error
    raise AssertionError(f"no {kind.__name__}")


def refused():
    raises(errors.ClientError, 404, "NOT_FOUND", "model_not_found", model="no-such-model")
    raises(errors.ClientError, 400, "INVALID_ARGUMENT", "unknown_policy", model="auto:none")
    raises(errors.ClientError, 400, "INVALID_ARGUMENT", "invalid_request",
           config={"http_options": {"extra_body": {"contents": []}}})
    down = "x [[lab: fault=server_error]]"
    error = raises(errors.ServerError, 502, "UNAVAILABLE", "all_attempts_failed", contents=down)
    assert "attempts" in error.details["error"]["details"][0]["metadata"]


def broken():
    """A stream that is cut after content raises; it never just ends."""
    heard = []
    try:
        for chunk in client.models.generate_content_stream(
                model=MODEL, contents="x [[lab: tokens=60 reasoning=0 fault=cut after=20]]"):
            heard.append(chunk)
    except errors.ServerError as error:
        assert error.status == "UNAVAILABLE" and len(heard) >= 2, (error, heard)
        assert not any(c.candidates[0].finish_reason for c in heard), heard
        return
    raise AssertionError("a cut stream looked whole")


def timeout():
    slow = genai.Client(api_key="unused", http_options=types.HttpOptions(base_url=BASE, timeout=300))
    try:
        slow.models.generate_content(model=MODEL, contents="x [[lab: fault=slow_head ms=3000]]")
    except Exception as error:
        assert "Timeout" in type(error).__name__, type(error)
        return
    raise AssertionError("it did not time out")


async def cancelled():
    """A task that is cancelled in the middle of its stream, beside others that go on."""
    begun = asyncio.Event()

    async def long():
        ask = "x [[lab: tokens=300 reasoning=0 fault=slow_tokens ms=200]]"
        config = types.GenerateContentConfig(max_output_tokens=400)
        async for _ in await client.aio.models.generate_content_stream(model=MODEL, contents=ask, config=config):
            begun.set()

    async def short():
        return bool((await client.aio.models.generate_content(model=MODEL, contents=HI)).text)

    task = asyncio.create_task(long())
    others = asyncio.gather(*(short() for _ in range(10)))
    await asyncio.wait_for(begun.wait(), 60)
    task.cancel()
    try:
        await task
        raise AssertionError("it was not cancelled")
    except asyncio.CancelledError:
        pass
    assert all(await others)


for story in (whole, streamed, trailer, chat, agent, automatic, structured, images, models, counts, timeout):
    story()
    print("ok", story.__name__, flush=True)
asyncio.run(cancelled())
print("ok cancelled", flush=True)
# After these the only model there is rests.
for story in (broken, refused):
    story()
    print("ok", story.__name__, flush=True)
