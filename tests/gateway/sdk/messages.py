"""Anthropic's official SDK against weir and the lab: unchanged but for its address, whoever really answers."""

import asyncio
import sys

import anthropic
from anthropic import Anthropic, AsyncAnthropic
from pydantic import BaseModel

BASE = sys.argv[1]
OPENAI, ANTHROPIC, GEMINI = "lab-openai/gpt-lab-mini", "lab-anthropic/claude-lab", "lab-gemini/gemini-lab-flash"
THINKERS = (ANTHROPIC, "lab-responses/gpt-lab-ponder")
client = Anthropic(base_url=BASE, api_key="unused", max_retries=0, timeout=60)
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def says(text):
    return [{"role": "user", "content": text}]


HI = says("Say something about rivers.")


def raises(kind, code, error_type, **ask):
    """The call fails with this class of the SDK's, this code of weir's and this type of Anthropic's."""
    ask = {"model": ANTHROPIC, "messages": HI, "max_tokens": 50} | ask
    try:
        client.messages.create(**ask)
    except anthropic.APIStatusError as error:
        assert type(error) is kind, f"{type(error).__name__} instead of {kind.__name__}: {error}"
        body = error.body["error"]
        assert (body["code"], body["type"]) == (code, error_type), error.body
        assert error.request_id and error.request_id == error.body["request_id"], "no request id"
        return error
    raise AssertionError(f"no {kind.__name__}")


def whole(model):
    raw = client.messages.with_raw_response.create(model=model, messages=HI, max_tokens=30)
    answer = raw.parse()
    assert answer.content[0].type == "text" and answer.content[0].text, answer
    assert answer.stop_reason in ("end_turn", "max_tokens") and answer.id.startswith("msg_"), answer
    used = answer.usage
    assert used.input_tokens + used.cache_read_input_tokens == int(raw.headers["x-tokens-in"]), used
    assert used.output_tokens == int(raw.headers["x-tokens-out"])
    assert answer._request_id == raw.headers["x-request-id"]
    assert float(raw.headers["x-cost-usd"]) > 0 and raw.headers["x-provider"] == model.split("/")[0]


def streamed(model):
    """What the SDK adds up is what is told in one piece; every event is in its place."""
    ask = dict(model=model, messages=says("A song. [[lab: tokens=40]]"), max_tokens=60, system="Sing.")
    for extra in ({}, {"X-Weir-Trailer": "1"}):
        kinds, text = [], ""
        with client.messages.stream(**ask, extra_headers=extra) as stream:
            for event in stream:
                kinds.append(event.type)
                if event.type == "text":
                    text += event.text
            message = stream.get_final_message()
        if extra:
            assert kinds.pop() == "weir"
        assert kinds[0] == "message_start" and kinds[-1] == "message_stop", kinds
        assert kinds.count("content_block_start") == kinds.count("content_block_stop") == len(message.content)
        assert message.content[0].text == text and kinds.count("text") > 3, kinds
        same = client.messages.create(**ask)
        assert [b.to_dict() for b in same.content] == [
            {k: v for k, v in b.to_dict().items() if k != "parsed_output"} for b in message.content]
        assert (same.stop_reason, same.usage.output_tokens) == (message.stop_reason, message.usage.output_tokens)
        assert same.usage.input_tokens + same.usage.cache_read_input_tokens == (
            message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0))


def tool(name):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"name": name, "description": f"The {name} of a city.", "input_schema": schema}


def agent(model):
    """Three turns with two calls at once, the answers going round as the SDK gave them."""
    for stream in (False, True):
        messages = says("Weather and time in Basel, please. [[lab: calls=2]]")
        tools = [tool("weather"), tool("time")]
        for turn in range(3):
            ask = dict(model=model, messages=messages, tools=tools, max_tokens=500,
                       tool_choice={"type": "any"} if turn < 2 else {"type": "auto"})
            if stream:
                with client.messages.stream(**ask) as events:
                    message = events.get_final_message()
            else:
                message = client.messages.create(**ask)
            messages.append({"role": "assistant", "content": message.content})
            calls = [block for block in message.content if block.type == "tool_use"]
            if turn == 2:
                assert not calls and message.stop_reason == "end_turn" and message.content[-1].text, message
                break
            assert len(calls) == 2 and calls[0].id != calls[1].id, message
            assert message.stop_reason == "tool_use", message
            assert all("city" in call.input for call in calls), calls
            more = "[[lab: calls=2]]" if turn == 0 else "[[lab: calls=0]]"
            results = [
                {"type": "tool_result", "tool_use_id": calls[0].id, "content": "sunny"},
                {"type": "tool_result", "tool_use_id": calls[1].id, "is_error": turn == 0,
                 "content": [{"type": "text", "text": "no idea"}]}]
            messages.append({"role": "user", "content": [*results, {"type": "text", "text": f"Go on. {more}"}]})


