"""LangChain's ChatOpenAI against weir and the lab. Arguments: address, model, and what the model cannot do. `responses`
among the latter: it speaks Responses."""

import asyncio
import sys

import openai
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field

BASE, MODEL, LACKS = sys.argv[1], sys.argv[2], set(sys.argv[3:])
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def model(**more):
    settings = dict(model=MODEL, base_url=BASE, api_key="unused", max_retries=0, timeout=60, max_tokens=200,
                    use_responses_api="responses" in LACKS)
    return ChatOpenAI(**settings | more)


llm = model()


def whole():
    answer = llm.invoke([SystemMessage("Be brief."), HumanMessage("Say something about rivers.")])
    assert answer.text and answer.usage_metadata["total_tokens"] > 0, answer
    used = answer.usage_metadata
    assert used["total_tokens"] == used["input_tokens"] + used["output_tokens"], used
    assert [bool(one.text) for one in llm.batch(["One.", "Two.", "Three."])] == [True] * 3


def streamed():
    ask = '[[lab: say="Zürich – 水 flows, 🙂 and more."]]'
    pieces = list(model(stream_usage=True).stream(ask))
    total = pieces[0]
    for piece in pieces[1:]:
        total += piece
    assert total.text == "Zürich – 水 flows, 🙂 and more." == llm.invoke(ask).text, total
    assert total.usage_metadata["output_tokens"] > 0, total


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"fine in {city}"


@tool
def clock(city: str) -> str:
    """The time in a city."""
    return f"noon in {city}"


def agent():
    """Three turns: two calls at once, two more after their results, then the answer; streamed and not."""
    tools, wanted = {"weather": weather, "clock": clock}, 1 if "parallel" in LACKS else 2
    for stream in (False, True):
        messages = [HumanMessage(f"Weather and clock of Basel, please. [[lab: calls={wanted}]]")]
        for turn in range(3):
            choice = {} if "forced" in LACKS else {"tool_choice": "required" if turn < 2 else "auto"}
            bound = llm.bind_tools([weather, clock], **choice)
            if stream:
                answer = None
                for piece in bound.stream(messages):
                    answer = piece if answer is None else answer + piece
            else:
                answer = bound.invoke(messages)
            assert isinstance(answer, AIMessage) and not answer.invalid_tool_calls, answer
            messages.append(answer)
            if turn == 2:
                assert answer.text and not answer.tool_calls, answer
                break
            assert len(answer.tool_calls) == wanted == len({c["id"] for c in answer.tool_calls}), answer
            for call in answer.tool_calls:
                result = tools[call["name"]].invoke(call)
                assert isinstance(result, ToolMessage) and result.tool_call_id == call["id"], result
                messages.append(result)
            messages.append(HumanMessage(f"Go on. [[lab: calls={wanted if turn == 0 else 0}]]"))


class River(BaseModel):
    """A river."""

    name: str = Field(description="What it is called.")
    length_km: int
    navigable: bool


def structured():
    for method, lacking in (("json_schema", None), ("function_calling", "forced")):
        ask = llm.with_structured_output(River, method=method, include_raw=True)
        # A function is asked for by force and without others beside it.
        if LACKS & {lacking, "serial"} and lacking:
            try:
                ask.invoke("The Rhine.")
                raise AssertionError("a demand was dropped in silence")
            except openai.UnprocessableEntityError as error:
                assert "serial_tools" in str(error) or "forced_tool" in str(error), error
            continue
        told = ask.invoke("The Rhine. [[lab: calls=1]]")
        assert isinstance(told["parsed"], River) and not told["parsing_error"], told


def pictures():
    image = {"type": "image", "base64": PIXEL, "mime_type": "image/png"}
    by_url = {"type": "image", "url": "https://example.com/river.png"}
    for lack, part in (("vision", image), ("image_url", by_url)):
        messages = [HumanMessage([{"type": "text", "text": "What is it?"}, part])]
        if lack in LACKS:
            try:
                llm.invoke(messages)
                raise AssertionError("a picture was dropped in silence")
            except openai.UnprocessableEntityError as error:
                assert error.code == "no_candidate", error
        else:
            assert llm.invoke(messages).text


def errors():
    for kind, code, ask in (
        (openai.NotFoundError, "model_not_found", lambda: model(model="nobody/nothing").invoke("x")),
        (openai.BadRequestError, "invalid_request", lambda: model(temperature=9).invoke("x")),
        (openai.APITimeoutError, None, lambda: model(timeout=0.3).invoke("x [[lab: fault=slow_head ms=3000]]")),
    ):
        try:
            ask()
            raise AssertionError(f"no {kind.__name__}")
        except openai.APIError as error:
            # LangChain makes a class of its own of some, below the SDK's.
            told = error.response.json()["error"]["code"] if code else None
            assert isinstance(error, kind) and told == code, repr(error)


def retried():
    answer = model(max_retries=2).invoke("x [[lab: first=1 fault=rate_limit retry_after=1 tag=langchain]]")
    assert answer.text


async def cancelled():
    begun = asyncio.Event()

    async def long():
        async for piece in llm.astream("x [[lab: tokens=300 reasoning=0 fault=slow_tokens ms=150]]"):
            if piece.text:
                begun.set()

    task = asyncio.create_task(long())
    others = asyncio.gather(*(llm.ainvoke("Something short.") for _ in range(4)))
    await asyncio.wait_for(begun.wait(), 60)
    task.cancel()
    try:
        await task
        raise AssertionError("it was not cancelled")
    except asyncio.CancelledError:
        pass
    assert all(answer.text for answer in await others)


def broken():
    heard = []
    try:
        for piece in llm.stream("x [[lab: tokens=60 reasoning=0 fault=cut after=20]]"):
            heard.append(piece)
    except openai.APIError as error:
        assert error.code == "stream_broken" and len(heard) >= 3, error
        return
    raise AssertionError("a cut stream looked whole")


for story in (whole, streamed, agent, structured, pictures, errors):
    story()
    print("ok", story.__name__, flush=True)
asyncio.run(cancelled())
print("ok cancelled", flush=True)
for story in (broken, retried):
    story()
    print("ok", story.__name__, flush=True)
