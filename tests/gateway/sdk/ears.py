"""The official `openai` SDK of Python against weir: files of sound. Arguments: address, a model, whether it tells times."""

import asyncio
import io
import struct
import sys

import openai

BASE, MODEL, TIMED = sys.argv[1], sys.argv[2], sys.argv[3] == "timed"
client = openai.OpenAI(base_url=BASE, api_key="unused", max_retries=0, timeout=60)


def wav(seconds, name="speech.wav"):
    samples = b"".join(struct.pack("<h", at * 37 % 2000 - 1000) for at in range(16000 * seconds))
    head = b"RIFF" + struct.pack("<I", 36 + len(samples)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)
    return (name, io.BytesIO(head + b"data" + struct.pack("<I", len(samples)) + samples), "audio/wav")


def plain():
    raw = client.audio.transcriptions.with_raw_response.create(model=MODEL, file=wav(4))
    said = raw.parse()
    assert said.text and raw.headers["content-type"] == "application/json", raw.headers
    assert f"{raw.headers['x-provider']}/{raw.headers['x-model']}" == MODEL
    text = client.audio.transcriptions.create(model=MODEL, file=wav(4), response_format="text")
    assert text.strip() == said.text, (text, said)
    return said.text


def names():
    said = client.audio.transcriptions.create(model=MODEL, file=wav(1, "naïve – 水 🙂.wav"))
    assert said.text


def timed():
    if not TIMED:
        try:
            client.audio.transcriptions.create(model=MODEL, file=wav(4), response_format="verbose_json")
        except openai.UnprocessableEntityError as error:
            assert error.body["param"] == "response_format", error.body
            return
        raise AssertionError("times from a model that tells none")
    said = client.audio.transcriptions.create(
        model=MODEL, file=wav(4), response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert said.duration == 4.0 and said.segments[0].start == 0.0 and said.words[-1].end == 4.0, said
    srt = client.audio.transcriptions.create(model=MODEL, file=wav(4), response_format="srt")
    assert srt.startswith("1\n00:00:00,000 --> 00:00:"), srt
    vtt = client.audio.transcriptions.create(model=MODEL, file=wav(4), response_format="vtt")
    assert vtt.startswith("WEBVTT\n\n00:00:00.000 --> "), vtt


def streamed():
    text, done = "", None
    for event in client.audio.transcriptions.create(model=MODEL, file=wav(4), stream=True):
        if event.type == "transcript.text.delta":
            text += event.delta
        else:
            done = event
    assert done.type == "transcript.text.done" and done.text == text and text, (text, done)


def large():
    # More than is kept of a file.
    said = client.audio.transcriptions.create(model=MODEL, file=wav(200))
    assert said.text


def wrong():
    for make, kind in [
        (lambda: client.audio.transcriptions.create(model=MODEL, file=("a.wav", b"")), openai.BadRequestError),
        (lambda: client.audio.transcriptions.create(model="nobody's", file=wav(1)), openai.NotFoundError),
        (lambda: client.audio.transcriptions.create(model=MODEL, file=wav(1), temperature=9), openai.BadRequestError),
    ]:
        try:
            make()
        except kind:
            continue
        raise AssertionError(kind)


def many():
    async def all():
        async with openai.AsyncOpenAI(base_url=BASE, api_key="unused", max_retries=0, timeout=60) as several:
            said = [several.audio.transcriptions.create(model=MODEL, file=wav(2)) for _ in range(12)]
            return {answer.text for answer in await asyncio.gather(*said)}

    assert len(asyncio.run(all())) == 1


for test in [plain, names, timed, streamed, large, wrong, many]:
    test()
    print("ok", test.__name__)
