"""The official openai SDK against every wire format of the lab: one set of stories, told by each provider in turn, so that
whoever really answers looks the same. Arguments: address, model, and what the model cannot do."""

import asyncio
import json
import sys

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

BASE, MODEL, LACKS = sys.argv[1], sys.argv[2], set(sys.argv[3:])
client = OpenAI(base_url=BASE, api_key="unused", max_retries=0, timeout=60)
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def says(text):
    return [{"role": "user", "content": text}]


HI = says("Say something about rivers.")


def raises(kind, code, **ask):
    try:
        client.chat.completions.create(**{"model": MODEL, "messages": HI} | ask)
    except openai.APIStatusError as error:
        assert type(error) is kind, f"{type(error).__name__} instead of {kind.__name__}: {error}"
        assert error.code == code, f"code {error.code} instead of {code}: {error}"
        assert error.request_id, "no request id"
        return error
    raise AssertionError(f"no {kind.__name__}")


def whole():
    ask = dict(model=MODEL, messages=[{"role": "system", "content": "Be brief."}, *HI], max_tokens=40)
    raw = client.chat.completions.with_raw_response.create(**ask)
    answer = raw.parse()
    assert answer.choices[0].message.content and answer.choices[0].finish_reason in ("stop", "length"), answer
    assert answer.usage.prompt_tokens == int(raw.headers["x-tokens-in"]), answer
    assert answer.usage.completion_tokens == int(raw.headers["x-tokens-out"]), answer
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens, answer
    assert f'{raw.headers["x-provider"]}/{raw.headers["x-model"]}' == MODEL


def streamed():
    """What the SDK adds up is what is told in one piece."""
    ask = dict(model=MODEL, messages=says('[[lab: say="Zürich – 水 flows, 🙂 and more."]]'), max_tokens=60)
    chunks = list(client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "Zürich – 水 flows, 🙂 and more.", text
    assert text == client.chat.completions.create(**ask).choices[0].message.content
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage.completion_tokens > 0 and len({c.id for c in chunks}) == 1
    with client.chat.completions.stream(**ask, stream_options={"include_usage": True}) as events:
        kinds = [event.type for event in events]
        last = events.get_final_completion()
    assert "content.delta" in kinds and last.choices[0].message.content == text and last.usage.total_tokens > 0
    # Without the wish there is no chunk of usage.
    assert all(c.choices and not c.usage for c in client.chat.completions.create(**ask, stream=True))


def tool(name):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "description": f"The {name}.", "parameters": schema}}


def agent():
    """Three turns: two calls at once, two more after their results, then the answer; streamed and not."""
    wanted = 1 if "parallel" in LACKS else 2
    for stream in (False, True):
        messages = says(f"Weather and time in Basel, please. [[lab: calls={wanted}]]")
        seen = set()
        for turn in range(3):
            ask = dict(model=MODEL, messages=messages, tools=[tool("weather"), tool("time")], max_tokens=500)
            if "forced" not in LACKS:
                ask["tool_choice"] = "required" if turn < 2 else "auto"
            if stream:
                with client.chat.completions.stream(**ask) as events:
                    choice = events.get_final_completion().choices[0]
            else:
                choice = client.chat.completions.create(**ask).choices[0]
            message = choice.message
            messages.append(message.model_dump(exclude_none=True, exclude={"parsed", "function_call"}))
            if turn == 2:
                assert not message.tool_calls and message.content and choice.finish_reason == "stop", choice
                break
            calls = message.tool_calls
            assert choice.finish_reason == "tool_calls" and len(calls) == wanted, choice
            assert not seen & {c.id for c in calls} and len({c.id for c in calls}) == wanted, calls
            seen |= {c.id for c in calls}
            assert all("city" in json.loads(c.function.arguments) for c in calls), calls
            messages += [{"role": "tool", "tool_call_id": c.id, "content": f"{c.function.name}: fine"} for c in calls]
            messages += says(f"Go on. [[lab: calls={wanted if turn == 0 else 0}]]")


class River(BaseModel):
    name: str
    length_km: int
    navigable: bool


