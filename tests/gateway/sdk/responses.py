"""OpenAI's official SDK and its Responses API against weir and the lab: unchanged but for its address, whoever really answers."""

import asyncio
import json
import sys

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

BASE = sys.argv[1]
OPENAI, ITEMS, ANTHROPIC = "lab-openai/gpt-lab-mini", "lab-responses/gpt-lab-items", "lab-anthropic/claude-lab"
GEMINI, WORKERS, OSS = "lab-gemini/gemini-lab-flash", "lab-workers/@cf/lab/llama-native", "lab-workers/@cf/lab/gpt-oss"
PONDER = "lab-responses/gpt-lab-ponder"
client = OpenAI(base_url=BASE, api_key="unused", max_retries=0, timeout=60)
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
HI = "Say something about rivers."


def raises(kind, code, param=None, **ask):
    """The call fails with this class of the SDK's, this code of weir's, and names this field."""
    ask = {"model": ITEMS, "input": HI} | ask
    try:
        client.responses.create(**ask)
    except openai.APIStatusError as error:
        assert type(error) is kind, f"{type(error).__name__} instead of {kind.__name__}: {error}"
        assert error.code == code, error.body
        assert param is None or error.param == param, error.body
        assert error.request_id and error.request_id == error.body["request_id"], "no request id"
        return error
    raise AssertionError(f"no {kind.__name__}")


def whole(model):
    raw = client.responses.with_raw_response.create(
        model=model, input=HI, instructions="Be brief.", max_output_tokens=30, metadata={"k": "v"})
    answer = raw.parse()
    assert answer.output_text and answer.id.startswith("resp_") and answer.object == "response", answer
    assert answer.status in ("completed", "incomplete") and answer.error is None
    assert (answer.status == "incomplete") == (answer.incomplete_details is not None)
    used = answer.usage
    assert used.input_tokens == int(raw.headers["x-tokens-in"]), used
    assert used.output_tokens == int(raw.headers["x-tokens-out"])
    assert used.total_tokens == used.input_tokens + used.output_tokens
    assert answer._request_id == raw.headers["x-request-id"]
    assert float(raw.headers["x-cost-usd"]) > 0 and raw.headers["x-provider"] == model.split("/")[0]
    if model not in (ITEMS, PONDER):
        assert (answer.store, answer.instructions, answer.metadata) == (False, "Be brief.", {"k": "v"}), answer


def dumped(response):
    """Items as they are, without what differs between two answers and what the SDK's own helper adds."""
    def plain(value):
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if k not in ("id", "parsed", "parsed_arguments")}
        return [plain(v) for v in value] if isinstance(value, list) else value
    return plain([item.to_dict() for item in response.output])


def streamed(model):
    """What the SDK adds up is what is told in one piece; every event is in its place."""
    ask = dict(model=model, input="A song. [[lab: tokens=40]]", max_output_tokens=60, instructions="Sing.")
    for extra in ({}, {"X-Weir-Trailer": "1"}):
        kinds, numbers, text, event = [], [], "", None
        with client.responses.stream(**ask, extra_headers=extra) as stream:
            for event in stream:
                kinds.append(event.type)
                numbers.append(event.sequence_number)
                if event.type == "response.output_text.delta":
                    text += event.delta
            response = stream.get_final_response()
        if extra:
            assert kinds.pop() == "keepalive" and float(event.weir["cost"]["usd"]) > 0, event
        assert kinds[:2] == ["response.created", "response.in_progress"], kinds
        assert kinds[-1] == "response.completed", kinds
        assert numbers == list(range(len(numbers))), numbers
        for begins, ends in (("output_item.added", "output_item.done"), ("content_part.added", "content_part.done")):
            assert kinds.count(f"response.{begins}") == kinds.count(f"response.{ends}") >= 1, kinds
        assert response.output_text == text and kinds.count("response.output_text.delta") > 3, kinds
        same = client.responses.create(**ask)
        assert dumped(same) == dumped(response), (same.output, response.output)
        assert (same.status, same.usage.output_tokens) == (response.status, response.usage.output_tokens)
        assert same.usage.input_tokens == response.usage.input_tokens
    # And without the helper.
    kinds = [event.type for event in client.responses.create(**ask, stream=True)]
    assert kinds[-1] == "response.completed" and "response.output_text.done" in kinds, kinds


def tool(name):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
              "additionalProperties": False}
    return {"type": "function", "name": name, "description": f"The {name} of a city.", "parameters": schema,
            "strict": True}


