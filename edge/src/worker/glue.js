// What would take many crossings between JavaScript and WebAssembly, in one each.
//
// A head crosses as one text: lines of name and value in turn. No header can hold a line break.

import { waitUntil } from "cloudflare:workers";

// As an object: the runtime takes one in at a third of what a list costs.
const fields = (heads) => {
  const all = {};
  if (heads === "") return all;
  const lines = heads.split("\n");
  for (let at = 0; at < lines.length; at += 2) {
    const [name, value] = [lines[at], lines[at + 1]];
    all[name] = name in all ? `${all[name]}, ${value}` : value;
  }
  return all;
};

const lines = (first, headers) => {
  let text = first;
  headers.forEach((value, name) => (text += `\n${name}\n${value}`));
  return text;
};

/** A request's method, address and headers. */
export const head = (request) => lines(`${request.method}\n${request.url}`, request.headers);

/** A request's body, of which the length is known. */
export const whole = (request) => request.arrayBuffer().then((buffer) => new Uint8Array(buffer));

/** A body that is read piece by piece. */
export class Pieces {
  constructor(stream) {
    this.reader = stream?.getReader();
  }

  /** The next piece; undefined at the end. */
  next() {
    return this.reader ? this.reader.read().then(({ value }) => value) : Promise.resolve();
  }

  stop() {
    this.reader?.cancel().catch(() => {});
  }
}

export const pieces = (request) => new Pieces(request.body);

/** An answer that is all there. */
export const respond = (status, heads, body) =>
  new Response(body === undefined ? null : body.slice(), { status, headers: fields(heads) });

/** An answer whose body is still being written. */
export class Speaking {
  constructor(status, heads) {
    const { readable, writable } = new IdentityTransformStream();
    this.writer = writable.getWriter();
    this.response = new Response(readable, { status, headers: fields(heads) });
  }

  write(piece) {
    return this.writer.write(piece.slice());
  }

  end() {
    return this.writer.close();
  }

  /** Comes true when nobody listens any more. */
  left() {
    return this.writer.closed.catch(() => {});
  }
}

/** What a provider says: a head, then a body, whole or in pieces. */
class Answering {
  controller = new AbortController();

  /** Status and headers, once they are there; and where they say that it is no longer than `whole`, the body too. */
  async head(whole) {
    const answer = await this.answer;
    if (answer instanceof Response) {
      const length = answer.headers.get("content-length");
      if (length !== null && Number(length) <= whole) {
        this.bytes = new Uint8Array(await answer.arrayBuffer());
      } else {
        this.pieces = new Pieces(answer.body);
      }
      return lines(String(answer.status), answer.headers);
    }
    // A binding may answer with what it has to say, and no head around it.
    if (answer instanceof ReadableStream) {
      this.pieces = new Pieces(answer);
      return "200\ncontent-type\ntext/event-stream";
    }
    this.bytes = new TextEncoder().encode(typeof answer === "string" ? answer : JSON.stringify(answer));
    return "200\ncontent-type\napplication/json";
  }

  /** The body, if it came with the head. */
  whole() {
    return this.bytes;
  }

  /** The next piece of the body; undefined at its end. */
  next() {
    return this.pieces.next();
  }

  /** Ends the call, whatever is still under way. */
  stop() {
    this.answer.catch(() => {});
    this.controller.abort();
    this.pieces?.stop();
  }
}

