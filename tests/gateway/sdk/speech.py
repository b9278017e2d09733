"""The official `openai` SDK of Python against weir and the lab: speech. Arguments: address, a model."""

import asyncio
import base64
import json
import pathlib
import sys
import tempfile
import wave

import openai

BASE, MODEL = sys.argv[1], sys.argv[2]
client = openai.OpenAI(base_url=BASE, api_key="unused", max_retries=0, timeout=60)
TEXT = "This is sentence 3. And this is sentence 7."


def whole():
    raw = client.audio.speech.with_raw_response.create(model=MODEL, voice="alloy", input=TEXT, response_format="wav")
    assert raw.headers["content-type"] == "audio/wav", raw.headers
    assert raw.headers["x-provider"] and raw.headers["x-request-id"]
    sound = raw.parse().content
    assert sound[:4] == b"RIFF" and len(sound) > 20_000, len(sound)


def into_a_file():
    with tempfile.TemporaryDirectory() as place:
        path = pathlib.Path(place) / "said.pcm"
        with client.audio.speech.with_streaming_response.create(
            model=MODEL, voice="coral", input=TEXT, response_format="pcm", instructions="Cheerfully."
        ) as answer:
            answer.stream_to_file(path)
        samples = path.read_bytes()
        assert len(samples) % 2 == 0 and any(samples)
        wav = pathlib.Path(place) / "said.wav"
        with wave.open(str(wav), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(24_000)
            out.writeframes(samples)
        assert 500 < len(samples) / 48 < 5_000, len(samples)


def as_it_comes():
    with client.audio.speech.with_streaming_response.create(model=MODEL, voice="calm", input=TEXT) as answer:
        pieces = [piece for piece in answer.iter_bytes(1_024) if piece]
    assert answer.headers["content-type"] == "audio/mpeg"
    assert b"".join(pieces)[0] == 0xFF and len(pieces) > 1


def in_events():
    with client.audio.speech.with_streaming_response.create(
        model=MODEL, voice="calm", input=TEXT, stream_format="sse", response_format="pcm"
    ) as answer:
        events = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert any(base64.b64decode(events[0]["audio"])) or len(events) > 2
    assert events[-1]["type"] == "speech.audio.done" and "total_tokens" in events[-1]["usage"], events[-1]


def every_format():
    for form in ["mp3", "opus", "aac", "flac", "wav", "pcm"]:
        answer = client.audio.speech.create(model="auto", voice="calm", input=TEXT, response_format=form, speed=1.25)
        assert len(answer.content) > 500, form


def errors():
    for more, kind, param in [
        ({"input": ""}, openai.BadRequestError, "input"),
        ({"voice": "nobody-has-this", "model": "auto"}, openai.BadRequestError, "voice"),
        ({"model": "nobody/has-this"}, openai.NotFoundError, "model"),
        ({"response_format": "midi"}, openai.BadRequestError, "response_format"),
        ({"speed": 9}, openai.BadRequestError, "speed"),
    ]:
        try:
            client.audio.speech.create(**{"model": MODEL, "voice": "calm", "input": TEXT} | more)
        except kind as error:
            assert error.request_id and error.param == param, error
        else:
            raise AssertionError(f"{more} was taken")


def side_by_side():
    async def ask():
        by = openai.AsyncOpenAI(base_url=BASE, api_key="unused", max_retries=0, timeout=60)
        create = by.audio.speech.create
        answers = await asyncio.gather(*(create(model=MODEL, voice="calm", input=f"Sentence {n % 4}.") for n in range(12)))
        assert len({answer.content for answer in answers}) == 4

    asyncio.run(ask())


for story in [whole, into_a_file, as_it_comes, in_events, every_format, errors, side_by_side]:
    story()
    print("ok", story.__name__)
