// The official @google/genai SDK against weir and the lab: embeddings. arguments: address, model, where the SDK is.

import { createRequire } from "node:module";
import assert from "node:assert/strict";

const [base, model, place] = process.argv.slice(2);
const { GoogleGenAI, ApiError } = createRequire(`${place}/`)("@google/genai");
const ai = new GoogleGenAI({ apiKey: "unused", httpOptions: { baseUrl: base } });

async function embedded() {
  const many = await ai.models.embedContent({ model, contents: ["What is a weir?", "Something else."] });
  assert.equal(many.embeddings.length, 2);
  const one = await ai.models.embedContent({ model, contents: "What is a weir?" });
  assert.deepEqual(one.embeddings[0].values, many.embeddings[0].values);
  assert.notDeepEqual(many.embeddings[0].values, many.embeddings[1].values);
}

async function wrong() {
  await assert.rejects(ai.models.embedContent({ model: "nobody/has-this", contents: "x" }), (error) => {
    assert(error instanceof ApiError && error.status === 404, `${error}`);
    return true;
  });
}

for (const story of [embedded, wrong]) {
  await story();
  console.log("ok", story.name);
}
