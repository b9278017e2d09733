#!/usr/bin/env python3
"""Checks an export of weir's ledger, without weir: docs/ledger-format.md is all that this was written from.
Usage: python3 verify.py [--json] [FILE], with lines of JSON or arrays of them; standard input without FILE.
Exit codes: 0 every chain verifies, 1 an entry is bad (the first one is named), 2 the file could not be read."""
import hashlib, json, re, sys

MONEY = re.compile(r"(-?[0-9]{1,20})(?:\.([0-9]+))?")
HASH = re.compile(r"[0-9a-fA-F]{64}")
COUNTS = ("input cache_read cache_write cache_write_long input_audio input_image output reasoning output_audio"
          " output_image characters audio_millis images tiles steps searches requests").split()
GAP = re.compile(r"S*(?:,|\](?:S*\[S*\])*S*\[)S*(?=\{)".replace("S", r"[ \t\r\n]"))
NAMES = {"hold": "lease_until estimate tags? budgets?", "extend": "lease_until", "hit": "of saved", "replay": "of saved"}
END = re.compile(r"S*\](?:S*\[S*\])*S*\Z".replace("S", r"[ \t\r\n]"))

class Bad(ValueError): """Why an entry is bad."""
class Pairs(list): """A JSON object as it stands, so that a name that comes twice is seen."""
def text(v): return isinstance(v, str) and v.encode() is not None  # raises where it is no UTF-8
def flag(v): return isinstance(v, bool)
def u64(v): return type(v) is int and 0 <= v < 2**64
def sha256(v): return text(v) and HASH.fullmatch(v)
def money(v): return text(v) and MONEY.fullmatch(v) and len(v.partition(".")[2].rstrip("0")) <= 12

def usage(v):
    flags = {"estimated": flag, "partial": flag, "anomaly": flag, "modifiers": lambda v: u64(v) and v < 32}
    pairs = dict(v).items() if isinstance(v, Pairs) else [("", v)]
    return all(flags[name](n) if name in flags else name in COUNTS and u64(n) for name, n in pairs)

KINDS = {name: kind for kind, names in {
    text: "account op_id detail reason why provider model outcome of", u64: "seq time lease_until hold",
    money: "amount granted settled held estimate", sha256: "prev_hash hash", flag: "estimated? over?", usage: "usage",
    (lambda v: v is None or text(v)): "price?", (lambda v: type(v) is list): "lines", (lambda v: True): "balance_after tags?",
    (lambda v: isinstance(v, Pairs) and all(text(name) and u64(begun) for name, begun in v)): "budgets?",
    ("grant", "hold", "extend", "settle", "release", "hit", "replay").__contains__: "kind", (lambda v: money(v) and pico(v) >= 0): "saved",
}.items() for name in names.split()}

def fields(value, names):
    """The values of an object's fields, each there once; or not at all, where its name ends in a `?`."""
    for name in names.split():
        found = [v for n, v in value if n == name.rstrip("?")] if isinstance(value, Pairs) else []
        if len(found) > 1 or not found and not name.endswith("?"):
            raise Bad(f"{name} should be there once")
        if found and not KINDS[name](found[0]):
            raise Bad(f"{name} is of the wrong kind")
        yield found[0] if found else None

def parse(raw):
    whole = lambda digits: -0.0 if digits == "-0" else int(digits)
    return json.loads(raw, object_pairs_hook=Pairs, parse_int=whole, parse_constant=int)  # NaN is no int, nor JSON

def pico(amount):
    whole, places = MONEY.fullmatch(amount).groups()
    return int(whole + (places or "").rstrip("0").ljust(12, "0"))

def charged(lines):
    amounts = [pico(list(fields(line, "provider model usage price? outcome amount"))[-1]) for line in lines]
    return sum(amounts) if all(amount >= 0 for amount in amounts) else None