def runner(model):
    """The SDK's own loop."""
    @anthropic.beta_tool
    def weather(city: str) -> str:
        """The weather of a city.

        Args:
            city: Its name.
        """
        return f"fine in {city} [[lab: calls=0]]"

    loop = client.beta.messages.tool_runner(
        model=model, max_tokens=300, tools=[weather], max_iterations=2,
        messages=says("Weather in Basel? [[lab: calls=1]]"))
    turns = list(loop)
    assert len(turns) == 2 and any(b.type == "tool_use" for b in turns[0].content), turns


class River(BaseModel):
    name: str
    length_km: int
    navigable: bool


def structured(model):
    answer = client.messages.parse(model=model, messages=HI, max_tokens=300, output_format=River)
    assert isinstance(answer.parsed_output, River), answer
    with client.messages.stream(model=model, messages=HI, max_tokens=300, output_format=River) as events:
        assert isinstance(events.get_final_message().parsed_output, River)


def pictures(model):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    words = {"type": "text", "text": "What is it?", "cache_control": {"type": "ephemeral"}}
    answer = client.messages.create(model=model, max_tokens=30, messages=[{"role": "user", "content": [image, words]}])
    assert answer.content[0].text
    # A picture that a tool took.
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"city": "Basel"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "here"}, image]}
    answer = client.messages.create(model=model, max_tokens=30, tools=[tool("look")], messages=[
        *HI, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}])
    assert answer.content, answer


def counted(model):
    raw = client.messages.with_raw_response.count_tokens(model=model, messages=HI, system="Be brief.", tools=[tool("f")])
    assert raw.parse().input_tokens > 5
    assert (raw.headers.get("x-weir-estimated") == "true") == (model != ANTHROPIC), dict(raw.headers)


