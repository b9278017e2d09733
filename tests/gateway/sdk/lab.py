"""The official SDK against weir and the lab: whatever an application does with OpenAI, unchanged but for its address."""

import asyncio
import json
import sys

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

BASE = sys.argv[1]
client = OpenAI(base_url=BASE, api_key="unused", max_retries=0, timeout=60)
HI = [{"role": "user", "content": "Say something about rivers."}]


def raises(kind, code, **ask):
    """The call fails with this class of the SDK's and this code."""
    ask = {"model": "auto", "messages": HI} | ask
    try:
        client.chat.completions.create(**ask)
    except openai.APIStatusError as error:
        assert type(error) is kind, f"{type(error).__name__} instead of {kind.__name__}: {error}"
        assert error.code == code, f"code {error.code} instead of {code}"
        assert error.request_id, "no request id"
        return error
    raise AssertionError(f"no {kind.__name__}")


def whole():
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=HI, max_tokens=20)
    answer = raw.parse()
    assert answer.choices[0].message.content and answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.prompt_tokens == int(raw.headers["x-tokens-in"])
    assert answer.usage.completion_tokens == int(raw.headers["x-tokens-out"])
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer._request_id == raw.headers["x-request-id"]
    assert float(raw.headers["x-cost-usd"]) > 0


def streamed():
    ask = dict(model="auto", messages=HI, max_tokens=20, stream=True, stream_options={"include_usage": True})
    chunks = list(client.chat.completions.create(**ask))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert len(text) > 10 and len(chunks) > 5, chunks
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] in ("stop", "length")
    assert chunks[-1].usage.completion_tokens > 0 and not chunks[-1].choices
    assert len({c.id for c in chunks}) == 1
    # weir's own event at the end of a stream is no trouble to the SDK either.
    last = list(client.chat.completions.create(**ask, extra_headers={"X-Weir-Trailer": "1"}))
    assert len(last) > 5


def models():
    names = [m.id for m in client.models.list()]
    assert "auto" in names and "alpha/alpha-chat" in names, names
    assert client.models.retrieve("alpha/alpha-chat").id == "alpha/alpha-chat"


def tool(name):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def tools():
    """Two calls at once, both answered, and the answer to that."""
    for stream in (False, True):
        messages = [{"role": "user", "content": "Weather and time in Basel, please. [[lab: calls=2]]"}]
        ask = dict(model="auto", messages=messages, tools=[tool("weather"), tool("time")])
        if stream:
            with client.chat.completions.stream(**ask) as events:
                message = events.get_final_completion().choices[0].message
        else:
            message = client.chat.completions.create(**ask).choices[0].message
        calls = message.tool_calls
        assert len(calls) == 2 and calls[0].id != calls[1].id, calls
        messages.append({"role": "assistant", "content": message.content, "tool_calls": [
            {"id": c.id, "type": "function", "function": {"name": c.function.name, "arguments": c.function.arguments}}
            for c in calls]})
        for call in calls:
            assert "city" in json.loads(call.function.arguments)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": "fine [[lab: calls=0]]"})
        messages.append({"role": "user", "content": "And in a sentence? [[lab: calls=0]]"})
        answer = client.chat.completions.create(model="auto", messages=messages, tools=ask["tools"])
        assert answer.choices[0].message.content, answer


class River(BaseModel):
    name: str
    length_km: int
    navigable: bool


def structured():
    answer = client.chat.completions.parse(model="auto", messages=HI, response_format=River)
    assert isinstance(answer.choices[0].message.parsed, River), answer
    with client.chat.completions.stream(model="auto", messages=HI, response_format=River) as events:
        assert isinstance(events.get_final_completion().choices[0].message.parsed, River)


def errors():
    error = raises(openai.NotFoundError, "model_not_found", model="alpha-chit")
    assert "alpha-chat" in str(error) and error.param == "model"
    raises(openai.BadRequestError, "invalid_request", messages=[])
    raises(openai.BadRequestError, "unknown_policy", model="auto:none")
    error = raises(openai.UnprocessableEntityError, "no_candidate", extra_headers={"X-Weir-Min-Quality": "0.99"})
    assert "alpha/alpha-chat" in str(error)
    down = [{"role": "user", "content": "x [[lab: fault=server_error]]"}]
    error = raises(openai.InternalServerError, "all_attempts_failed", messages=down)
    assert error.status_code == 502 and len(error.body["attempts"]) >= 2, error.body


def broken():
    """A stream that is cut after content raises; it never just ends."""
    ask = [{"role": "user", "content": "x [[lab: tokens=30 fault=cut after=5]]"}]
    heard = []
    try:
        for chunk in client.chat.completions.create(model="auto", messages=ask, stream=True):
            heard.append(chunk)
    except openai.APIError as error:
        assert error.code == "stream_broken" and len(heard) >= 3, (error, heard)
        return
    raise AssertionError("a cut stream looked whole")


def timeout():
    ask = [{"role": "user", "content": "x [[lab: fault=slow_head ms=3000]]"}]
    try:
        client.with_options(timeout=0.3).chat.completions.create(model="auto", messages=ask)
    except openai.APITimeoutError:
        return
    raise AssertionError("it did not time out")


async def cancelled():
    """A task that is cancelled in the middle of its stream, beside others that go on."""
    many = AsyncOpenAI(base_url=BASE, api_key="unused", max_retries=0, timeout=60)
    begun = asyncio.Event()

    async def long():
        ask = [{"role": "user", "content": "x [[lab: tokens=300 fault=slow_tokens ms=200]]"}]
        async for _ in await many.chat.completions.create(model="auto", messages=ask, stream=True, max_tokens=400):
            begun.set()

    async def short():
        answer = await many.chat.completions.create(model="auto", messages=HI, max_tokens=5)
        return bool(answer.choices[0].message.content)

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
    await many.close()


def limited():
    busy = [{"role": "user", "content": "x [[lab: fault=rate_limit retry_after=7]]"}]
    error = raises(openai.RateLimitError, "rate_limited", messages=busy)
    assert 1 <= int(error.response.headers["retry-after"]) <= 7
    # And while all of them rest there is nobody to ask.
    error = raises(openai.InternalServerError, "all_providers_resting")
    assert error.status_code == 503 and int(error.response.headers["retry-after"]) >= 1


for story in (whole, streamed, models, tools, structured, errors, broken, timeout):
    story()
    print("ok", story.__name__, flush=True)
asyncio.run(cancelled())
print("ok cancelled", flush=True)
limited()
print("ok limited", flush=True)