def agent(model):
    """Three turns with two calls at once, the answers going round as the SDK gave them."""
    forced = "auto" if model in (WORKERS, OSS) else "required"
    for stream in (False, True):
        items = [{"role": "user", "content": "Weather and time in Basel, please. [[lab: calls=2]]"}]
        tools = [tool("weather"), tool("time")]
        for turn in range(3):
            ask = dict(model=model, input=items, tools=tools, max_output_tokens=500,
                       tool_choice=forced if turn < 2 else "auto")
            if stream:
                with client.responses.stream(**ask) as events:
                    kinds = [event.type for event in events]
                    answer = events.get_final_response()
                if turn < 2:
                    assert kinds.count("response.function_call_arguments.done") == 2, kinds
            else:
                answer = client.responses.create(**ask)
            items += answer.output
            calls = [item for item in answer.output if item.type == "function_call"]
            if turn == 2:
                assert not calls and answer.status == "completed" and answer.output_text, answer
                break
            assert len(calls) == 2 and calls[0].call_id != calls[1].call_id, answer
            assert all("city" in json.loads(call.arguments) for call in calls), calls
            more = "[[lab: calls=2]]" if turn == 0 else "[[lab: calls=0]]"
            items += [
                {"type": "function_call_output", "call_id": calls[0].call_id, "output": "sunny"},
                {"type": "function_call_output", "call_id": calls[1].call_id,
                 "output": [{"type": "input_text", "text": "no idea"}]},
                {"role": "user", "content": f"Go on. {more}"}]


class River(BaseModel):
    name: str
    length_km: int
    navigable: bool


def structured(model):
    answer = client.responses.parse(model=model, input=HI, max_output_tokens=300, text_format=River)
    assert isinstance(answer.output_parsed, River), answer
    if model in (WORKERS, OSS):
        return
    with client.responses.stream(model=model, input=HI, max_output_tokens=300, text_format=River) as events:
        assert isinstance(events.get_final_response().output_parsed, River)
    loose = {"format": {"type": "json_object"}}
    if model == ANTHROPIC:
        raises(openai.UnprocessableEntityError, "no_candidate", model=model, text=loose)
        return
    answer = client.responses.create(model=model, input="Some json, please.", max_output_tokens=300, text=loose)
    assert isinstance(json.loads(answer.output_text), dict)