def step(chains, entry):
    """Checks an entry against what its account's entries before it came to, and takes it."""
    account, seq, time, kind, op_id, amount, after, detail, prev, digest = fields(
        entry, "account seq time kind op_id amount balance_after detail prev_hash hash")
    amount, after = pico(amount), [pico(v) for v in fields(after, "granted settled held")]
    last, then, head, (granted, settled, held), holds = chains.get(account, (0, 0, bytes(32), (0, 0, 0), {}))
    if seq != last + 1 or bytes.fromhex(prev) != head:
        raise Bad(f"it does not follow entry {last}")
    name, sort, op, more = (len(s.encode()).to_bytes(4, "big") + s.encode() for s in (account, kind, op_id, detail))
    sums = b"".join(n.to_bytes(16, "big", signed=True) for n in (amount, *after))
    canonical = b"\1" + name + seq.to_bytes(8, "big") + time.to_bytes(8, "big") + sort + op + sums + more
    head = hashlib.sha256(head + canonical).digest()
    if bytes.fromhex(digest) != head or time < then:
        raise Bad("its content was changed (hash)" if time >= then else "it is older than the entry before")
    detail, hold = parse(detail), holds.get(op_id)  # the seq of the entry that opened it, and all that is set aside
    if kind == "grant":
        granted += amount if list(fields(detail, "reason")) else 0
    elif amount < 0 or amount != 0 and kind in ("hit", "replay"):
        raise Bad("its amount is below zero, or should be zero")
    elif kind in NAMES:
        list(fields(detail, NAMES[kind]))
        if (hold is None) != (kind != "extend"):
            raise Bad("its hold is not in the state it needs")
        held += amount
        holds.update({op_id: (hold[0], hold[1] + amount) if hold else (seq, amount)} if kind in ("hold", "extend") else {})
    else:
        rest = "estimated? over?" if kind == "settle" else "why"
        back, opened, lines, *rest = fields(detail, "held hold lines " + rest)
        wrong = amount != 0 if kind == "release" else bool(rest[1]) != (amount > pico(back))
        if wrong or charged(lines) != amount:
            raise Bad("its amount is not what its detail says")
        if holds.pop(op_id, None) != (opened, pico(back)):
            raise Bad("its hold is not in the state it needs")
        held, settled = held - pico(back), settled + amount
    if after != [granted, settled, held]:
        raise Bad("its balance does not follow from the entries before")
    chains[account] = (seq, time, head, after, holds)

def entries(file):
    """The line and the text of each entry: a line; where the file begins with `[`, an element of its arrays."""
    lines = ((number, line) for number, line in enumerate(file, 1) if line.strip(b" \t\r\n"))
    for number, line in lines:
        if line.lstrip(b" \t\r\n").startswith(b"["):
            yield from elements(number, (line + file.read()).decode(errors="surrogateescape"))
        else:
            yield number, line
            yield from lines

def elements(line, text):
    text, at = "]" + text, 0
    while not END.match(text, at):
        begin = (GAP.match(text, at) or re.compile("$").search(text, len(text))).end()
        try:
            end = json.JSONDecoder().raw_decode(text, begin)[1]
        except (ValueError, RecursionError):
            end = len(text)
        yield line + text.count("\n", 0, begin), text[begin:end].encode(errors="surrogateescape")
        at = end

def verdict(file):
    """{"ok": true, "accounts": …}, or {"ok": false, …} with the first bad entry, as far as it can be named."""
    chains = {}
    for line, raw in entries(file):
        try:
            step(chains, parse(raw.decode()))
        except (ValueError, OverflowError, RecursionError) as why:
            try:
                named = dict(json.loads(raw, object_pairs_hook=Pairs))
            except (ValueError, RecursionError, TypeError):
                named = {}
            kinds = ("account", lambda v: isinstance(v, str)), ("seq", u64)
            named = {name: named.get(name) if kind(named.get(name)) else None for name, kind in kinds}
            return {"ok": False, "line": line, **named, "why": str(why)}
    return {"ok": True, "accounts": {a: {"entries": c[0], "head": c[2].hex()} for a, c in sorted(chains.items())}}

def main(arguments):
    names = [name for name in arguments if name != "--json"]
    try:
        found = verdict(open(names[0], "rb") if names else sys.stdin.buffer)
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    if "--json" in arguments:
        print(json.dumps(found))
    elif not found["ok"]:
        print("line {line}: entry {seq} of account {account}: {why}".format(**found))
    else:
        for account, chain in found["accounts"].items():
            print(f"{account}: {chain['entries']} entries, the chain verifies up to {chain['head']}")
    return 0 if found["ok"] else 1

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
