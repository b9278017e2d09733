// What would take many crossings between JavaScript and WebAssembly, in one each.
//
// A head crosses as one text: lines of name and value in turn. No header can hold a line break.

import { waitUntil } from "cloudflare:workers";

/** Whom to call back with what was waited for: see `task.rs`. */
let bring;
/** Whose request is being served just now: what breaks is told there. */
let door;

export const wire = (callback) => (bring = callback);

export const open = (whose) => (door = whose);

const call = (whose, number, well, value, more) => {
  door = whose;
  try {
    bring(number, well, value, more);
  } catch (error) {
    // WebAssembly that has broken is made anew with the next request.
    reportError(error);
    whose?.reject(error);
  } finally {
    door = undefined;
  }
};

/** Calls back with what a promise comes to. */
const bringing = (number, promise) => {
  const whose = door;
  promise.then(
    (value) => call(whose, number, true, value),
    (error) => call(whose, number, false, error),
  );
};

/** Calls back when whoever is calling just now has done. */
export const soon = () => bringing(0, Promise.resolve());

/** Wakes somebody up after a while. */
export const ring = (number, millis) => {
  const whose = door;
  return setTimeout(() => call(whose, number, true), millis);
};
export const unring = (timer) => clearTimeout(timer);

/** Work that outlives the answer: what to call when it is done. */
export const later = () => {
  let done;
  waitUntil(new Promise((resolve) => (done = resolve)));
  return done;
};
export const done = (work) => work();