def pictures(model):
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"}
    words = {"type": "input_text", "text": "What is it?"}
    answer = client.responses.create(
        model=model, max_output_tokens=30, input=[{"role": "user", "content": [words, image]}])
    assert answer.output_text
    # A picture that a tool took.
    answer = client.responses.create(model=model, max_output_tokens=30, tools=[tool("look")], input=[
        {"role": "user", "content": HI},
        {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"city":"Basel"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": [{"type": "input_text", "text": "here"}, image]}])
    assert answer.output, answer


def counted():
    for model in (ITEMS, OPENAI):
        raw = client.responses.input_tokens.with_raw_response.count(
            model=model, input=HI, instructions="Be brief.", tools=[tool("f")])
        assert raw.parse().input_tokens > 5
        assert (raw.headers.get("x-weir-estimated") == "true") == (model != ITEMS), dict(raw.headers)


def thoughts():
    """Reasoning items go round untouched between turns, whether they were shown or not."""
    for model in (PONDER, ANTHROPIC, GEMINI):
        for summary in ({}, {"summary": "auto"}):
            items = [{"role": "user", "content": "Weather in Basel? [[lab: calls=1 reasoning=20]]"}]
            ask = dict(model=model, max_output_tokens=4_000, tools=[tool("weather")],
                       reasoning={"effort": "low", **summary})
            with client.responses.stream(**ask, input=items) as events:
                answer = events.get_final_response()
            thought = [item for item in answer.output if item.type == "reasoning"]
            assert thought, (model, answer.output)
            if model != GEMINI:
                assert thought[0].encrypted_content and bool(thought[0].summary) == bool(summary), (model, thought)
            [call] = [item for item in answer.output if item.type == "function_call"]
            items += [*answer.output, {"type": "function_call_output", "call_id": call.call_id,
                                       "output": "sunny [[lab: calls=0]]"}]
            assert client.responses.create(**ask, input=items).output


def moving():
    """A conversation that changes its provider after every turn."""
    items = [{"role": "user", "content": "Weather in Basel? [[lab: calls=1]]"}]
    for model in (GEMINI, ITEMS, OPENAI, PONDER, ANTHROPIC, PONDER, GEMINI):
        answer = client.responses.create(model=model, max_output_tokens=500, input=items, tools=[tool("weather")],
                                         tool_choice="required")
        calls = [item for item in answer.output if item.type == "function_call"]
        assert calls, answer
        items += [*answer.output,
                  *({"type": "function_call_output", "call_id": call.call_id, "output": "sunny"} for call in calls),
                  {"role": "user", "content": "And again? [[lab: calls=1]]"}]


def probable():
    for model in (OPENAI, ITEMS):
        answer = client.responses.create(
            model=model, input=HI, max_output_tokens=20, include=["message.output_text.logprobs"], top_logprobs=2)
        first = answer.output[0].content[0].logprobs[0]
        assert first.logprob <= 0 and 1 <= len(first.top_logprobs) <= 2, first


def only_responses():
    """What only this API knows goes to who speaks it and nowhere else."""
    answer = client.responses.create(model=ITEMS, input=HI, tools=[{"type": "web_search"}])
    assert answer.output_text
    error = raises(openai.UnprocessableEntityError, "no_candidate", "tools[0].type",
                   model=OPENAI, tools=[{"type": "web_search"}])
    assert "tools[0].type" in str(error)
    raises(openai.UnprocessableEntityError, "no_candidate", "truncation", model=ANTHROPIC, truncation="auto")


def stored():
    """Nothing is: whoever leans on it is told so, by the name of the field."""
    for field, value in (("store", True), ("background", True), ("previous_response_id", "resp_1"),
                         ("conversation", "conv_1"), ("prompt", {"id": "pmpt_1"})):
        raises(openai.BadRequestError, "invalid_request", field, **{field: value})
    raises(openai.BadRequestError, "invalid_request", "input[0].type",
           input=[{"type": "item_reference", "id": "msg_1"}])
    for ask in (lambda: client.responses.retrieve("resp_1"), lambda: client.responses.delete("resp_1"),
                lambda: client.responses.cancel("resp_1"), lambda: client.responses.input_items.list("resp_1").data):
        try:
            ask()
            raise AssertionError("there was one")
        except openai.NotFoundError as error:
            assert (error.code, error.param) == ("response_not_found", "response_id"), error.body
            assert "stores no responses" in str(error) and error.request_id


def errors():
    error = raises(openai.NotFoundError, "model_not_found", "model", model="gpt-lap-items")
    assert "gpt-lab-items" in str(error)
    raises(openai.BadRequestError, "invalid_request", "input", input=[])
    raises(openai.BadRequestError, "invalid_request", "temperature", temperature=3)
    raises(openai.UnprocessableEntityError, "no_candidate", extra_headers={"X-Weir-Min-Quality": "0.99"})


def broken(model):
    """A stream that is cut after content raises; it never just ends."""
    for trouble in ("cut", "error_frame"):
        heard = []
        try:
            for event in client.responses.create(
                    model=model, max_output_tokens=100, stream=True,
                    input=f"x [[lab: tokens=30 fault={trouble} after=8]]"):
                heard.append(event.type)
        except openai.APIError as error:
            assert error.code == "stream_broken", error.body
            assert len(heard) >= 4 and "response.completed" not in heard, heard
        else:
            raise AssertionError("a cut stream looked whole")


def timeout():
    try:
        client.with_options(timeout=0.3).responses.create(
            model="lab-vllm/org/big-lab", input="x [[lab: fault=slow_head ms=3000]]")
    except openai.APITimeoutError:
        return
    raise AssertionError("it did not time out")


async def cancelled():
    """A task that is cancelled in the middle of its stream, beside others that go on."""
    many = AsyncOpenAI(base_url=BASE, api_key="unused", max_retries=0, timeout=60)
    begun = asyncio.Event()

    async def long():
        slow = "x [[lab: tokens=300 fault=slow_tokens ms=200]]"
        async with many.responses.stream(model=ANTHROPIC, input=slow, max_output_tokens=400) as events:
            async for event in events:
                if event.type == "response.output_text.delta":
                    begun.set()

    async def short(model):
        answer = await many.responses.create(model=model, input=HI, max_output_tokens=20)
        return bool(answer.output_text)

    task = asyncio.create_task(long())
    others = asyncio.gather(*(short(model) for model in (OPENAI, ITEMS, ANTHROPIC, GEMINI) for _ in range(3)))
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
    error = raises(openai.RateLimitError, "rate_limited", input="x [[lab: fault=rate_limit retry_after=7]]")
    assert 1 <= int(error.response.headers["retry-after"]) <= 7
    # And while it rests there is nobody to ask.
    error = raises(openai.InternalServerError, "all_providers_resting")
    assert error.status_code == 503 and int(error.response.headers["retry-after"]) >= 1


for story, models in (
    (whole, (OPENAI, ITEMS, ANTHROPIC, GEMINI, WORKERS, OSS)),
    (streamed, (OPENAI, ITEMS, ANTHROPIC, GEMINI, WORKERS, OSS)),
    (agent, (OPENAI, ITEMS, ANTHROPIC, GEMINI)),
    (structured, (OPENAI, ITEMS, ANTHROPIC, GEMINI, WORKERS)),
    (pictures, (OPENAI, ITEMS, ANTHROPIC, GEMINI)),
):
    for model in models:
        try:
            story(model)
        except Exception as error:
            raise AssertionError(f"{story.__name__} of {model}: {error!r}") from error
        print("ok", story.__name__, model, flush=True)
for story in (counted, thoughts, moving, probable, only_responses, stored, errors, timeout):
    story()
    print("ok", story.__name__, flush=True)
asyncio.run(cancelled())
print("ok cancelled", flush=True)
for model in ("lab-ollama/qwen-lab:8b", PONDER):
    broken(model)
    print("ok broken", model, flush=True)
limited()
print("ok limited", flush=True)