def thoughts():
    """Thinking blocks go round untouched between turns."""
    for model in THINKERS:
        messages = says("Weather in Basel? [[lab: calls=1 reasoning=20]]")
        ask = dict(model=model, max_tokens=4_000, tools=[tool("weather")],
                   thinking={"type": "enabled", "budget_tokens": 2_000})
        with client.messages.stream(**ask, messages=messages) as events:
            message = events.get_final_message()
        assert message.content[0].type == "thinking" and message.content[0].signature, message
        [call] = [block for block in message.content if block.type == "tool_use"]
        messages += [{"role": "assistant", "content": message.content}, {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": call.id, "content": "sunny [[lab: calls=0]]"}]}]
        answer = client.messages.create(**ask, messages=messages)
        assert answer.content[-1].type in ("text", "tool_use"), answer
    answer = client.messages.create(model=ANTHROPIC, max_tokens=2_000, thinking={"type": "disabled"}, messages=HI)
    assert [block.type for block in answer.content] == ["text"], answer


def moving():
    """A conversation that changes its provider after every turn."""
    messages = says("Weather in Basel? [[lab: calls=1]]")
    for model in (GEMINI, ANTHROPIC, OPENAI, THINKERS[1], ANTHROPIC, GEMINI):
        answer = client.messages.create(model=model, max_tokens=500, messages=messages, tools=[tool("weather")],
                                        tool_choice={"type": "any"})
        messages.append({"role": "assistant", "content": answer.content})
        calls = [block for block in answer.content if block.type == "tool_use"]
        assert calls, answer
        messages.append({"role": "user", "content": [
            *({"type": "tool_result", "tool_use_id": call.id, "content": "sunny"} for call in calls),
            {"type": "text", "text": "And again? [[lab: calls=1]]"}]})


def only_anthropic():
    """What only Anthropic knows goes there and nowhere else, and beta headers go along."""
    answer = client.beta.messages.create(model=ANTHROPIC, max_tokens=20, messages=HI, extra_body={"top_k": 5},
                                         betas=["some-2026-01-01"])
    assert answer.content[0].text
    error = raises(anthropic.UnprocessableEntityError, "no_candidate", "invalid_request_error",
                   model=OPENAI, extra_body={"top_k": 5})
    assert error.body["error"]["param"] == "top_k" and "top_k" in str(error)


def errors():
    error = raises(anthropic.NotFoundError, "model_not_found", "not_found_error", model="claude-lap")
    assert "claude-lab" in str(error) and error.body["error"]["param"] == "model"
    error = raises(anthropic.BadRequestError, "invalid_request", "invalid_request_error", messages=[])
    assert error.body["error"]["param"] == "messages"
    raises(anthropic.BadRequestError, "invalid_request", "invalid_request_error", max_tokens=0)
    error = raises(anthropic.UnprocessableEntityError, "no_candidate", "invalid_request_error",
                   extra_headers={"X-Weir-Min-Quality": "0.99"})
    try:
        client.messages.count_tokens(model="nobody", messages=HI)
        raise AssertionError("counted for nobody")
    except anthropic.NotFoundError as error:
        assert error.body["type"] == "error" and error.request_id


def broken(model):
    """A stream that is cut after content raises; it never just ends."""
    heard = []
    try:
        with client.messages.stream(model=model, max_tokens=100,
                                    messages=says("x [[lab: tokens=30 fault=cut after=8]]")) as events:
            for event in events:
                heard.append(event.type)
    except anthropic.APIStatusError as error:
        assert error.body["error"]["code"] == "stream_broken", error.body
        assert len(heard) >= 3 and "message_stop" not in heard, heard
        return
    raise AssertionError("a cut stream looked whole")


def timeout():
    try:
        client.with_options(timeout=0.3).messages.create(
            model="lab-vllm/org/big-lab", max_tokens=5, messages=says("x [[lab: fault=slow_head ms=3000]]"))
    except anthropic.APITimeoutError:
        return
    raise AssertionError("it did not time out")


async def cancelled():
    """A task that is cancelled in the middle of its stream, beside others that go on."""
    many = AsyncAnthropic(base_url=BASE, api_key="unused", max_retries=0, timeout=60)
    begun = asyncio.Event()

    async def long():
        slow = says("x [[lab: tokens=300 fault=slow_tokens ms=200]]")
        async with many.messages.stream(model=ANTHROPIC, messages=slow, max_tokens=400) as events:
            async for event in events:
                if event.type == "text":
                    begun.set()

    async def short(model):
        answer = await many.messages.create(model=model, messages=HI, max_tokens=20)
        return bool(answer.content[0].text)

    task = asyncio.create_task(long())
    others = asyncio.gather(*(short(model) for model in (OPENAI, ANTHROPIC, GEMINI) for _ in range(4)))
    await asyncio.wait_for(begun.wait(), 60)
    task.cancel()
    try:
        await task
        raise AssertionError("it was not cancelled")
    except asyncio.CancelledError:
        pass
    assert all(await others)
    await many.close()


def retried():
    """The SDK asks again after a failure that may pass, and not after one that will not."""
    patient = client.with_options(max_retries=2)
    ask = dict(model="lab-groq/openai/gpt-oss-lab", max_tokens=40)
    raw = patient.messages.with_raw_response.create(
        **ask, messages=says("x [[lab: first=1 fault=rate_limit retry_after=1]]"))
    assert raw.parse().content and raw.http_request.headers["x-stainless-retry-count"] != "0", dict(raw.http_request.headers)
    try:
        patient.messages.create(model=ANTHROPIC, max_tokens=40, messages=[])
    except anthropic.BadRequestError as error:
        assert error.request.headers["x-stainless-retry-count"] == "0"
        assert error.response.headers["x-should-retry"] == "false"


def limited():
    busy = says("x [[lab: fault=rate_limit retry_after=7]]")
    error = raises(anthropic.RateLimitError, "rate_limited", "rate_limit_error", messages=busy)
    assert 1 <= int(error.response.headers["retry-after"]) <= 7
    # And while it rests there is nobody to ask.
    error = raises(anthropic.ServiceUnavailableError, "all_providers_resting", "overloaded_error")
    assert error.status_code == 503 and int(error.response.headers["retry-after"]) >= 1
    down = says("x [[lab: fault=server_error]]")
    error = raises(anthropic.InternalServerError, "all_attempts_failed", "api_error", model=GEMINI, messages=down)
    assert error.status_code == 502 and error.body["error"]["attempts"], error.body


for story in (whole, streamed, agent, runner, structured, pictures, counted):
    for model in (OPENAI, ANTHROPIC, GEMINI):
        try:
            story(model)
        except Exception as error:
            raise AssertionError(f"{story.__name__} of {model}: {error!r}") from error
        print("ok", story.__name__, model, flush=True)
for story in (thoughts, moving, only_anthropic, errors, timeout, retried):
    story()
    print("ok", story.__name__, flush=True)
asyncio.run(cancelled())
print("ok cancelled", flush=True)
for model in ("lab-ollama/qwen-lab:8b", ANTHROPIC):
    broken(model)
    print("ok broken", model, flush=True)
limited()
print("ok limited", flush=True)