// As an object: the runtime takes one in at a third of what a list costs.
const fields = (heads, begin = 0) => {
  const all = {};
  for (let end; (end = heads.indexOf("\r\n", begin)) >= 0; begin = end + 2) {
    const colon = heads.indexOf(": ", begin);
    const [name, value] = [heads.slice(begin, colon), heads.slice(colon + 2, end)];
    const before = all[name];
    all[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return all;
};

const lines = (first, headers) => {
  let text = first;
  headers.forEach((value, name) => (text += `\n${name}\n${value}`));
  return text;
};

/** A body that is read piece by piece. */
export class Pieces {
  constructor(stream) {
    this.reader = stream?.getReader();
  }

  /** The next piece; undefined at the end. */
  next(number) {
    if (!this.reader) return bringing(number, Promise.resolve());
    const whose = door;
    this.reader.read().then(
      ({ value }) => call(whose, number, true, value),
      (error) => call(whose, number, false, error),
    );
  }

  stop() {
    this.reader?.cancel().catch(() => {});
  }
}

export const pieces = (request) => new Pieces(request.body);

/** An answer that is all there. */
export const respond = (status, heads, body) =>
  new Response(body === undefined ? null : body.slice(), { status, headers: fields(heads) });

export const answer = (whose, status, heads, body) => whose.resolve(respond(status, heads, body));

/** So many pieces of an answer are on their way out before it is waited for. Coming back for each costs as much as writing it. */
const AHEAD = 4;

/** An answer whose body is still being written. */
export class Speaking {
  /** Pieces on their way, and who waits until there are fewer. */
  ahead = 0;
  awaited;

  constructor(whose, status, heads) {
    const { readable, writable } = new IdentityTransformStream();
    this.writer = writable.getWriter();
    this.gone = () => {
      this.ahead -= 1;
      this.awaited?.();
    };
    whose.resolve(new Response(readable, { status, headers: fields(heads) }));
  }

  /** Whether the next may follow at once. That nobody listens any more is told by `left`. */
  write(piece) {
    this.ahead += 1;
    this.writer.write(piece.slice()).then(this.gone, this.gone);
    return this.ahead < AHEAD;
  }

  /** Calls back when the next may follow. */
  room(number) {
    const whose = door;
    this.awaited = () => {
      this.awaited = undefined;
      call(whose, number, true);
    };
  }

  end(number) {
    bringing(number, this.writer.close());
  }

  /** It broke off: whoever listens is told by a body without an end. */
  cut() {
    this.writer.abort(new Error("the answer broke off")).catch(() => {});
  }

  /** Comes true when nobody listens any more. */
  left(number) {
    bringing(number, this.writer.closed.catch(() => {}));
  }
}

/** What a provider says: a head, then a body, whole or in pieces. */
class Answering {
  controller = new AbortController();

  /** Status and headers, once they are there; and where they say that it is no longer than `whole`, the body too. */
  begin(number, whole) {
    const whose = door;
    const failed = (error) => call(whose, number, false, error);
    this.answer.then((answer) => {
      if (!(answer instanceof Response)) return call(whose, number, true, this.bare(answer), this.bytes);
      const { headers } = answer;
      const length = headers.get("content-length");
      if (length === null || !(Number(length) <= whole)) {
        this.pieces = new Pieces(answer.body);
        return call(whose, number, true, lines(String(answer.status), headers));
      }
      answer.arrayBuffer().then(
        (buffer) => call(whose, number, true, lines(String(answer.status), headers), new Uint8Array(buffer)),
        failed,
      );
    }).catch(failed);
  }

  /** A binding may answer with what it has to say, and no head around it. */
  bare(answer) {
    if (answer instanceof ReadableStream) {
      this.pieces = new Pieces(answer);
      return "200\ncontent-type\ntext/event-stream";
    }
    this.bytes = new TextEncoder().encode(typeof answer === "string" ? answer : JSON.stringify(answer));
    return "200\ncontent-type\napplication/json";
  }

  /** The next piece of the body; undefined at its end. */
  next(number) {
    this.pieces.next(number);
  }

  /** Ends the call, whatever is still under way. */
  stop() {
    this.answer.catch(() => {});
    this.controller.abort();
    this.pieces?.stop();
  }
}

/** A call over the network. Its head: method, address, then names and values. */
export class Outgoing extends Answering {
  constructor(head, body) {
    super();
    const space = head.indexOf(" ");
    const line = head.indexOf("\r\n");
    this.answer = fetch(head.slice(space + 1, line), {
      method: head.slice(0, space),
      headers: fields(head, line + 2),
      body: body?.slice(),
      redirect: "manual",
      signal: this.controller.signal,
    });
  }
}

/** A call of a model through the binding `AI`, or through what stands in for it. */
export class Bound extends Answering {
  constructor(binding, model, inputs) {
    super();
    // A signal cannot be sent to a stand-in that is another Worker.
    const signal = binding.constructor?.name === "Ai" ? { signal: this.controller.signal } : {};
    const run = async () => binding.run(model, JSON.parse(inputs), { returnRawResponse: true, ...signal });
    this.answer = run();
  }
}

/** Asks an account's object. Goes on when its client has gone: what was asked is to be done. */
export const order = (number, accounts, account, path, body) => {
  const object = accounts.get(accounts.idFromName(account));
  const told = object.fetch(`http://account${path}`, { method: "POST", body }).then(async (response) => {
    const text = await response.text();
    if (response.status !== 200) throw new Error(text);
    return text;
  });
  waitUntil(told.catch(() => {}));
  bringing(number, told);
};

/** An account's storage: its record, one row for each entry, and notes. Everything here happens at once. */
export class Shelf {
  constructor(storage) {
    this.storage = storage;
    this.sql = storage.sql;
    for (const table of ["entry", "staged"]) {
      this.sql.exec(
        `CREATE TABLE IF NOT EXISTS ${table} (
           seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT NULL, op_id TEXT NOT NULL, body TEXT NOT NULL)`,
      );
    }
    // One row for each id that ended: a hold that is open is known by its number.
    this.sql.exec(
      "CREATE UNIQUE INDEX IF NOT EXISTS entry_end ON entry (op_id) WHERE kind NOT IN ('hold', 'extend')",
    );
    this.sql.exec("CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID");
  }

  /** Rows as one text: a list of what is in their columns, without the last; then the last of each, a line each. */
  append(table, rows) {
    const [heads, ...bodies] = rows.split("\n");
    const all = JSON.parse(heads);
    // So many in one statement, of which the runtime keeps those that it has seen; it takes a hundred values at most.
    for (let at = 0; at < all.length; ) {
      const count = [16, 4, 1].find((size) => size <= all.length - at);
      const values = [];
      for (const end = at + count; at < end; at += 1) values.push(...all[at], bodies[at]);
      this.sql.exec(`INSERT INTO ${table} VALUES (?, ?, ?, ?, ?)${", (?, ?, ?, ?, ?)".repeat(count - 1)}`, ...values);
    }
  }

  /** The first column of every row, a line each. */
  rows(query, ...values) {
    const lines = [];
    for (const [line] of this.sql.exec(query, ...values).raw()) lines.push(line);
    return lines.join("\n");
  }

  last() {
    return this.sql.exec("SELECT coalesce(max(seq), 0) FROM entry").raw().next().value[0];
  }

  entries(table, after, limit) {
    return this.rows(`SELECT body FROM ${table} WHERE seq > ? ORDER BY seq LIMIT ?`, after, limit);
  }

  of(id, after, last) {
    return this.rows("SELECT body FROM entry WHERE seq > ? AND seq <= ? AND op_id = ? ORDER BY seq", after, last, id);
  }

  ended(before, limit) {
    return this.rows(
      "SELECT body FROM entry WHERE seq < ? AND kind IN ('settle', 'release') ORDER BY seq DESC LIMIT ?",
      before,
      limit,
    );
  }

  end(id) {
    return this.rows("SELECT body FROM entry WHERE op_id = ? AND kind NOT IN ('hold', 'extend')", id);
  }

  /** Which of these ids, a JSON list, have ended: a line each. */
  ended_of(ids) {
    return this.rows(
      "SELECT op_id FROM entry WHERE op_id IN (SELECT value FROM json_each(?)) AND kind NOT IN ('hold', 'extend')",
      ids,
    );
  }

  /** The last entry before a time: times never fall along a record, so where it is is found by halving. */
  before(time) {
    let [low, high] = [0, this.last()];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const row = this.sql.exec("SELECT time FROM entry WHERE seq = ?", middle).raw().next().value;
      if (row !== undefined && row[0] < time) low = middle;
      else high = middle - 1;
    }
    return this.rows("SELECT body FROM entry WHERE seq = ?", low);
  }

  clear() {
    this.sql.exec("DELETE FROM staged");
  }

  adopt(keep) {
    this.storage.transactionSync(() => {
      this.sql.exec("DELETE FROM entry");
      this.sql.exec("INSERT INTO entry SELECT * FROM staged ORDER BY seq");
      this.sql.exec("DELETE FROM staged");
      this.sql.exec("DELETE FROM note WHERE name <> ?", keep);
    });
  }

  note(name) {
    return this.sql.exec("SELECT text FROM note WHERE name = ?", name).raw().next().value?.[0];
  }

  take(name, text) {
    this.sql.exec("INSERT INTO note VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET text = excluded.text", name, text);
  }

  drop(name) {
    this.sql.exec("DELETE FROM note WHERE name = ?", name);
  }

  /** Notes by the beginning of their names, a line each; after a name, in the order of names. */
  notes(beginning, after, limit) {
    return this.rows(
      "SELECT text FROM note WHERE name > ?1 AND substr(name, 1, length(?2)) = ?2 ORDER BY name LIMIT ?3",
      after,
      beginning,
      limit,
    );
  }

  /** Answers under idempotency keys. Made when the first is asked for: most accounts have none. */
  holes() {
    if (!this.made) {
      this.sql.exec(
        `CREATE TABLE IF NOT EXISTS answer (place INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, number INTEGER NOT NULL,
           request TEXT NOT NULL, until INTEGER NOT NULL, size INTEGER NOT NULL, answer TEXT)`,
      );
      this.sql.exec("CREATE INDEX IF NOT EXISTS answer_until ON answer (until)");
      this.made = true;
    }
    return this.sql;
  }

  /** What is under a name: what is known of it as one line, then the answer, where there is one. */
  hole(name) {
    const row = this.holes().exec("SELECT number, request, until, answer FROM answer WHERE name = ?", name).raw().next().value;
    if (row === undefined) return undefined;
    const [number, request, until, answer] = row;
    return `${JSON.stringify([number, request, until, answer !== null])}\n${answer ?? ""}`;
  }

  /** How large all of them are is noted, as counting them would mean reading them. */
  weigh(by) {
    const bytes = Math.max(0, Number(this.note("answers") ?? 0) + by);
    if (by !== 0) this.take("answers", String(bytes));
    return bytes;
  }

  removed(query, ...values) {
    const sizes = [...this.holes().exec(`${query} RETURNING size`, ...values).raw()].map(([size]) => size);
    this.weigh(-sizes.reduce((sum, size) => sum + size, 0));
    return sizes.length;
  }

  fill(name, number, request, until, answer) {
    this.empty(name);
    const size = answer?.length ?? 0;
    this.holes().exec(
      "INSERT INTO answer (name, number, request, until, size, answer) VALUES (?, ?, ?, ?, ?, ?)",
      name, number, request, until, size, answer ?? null,
    );
    this.weigh(size);
  }

  empty(name) {
    this.removed("DELETE FROM answer WHERE name = ?", name);
  }

  tidy(now, most) {
    this.removed("DELETE FROM answer WHERE until <= ?", now);
    const oldest = "DELETE FROM answer WHERE place = (SELECT min(place) FROM answer WHERE size > 0)";
    while (this.weigh(0) > most && this.removed(oldest) > 0);
  }

  /** When the first of them is too old; nothing where there are none. */
  due() {
    const there = this.made || !this.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'answer'").raw().next().done;
    return there ? (this.holes().exec("SELECT min(until) FROM answer").raw().next().value[0] ?? undefined) : undefined;
  }

  /** To be called at a time, in milliseconds since 1970. A failure of this is one of the storage as a whole. */
  alarm(time) {
    this.storage.setAlarm(time).catch(() => {});
  }
}

/** Puts values under keys, at most six at a time; how many of them are there without a gap, and what went wrong. */
export const put = async (kv, keys, values) => {
  const [names, texts] = [keys.split("\n"), values.split("\n")];
  const there = new Array(names.length).fill(false);
  let next = 0;
  let problem;
  const work = async () => {
    while (next < names.length && problem === undefined) {
      const at = next++;
      try {
        await kv.put(names[at], texts[at]);
        there[at] = true;
      } catch (error) {
        problem = error?.message ?? String(error);
      }
    }
  };
  await Promise.all(Array.from({ length: 6 }, work));
  const gap = there.indexOf(false);
  return `${gap < 0 ? names.length : gap}\n${problem ?? ""}`;
};

/** Values of keys, at most six at a time; an empty line where there is none. */
export const get = async (kv, keys) => {
  const names = keys.split("\n");
  const values = new Array(names.length).fill("");
  let next = 0;
  const work = async () => {
    while (next < names.length) {
      const at = next++;
      values[at] = (await kv.get(names[at])) ?? "";
    }
  };
  await Promise.all(Array.from({ length: 6 }, work));
  return values.join("\n");
};

/** Keys below a prefix: the cursor that goes on (empty at the end), then a key a line. */
export const list = async (kv, prefix, cursor, limit) => {
  const page = await kv.list({ prefix, limit, cursor: cursor === "" ? undefined : cursor });
  return [page.list_complete ? "" : page.cursor, ...page.keys.map((key) => key.name)].join("\n");
};

export const forget = async (kv, keys) => {
  for (const name of keys.split("\n")) await kv.delete(name);
};

/** Bytes that nobody can guess. */
export const secret = (length) => crypto.getRandomValues(new Uint8Array(length));

const RS256 = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
/** Public keys that were taken in before: taking one in costs more than a check. */
const taken = new Map();

/** Whether a signature is by the private half of a key, a JWK. */
export const verify = (number, jwk, message, signature) => {
  if (!taken.has(jwk)) {
    if (taken.size >= 16) taken.clear();
    taken.set(jwk, crypto.subtle.importKey("jwk", JSON.parse(jwk), RS256, false, ["verify"]));
  }
  const [said, signed] = [message.slice(), signature.slice()];
  bringing(number, taken.get(jwk).then((key) => crypto.subtle.verify(RS256, key, signed, said)));
};

/** Makes a private key ready; with its public half as a set of keys. */
export const signer = (number, pkcs8) => {
  const take = async (bytes) => {
    const key = await crypto.subtle.importKey("pkcs8", bytes, RS256, true, ["sign"]);
    const { kty, n, e } = await crypto.subtle.exportKey("jwk", key);
    return [key, JSON.stringify({ keys: [{ kty, n, e }] })];
  };
  bringing(number, take(pkcs8.slice()));
};

export const sign = (number, key, message) => bringing(number, crypto.subtle.sign(RS256, key, message.slice()));

/** 64 bits of chance, as two halves. */
export const chance = () => crypto.getRandomValues(new Uint32Array(2));

const BOARD = "https://weir.internal/hints";

/** The hints that all isolates of a place share; empty where there are none. */
export const board = async () => (await (await caches.default.match(BOARD))?.text()) ?? "";

export const pin = (text) =>
  caches.default.put(BOARD, new Response(text, { headers: { "cache-control": "max-age=600" } }));
