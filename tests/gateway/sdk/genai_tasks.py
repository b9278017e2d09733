"""The official google-genai SDK of Python against weir and the lab: embeddings, and pictures made in a chat. Arguments:
address, a model for embeddings, `own` where it is Gemini's."""

import sys

from google import genai
from google.genai import errors, types

BASE, MODEL, OWN = sys.argv[1], sys.argv[2], "own" in sys.argv[3:]
client = genai.Client(api_key="unused", http_options=types.HttpOptions(base_url=BASE, timeout=60_000))


def one():
    answer = client.models.embed_content(model=MODEL, contents="What is a weir?")
    assert len(answer.embeddings) == 1 and len(answer.embeddings[0].values) > 3, answer
    assert int(answer.sdk_http_response.headers["x-tokens-in"]) > 0


def many():
    texts = ["What is a weir?", "A weir stands across a river.", "Something else."]
    answer = client.models.embed_content(model=MODEL, contents=texts)
    vectors = [tuple(e.values) for e in answer.embeddings]
    assert len(vectors) == 3 and len(set(vectors)) == 3, answer
    single = client.models.embed_content(model=MODEL, contents=texts[1])
    assert tuple(single.embeddings[0].values) == vectors[1]


def purposes():
    config = types.EmbedContentConfig(task_type="RETRIEVAL_QUERY")
    try:
        answer = client.models.embed_content(model=MODEL, contents="What is a weir?", config=config)
    except errors.ClientError as error:
        assert not OWN and error.code == 422 and "taskType" in error.message, error
        return
    plain = client.models.embed_content(model=MODEL, contents="What is a weir?")
    assert OWN and answer.embeddings[0].values != plain.embeddings[0].values


def wrong():
    for contents, model in [("x", "nobody/has-this"), ([""] * 101, MODEL)]:
        try:
            client.models.embed_content(model=model, contents=contents)
        except errors.ClientError as error:
            assert error.code in (400, 404) and error.status in ("INVALID_ARGUMENT", "NOT_FOUND"), error
        else:
            raise AssertionError(f"{contents} was taken")


def drawn():
    config = types.GenerateContentConfig(response_modalities=["TEXT", "IMAGE"])
    answer = client.models.generate_content(model="gemini-lab-image", contents="A weir", config=config)
    pictures = [part.inline_data for part in answer.candidates[0].content.parts if part.inline_data]
    assert pictures and pictures[0].data.startswith(b"\x89PNG"), answer
    details = answer.usage_metadata.candidates_tokens_details
    assert details[0].modality == types.MediaModality.IMAGE and details[0].token_count > 0


for story in [one, many, purposes, wrong, drawn]:
    story()
    print("ok", story.__name__)
