"""The official `openai` SDK of Python against weir and the lab: embeddings and pictures. Arguments: address, a model for
embeddings, a model for pictures, and what they cannot do."""

import asyncio
import base64
import math
import sys

import openai

BASE, VECTORS, PICTURES, LACKS = sys.argv[1], sys.argv[2], sys.argv[3], set(sys.argv[4:])
client = openai.OpenAI(base_url=BASE, api_key="unused", max_retries=0, timeout=60)


def one():
    # The SDK asks for base64 and makes numbers of it.
    raw = client.embeddings.with_raw_response.create(model=VECTORS, input="Hello, world")
    answer = raw.parse()
    vector = answer.data[0].embedding
    assert isinstance(vector, list) and all(isinstance(n, float) for n in vector), vector
    assert abs(math.fsum(n * n for n in vector) - 1) < 1e-3, vector
    assert answer.usage.prompt_tokens == int(raw.headers["x-tokens-in"]) > 0
    assert f"{raw.headers['x-provider']}/{raw.headers['x-model']}" == VECTORS


def many():
    texts = [f"text {n}" for n in range(40)]
    packed = client.embeddings.create(model=VECTORS, input=texts)
    plain = client.embeddings.create(model=VECTORS, input=texts, encoding_format="float")
    assert [d.index for d in packed.data] == list(range(40))
    for a, b in zip(packed.data, plain.data):
        assert all(math.isclose(x, y, rel_tol=1e-6, abs_tol=1e-9) for x, y in zip(a.embedding, b.embedding, strict=True))
    assert packed.data[0].embedding != packed.data[1].embedding


def shorter():
    if "dimensions" in LACKS:
        try:
            client.embeddings.create(model=VECTORS, input="Hello", dimensions=4)
        except openai.UnprocessableEntityError as error:
            assert error.param == "dimensions", error
            return
        raise AssertionError("dimensions were dropped in silence")
    assert len(client.embeddings.create(model=VECTORS, input="Hello", dimensions=4).data[0].embedding) == 4


def errors():
    for more, kind in [({"input": ""}, openai.BadRequestError), ({"input": []}, openai.BadRequestError),
                       ({"input": "x", "model": "nobody/has-this"}, openai.NotFoundError)]:
        try:
            client.embeddings.create(**{"model": VECTORS} | more)
        except kind as error:
            assert error.request_id and error.param in ("input", "model"), error
        else:
            raise AssertionError(f"{more} was taken")


def drawn():
    raw = client.images.with_raw_response.generate(model=PICTURES, prompt="A weir across a river", size="1024x1024")
    answer = raw.parse()
    picture = base64.b64decode(answer.data[0].b64_json)
    assert picture[:4] in (b"\x89PNG", b"\xff\xd8\xff\xe0"), picture[:8]
    assert float(raw.headers["x-cost-usd"]) > 0
    if answer.usage:
        assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def edited():
    """A form, as the SDK sends files: told to OpenAI's dialect, refused by name for others."""
    picture = b"\x89PNG\r\n\x1a\n"
    send = lambda: client.images.edit(model=PICTURES, image=[("a.png", picture, "image/png"), picture], prompt="In winter", n=2)
    if "openai" in PICTURES:
        assert len(send().data) == 2
        return
    try:
        send()
    except openai.BadRequestError as error:
        assert error.param == "images", error
        return
    raise AssertionError("pictures are made of pictures by OpenAI only")


def streamed():
    try:
        client.images.generate(model=PICTURES, prompt="A weir", stream=True, partial_images=1)
    except openai.BadRequestError as error:
        assert error.param in ("stream", "partial_images"), error
        return
    raise AssertionError("a stream of pictures was promised")


def side_by_side():
    async def ask():
        by = openai.AsyncOpenAI(base_url=BASE, api_key="unused", max_retries=0, timeout=60)
        answers = await asyncio.gather(*(by.embeddings.create(model=VECTORS, input=f"text {n % 4}") for n in range(16)))
        vectors = {tuple(a.data[0].embedding) for a in answers}
        assert len(vectors) == 4, len(vectors)

    asyncio.run(ask())


for story in [one, many, shorter, errors, drawn, edited, streamed, side_by_side]:
    story()
    print("ok", story.__name__)
