// The official `openai` SDK of JavaScript and the AI SDK against weir and the lab: embeddings and pictures.
// arguments: address, a model for embeddings, a model for pictures, where the SDKs are, what the models cannot do.

import { createRequire } from "node:module";
import assert from "node:assert/strict";

const [base, vectors, pictures, place, ...lacks] = process.argv.slice(2);
const load = createRequire(`${place}/`);
const { default: OpenAI } = load("openai");
const { embed, embedMany, experimental_generateImage, generateImage, APICallError } = load("ai");
const { createOpenAI } = load("@ai-sdk/openai");
const { createGoogleGenerativeAI } = load("@ai-sdk/google");

const client = new OpenAI({ apiKey: "unused", baseURL: `${base}/v1`, maxRetries: 0, timeout: 60_000 });
const openai = createOpenAI({ apiKey: "unused", baseURL: `${base}/v1` });
const google = createGoogleGenerativeAI({ apiKey: "unused", baseURL: `${base}/v1beta` });
const draw = generateImage ?? experimental_generateImage;
const near = (a, b) => a.length === b.length && a.every((n, i) => Math.abs(n - b[i]) < 1e-6);

async function official() {
  const packed = await client.embeddings.create({ model: vectors, input: ["Hello", "World"] });
  const plain = await client.embeddings.create({ model: vectors, input: ["Hello", "World"], encoding_format: "float" });
  assert.equal(packed.data.length, 2);
  packed.data.forEach((one, i) => assert(near(one.embedding, plain.data[i].embedding)));
  assert(packed.usage.prompt_tokens > 0);
}

async function officialImages() {
  const answer = await client.images.generate({ model: pictures, prompt: "A weir" });
  assert(/^(iVBORw0KGg|\/9j\/)/.test(answer.data[0].b64_json));
  await assert.rejects(client.images.generate({ model: pictures, prompt: "A weir", stream: true }), (error) => {
    assert(error instanceof OpenAI.BadRequestError && error.param === "stream", `${error}`);
    return true;
  });
}

async function alike(provider) {
  const model = provider.textEmbeddingModel(vectors);
  const one = await embed({ model, value: "Hello", maxRetries: 0 });
  const many = await embedMany({ model, values: ["Hello", "World", "and more"], maxRetries: 0 });
  assert.equal(many.embeddings.length, 3);
  assert(near(one.embedding, many.embeddings[0]) && !near(many.embeddings[0], many.embeddings[1]));
  return one.embedding;
}

async function aiSdk() {
  const [a, b] = [await alike(openai), await alike(google)];
  // Whichever protocol it is asked in.
  assert(near(a, b));
}

async function aiSdkImages() {
  const { image } = await draw({ model: openai.image(pictures), prompt: "A weir", maxRetries: 0 });
  assert(image.uint8Array.length > 8 && ["image/png", "image/jpeg"].includes(image.mediaType), image.mediaType);
}

async function aiSdkErrors() {
  await assert.rejects(embed({ model: openai.textEmbeddingModel("nobody/has-this"), value: "x", maxRetries: 0 }), (error) => {
    assert(APICallError.isInstance(error) && error.statusCode === 404, `${error}`);
    return true;
  });
}

const stories = [official, officialImages, aiSdk, aiSdkImages, aiSdkErrors];
if (!lacks.includes("gemini_images")) {
  stories.push(async function googleImages() {
    const { image } = await draw({ model: google.image("gemini-lab-image"), prompt: "A weir", maxRetries: 0 });
    assert.equal(image.mediaType, "image/png");
  });
}
for (const story of stories) {
  await story();
  console.log("ok", story.name);
}