def structured():
    """The SDK's own helper parses what came, whole; and streamed where the model can do both at once."""
    message = client.chat.completions.parse(model=MODEL, messages=HI, response_format=River).choices[0].message
    assert isinstance(message.parsed, River), message
    if "schema_stream" in LACKS:
        try:
            with client.chat.completions.stream(model=MODEL, messages=HI, response_format=River) as events:
                events.get_final_completion()
        except openai.UnprocessableEntityError as error:
            assert "stream" in str(error), error
        else:
            raise AssertionError("it cannot stream what it was told it cannot")
    else:
        with client.chat.completions.stream(model=MODEL, messages=HI, response_format=River) as events:
            assert isinstance(events.get_final_completion().choices[0].message.parsed, River)


def pictures():
    """Base64 and by URL; a model that cannot see is named in a 422, and nothing is dropped in silence."""
    data = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    by_url = {"type": "image_url", "image_url": {"url": "https://example.com/river.png", "detail": "low"}}
    for lack, part in (("vision", data), ("image_url", by_url)):
        messages = says([{"type": "text", "text": "What is it?"}, part])
        if lack in LACKS:
            error = raises(openai.UnprocessableEntityError, "no_candidate", messages=messages)
            assert "image" in str(error) or "vision" in str(error), error
        else:
            answer = client.chat.completions.create(model=MODEL, messages=messages, max_tokens=40)
            assert answer.choices[0].message.content, answer


def errors():
    raises(openai.NotFoundError, "model_not_found", model="nobody/nothing")
    error = raises(openai.BadRequestError, "invalid_request", temperature=9)
    assert error.param == "temperature", error.body
    error = raises(openai.UnprocessableEntityError, "no_candidate", extra_headers={"X-Weir-Max-Cost-Usd": "0.000000000001"})
    assert error.request_id


def retried():
    """The SDK asks again after a failure that may pass, and not after one that will not."""
    patient = client.with_options(max_retries=2)
    busy = says(f"x [[lab: first=1 fault=rate_limit retry_after=1 tag={MODEL}]]")
    raw = patient.chat.completions.with_raw_response.create(model=MODEL, messages=busy, max_tokens=40)
    assert raw.parse().choices[0].message.content
    assert raw.http_request.headers["x-stainless-retry-count"] != "0", dict(raw.http_request.headers)
    try:
        patient.chat.completions.create(model=MODEL, messages=[])
    except openai.BadRequestError as error:
        assert error.request.headers["x-stainless-retry-count"] == "0"
        return
    raise AssertionError("an empty conversation was answered")


def timeout():
    """The SDK's own patience ends, once and then after its one more attempt."""
    slow = says("x [[lab: fault=slow_head ms=3000]]")
    for retries in (0, 1):
        try:
            client.with_options(timeout=0.3, max_retries=retries).chat.completions.create(model=MODEL, messages=slow)
            raise AssertionError("it did not time out")
        except openai.APITimeoutError as error:
            assert error.request.headers["x-stainless-retry-count"] == str(retries)


async def cancelled():
    """A task that is cancelled in the middle of its stream, beside others that go on."""
    many = AsyncOpenAI(base_url=BASE, api_key="unused", max_retries=0, timeout=60)
    begun = asyncio.Event()

    async def long():
        slow = says("x [[lab: tokens=300 reasoning=0 fault=slow_tokens ms=150]]")
        async for chunk in await many.chat.completions.create(model=MODEL, messages=slow, stream=True, max_tokens=400):
            if chunk.choices and chunk.choices[0].delta.content:
                begun.set()

    async def short():
        answer = await many.chat.completions.create(model=MODEL, messages=HI, max_tokens=40)
        return bool(answer.choices[0].message.content)

    task = asyncio.create_task(long())
    others = asyncio.gather(*(short() for _ in range(6)))
    await asyncio.wait_for(begun.wait(), 60)
    task.cancel()
    try:
        await task
        raise AssertionError("it was not cancelled")
    except asyncio.CancelledError:
        pass
    assert all(await others)
    await many.close()


def broken():
    """A stream that is cut after content raises; it never just ends."""
    heard = []
    cut = says("x [[lab: tokens=60 reasoning=0 fault=cut after=20]]")
    try:
        for chunk in client.chat.completions.create(model=MODEL, messages=cut, stream=True):
            heard.append(chunk)
    except openai.APIError as error:
        assert error.code == "stream_broken" and len(heard) >= 3, (error, len(heard))
        return
    raise AssertionError("a cut stream looked whole")


for story in (whole, streamed, agent, structured, pictures, errors, timeout, retried):
    story()
    print("ok", story.__name__, flush=True)
asyncio.run(cancelled())
print("ok cancelled", flush=True)
broken()
print("ok broken", flush=True)
