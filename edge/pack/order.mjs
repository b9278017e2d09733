// In which order functions compress best. What compresses sees the last 32 KiB only, and functions that are alike (one generic
// function for many types) are far apart where the linker leaves them: so each is followed by the one that has most in
// common with what was just written.

/** Bytes in a row that count as something in common. */
const LENGTH = 6;
/** What is in more functions than this is everywhere anyway. */
const COMMON = 200;
/** How far back is looked: a little less than gzip does, as numbers of functions change with their order. */
const WINDOW = 28_000;
/** What a function takes besides its bytes, so that the smallest do not come first only for being small. */
const AROUND = 20;

/** For each function the distinct pieces in it, by number; those in one function alone, or in very many, are left out. */
const pieces = (bodies) => {
  const numbers = new Map();
  const owners = [];
  const all = bodies.map((bytes, body) => {
    const own = [];
    for (let at = 0; at + LENGTH <= bytes.length; at += 1) {
      let hash = 0x811c9dc5;
      for (let k = 0; k < LENGTH; k += 1) hash = Math.imul(hash ^ bytes[at + k], 0x01000193);
      let piece = numbers.get(hash);
      if (piece === undefined) {
        numbers.set(hash, (piece = owners.length));
        owners.push([]);
      }
      const known = owners[piece];
      if (known[known.length - 1] === body) continue;
      known.push(body);
      own.push(piece);
    }
    return own;
  });
  const telling = (piece) => owners[piece].length > 1 && owners[piece].length <= COMMON;
  return { owners, of: all.map((own) => Uint32Array.from(own.filter(telling))) };
};

/** Which comes first, second …; the `first` stay where they are. The same for the same functions. */
export const order = (bodies, first) => {
  const { owners, of } = pieces(bodies);
  const seen = new Uint32Array(owners.length);
  // How many pieces of a function are in the window.
  const common = new Int32Array(bodies.length);
  const weights = bodies.map((bytes) => 1 / (bytes.length + AROUND));
  const left = new Set(bodies.keys());
  const result = [];
  let oldest = 0;
  let size = 0;
  const add = (body) => {
    result.push(body);
    left.delete(body);
    size += bodies[body].length;
    for (const piece of of[body]) if (seen[piece]++ === 0) for (const other of owners[piece]) common[other] += 1;
    for (; size > WINDOW && oldest < result.length - 1; oldest += 1) {
      const gone = result[oldest];
      size -= bodies[gone].length;
      for (const piece of of[gone]) if (--seen[piece] === 0) for (const other of owners[piece]) common[other] -= 1;
    }
  };
  for (let body = 0; body < Math.min(first, bodies.length); body += 1) add(body);
  while (left.size > 0) {
    let best;
    let most = -1;
    for (const body of left) {
      const likeness = common[body] * weights[body];
      if (likeness > most) [best, most] = [body, likeness];
    }
    add(best);
  }
  return result;
};
