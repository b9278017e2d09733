// Cache-aside for catalogue and configuration: what is the same for every caller and changes when an operator changes it.

/** What an entry is made of. */
interface Entry {
  /** Of which revision of the configuration it is. */
  revision: string;
  /** When it was read, in milliseconds. */
  at: number;
  body: string;
}

/** Five minutes, and less for what tells how providers are doing at the moment. */
const FRESH_S: [RegExp, number][] = [
  [/^\/v1(beta)?\/models(\/.+)?$/, 300],
  [/^\/openapi\.json$/, 300],
  [/^\/api\/providers$/, 15],
];
const LARGEST = 1 << 20;

/** Whoever changes the catalogue or the configuration writes something new here: weir reads it too, and what was cached before it is not used any more. */
export const REVISION = "version";

/** weir lists models at one path in the words of whoever asks: which header says that it is not OpenAI's. */
const TONGUES = ["x-goog-api-client", "x-goog-api-key", "anthropic-version"];

export function freshFor(method: string, path: string): number | undefined {
  return method === "GET" ? FRESH_S.find(([pattern]) => pattern.test(path))?.[1] : undefined;
}

/**
 * The answer from the cache, else from `load`, which is kept where it is a plain 200. The cache is never a reason for an
 * outage: what cannot be read is a miss, what cannot be written is not kept.
 */
export async function cached(
  kv: KVNamespace,
  request: Request,
  fresh: number,
  id: string,
  later: (work: Promise<unknown>) => void,
  load: () => Promise<Response>,
  now: number,
): Promise<Response> {
  const url = new URL(request.url);
  // A question that is narrowed by its query, or that wants nothing kept, is asked anew.
  const plain = url.search === "" && !/no-cache|no-store/i.test(request.headers.get("cache-control") ?? "");
  if (!plain) return load();
  const tongue = TONGUES.find((header) => request.headers.has(header));
  const name = `gateway:${url.pathname}${tongue ? `#${tongue}` : ""}`;
  const [entry, revision] = await Promise.all([
    kv.get<Entry>(name, "json").catch(() => null),
    kv.get(REVISION).catch(() => null),
  ]);
  const current = revision ?? "";
  const age = entry ? Math.max(0, Math.floor((now - entry.at) / 1000)) : 0;
  if (entry && entry.revision === current && age < fresh) {
    const headers = {
      "content-type": "application/json",
      "x-request-id": id,
      "x-gateway-cache": "hit",
      age: String(age),
    };
    return new Response(entry.body, { headers });
  }
  const answer = await load();
  const json = answer.headers.get("content-type")?.startsWith("application/json") ?? false;
  if (answer.status !== 200 || !json) return answer;
  const body = await answer.text();
  if (body.length <= LARGEST) {
    const made: Entry = { revision: current, at: now, body };
    // KV keeps nothing for less than a minute; freshness is what the entry says.
    const kept = kv.put(name, JSON.stringify(made), { expirationTtl: Math.max(60, fresh) });
    later(kept.catch((error) => console.warn("not cached", { name, error: String(error) })));
  }
  const out = new Response(body, answer);
  out.headers.set("x-gateway-cache", "miss");
  return out;
}