/** A call over the network. */
export class Outgoing extends Answering {
  constructor(address, method, heads, body) {
    super();
    const signal = this.controller.signal;
    this.answer = fetch(address, { method, headers: fields(heads), body: body?.slice(), redirect: "manual", signal });
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

/** Whoever carries letters and is not back by then was ended on his way; and an answer is waited for so long. */
const PATIENCE = 1_000;
const ANSWER = 15_000;
/** How long the end of a request waits for a hold to go along with; and after which pauses it is sent again. */
const COMPANY = 5;
const PAUSES = [250, 1_000, 4_000, 12_000];

const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

/**
 * Letters to one account's object, from all requests of this isolate. One call is under way at a time and takes along
 * all that waits: writing is what costs, and one write is as dear as many.
 *
 * No request ever waits for a promise of another's: the runtime lets nobody go on in another's place. Who waits looks
 * now and then, by a timer of his own, whether his letter was answered, and goes himself where nobody else does.
 */
class Postman {
  waiting = [];
  /** Since when somebody is under way; 0 where nobody is. */
  since = 0;
  /** How long a call took of late. */
  took = 1;
  /** When somebody last looked after what nobody waits for. */
  looked = 0;

  constructor(accounts, account) {
    [this.accounts, this.account] = [accounts, account];
  }

  /** Sends a letter and waits for its reply. */
  async ask(letter) {
    const item = { letter, kept: false, taken: false, reply: undefined, error: undefined };
    this.waiting.push(item);
    const end = Date.now() + ANSWER;
    for (;;) {
      if (!item.taken && !this.busy()) await this.carry();
      if (item.error !== undefined) throw item.error;
      if (item.reply !== undefined) return item.reply;
      const now = Date.now();
      if (now > end) throw new Error("the account's object did not answer in time");
      // Until who is under way should be back; after that, more often.
      const left = this.since + this.took - now;
      await pause(Math.min(Math.max(left > 0 ? left : this.took / 8, 1), 50));
    }
  }

  /** Leaves a letter whose reply nobody waits for. Whether somebody is to see to it that it goes. */
  leave(letter) {
    this.waiting.push({ letter, kept: true, taken: false });
    return Date.now() - this.looked > PATIENCE;
  }

  /** Sees to it that what was left goes. */
  async look() {
    const pauses = PAUSES.values();
    let nap = COMPANY;
    for (;;) {
      this.looked = Date.now() + nap;
      await pause(nap);
      if (!this.waiting.some((item) => item.kept)) break;
      if (this.busy()) continue;
      const problem = await this.carry();
      if (problem === undefined) continue;
      nap = pauses.next().value;
      if (nap === undefined) {
        console.error(JSON.stringify({ level: "error", message: "requests could not be settled", problem }));
        break;
      }
    }
    this.looked = 0;
  }

  busy() {
    return this.since !== 0 && Date.now() - this.since < PATIENCE;
  }

  /** Takes along all that waits; what went wrong. */
  async carry() {
    const batch = this.waiting;
    const since = (this.since = Date.now());
    this.waiting = [];
    for (const item of batch) item.taken = true;
    try {
      const body = `[${batch.map((item) => item.letter).join(",")}]`;
      const told = order(this.accounts, this.account, "/", body);
      // Goes on when its client has gone: what was asked is to be done.
      waitUntil(told.catch(() => {}));
      const replies = (await told).split("\n");
      this.took = Math.ceil((this.took + Date.now() - since) / 2);
      batch.forEach((item, at) => {
        item.reply = replies[at];
        if (item.kept && item.reply.includes('"Err"')) {
          console.warn(JSON.stringify({ level: "warn", message: "the end of a request was refused", reply: item.reply }));
        }
      });
    } catch (error) {
      const problem = error?.message ?? String(error);
      // Told anew to each: an error belongs to the request that it came to.
      for (const item of batch) item.error = new Error(problem);
      const left = batch.filter((item) => item.kept);
      for (const item of left) item.taken = false;
      this.waiting.unshift(...left);
      return problem;
    } finally {
      if (this.since === since) this.since = 0;
    }
  }
}

const postmen = new Map();

const postman = (accounts, account) => {
  let known = postmen.get(account);
  if (known === undefined) {
    // Accounts beyond so many are forgotten when nothing of theirs is under way.
    if (postmen.size > 4_096) {
      for (const [name, { since, waiting }] of postmen) if (since === 0 && waiting.length === 0) postmen.delete(name);
    }
    postmen.set(account, (known = new Postman(accounts, account)));
  }
  return known;
};

export const ask = (accounts, account, letter) => postman(accounts, account).ask(letter);

export const leave = (accounts, account, letter) => {
  const known = postman(accounts, account);
  if (known.leave(letter)) waitUntil(known.look());
};

/** Asks an account's object something else than its books. */
export const order = async (accounts, account, path, body) => {
  const object = accounts.get(accounts.idFromName(account));
  const response = await object.fetch(`http://account${path}`, { method: "POST", body });
  const text = await response.text();
  if (response.status !== 200) throw new Error(text);
  return text;
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

  append(seq, time, kind, id, body) {
    this.sql.exec("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", seq, time, kind, id, body);
  }

  stage(seq, time, kind, id, body) {
    this.sql.exec("INSERT INTO staged VALUES (?, ?, ?, ?, ?)", seq, time, kind, id, body);
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

/** Wakes somebody up after a while. */
export const ring = (wake, millis) => setTimeout(wake, millis);
export const unring = (timer) => clearTimeout(timer);

/** 64 bits of chance, as two halves. */
export const chance = () => crypto.getRandomValues(new Uint32Array(2));

/** Work that outlives the answer. */
export const later = (work) => waitUntil(work);

const BOARD = "https://weir.internal/hints";

/** The hints that all isolates of a place share; empty where there are none. */
export const board = async () => (await (await caches.default.match(BOARD))?.text()) ?? "";

export const pin = (text) =>
  caches.default.put(BOARD, new Response(text, { headers: { "cache-control": "max-age=600" } }));
