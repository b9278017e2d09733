"""LangChain's OpenAIEmbeddings against weir and the lab. It sends arrays of tokens, unless told not to. Arguments: address,
model, and `tokens` where the model can be sent them."""

import asyncio
import math
import sys

import openai
import tiktoken
from langchain_openai import OpenAIEmbeddings

BASE, MODEL, TOKENS = sys.argv[1], sys.argv[2], "tokens" in sys.argv[3:]
# The real vocabularies are fetched over the network; a byte a token is one as well.
BYTES = tiktoken.Encoding("bytes", pat_str=r"(?s).", mergeable_ranks={bytes([n]): n for n in range(256)}, special_tokens={})
tiktoken.encoding_for_model = tiktoken.get_encoding = lambda *_: BYTES


def model(**more):
    return OpenAIEmbeddings(model=MODEL, base_url=BASE, api_key="unused", max_retries=0, timeout=60, **more)


def tokens():
    try:
        vectors = model().embed_documents(["a river", "a weir"])
    except openai.BadRequestError as error:
        assert not TOKENS and error.param == "input" and "check_embedding_ctx_length" in str(error), error
        return
    assert TOKENS and len(vectors) == 2 and vectors[0] != vectors[1]
    assert abs(math.fsum(n * n for n in vectors[0]) - 1) < 1e-3


def texts():
    plain = model(check_embedding_ctx_length=False)
    vectors = plain.embed_documents(["a river", "a weir", "a river"])
    assert vectors[0] == vectors[2] != vectors[1]
    assert plain.embed_query("a weir") == vectors[1]
    assert asyncio.run(plain.aembed_query("a weir")) == vectors[1]


for story in [tokens, texts]:
    story()
    print("ok", story.__name__)
