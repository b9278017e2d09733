#!/usr/bin/env python3
"""Makes the two small pools beside it: invented prompts, invented models, outcomes thrown by a seeded dice.

    python3 benches/policies/make.py            writes chat.*, tools.*

Nothing in them is anybody's text or any model's answer. They hold what measures have to cope with: prices far apart, a model
that is best at one task only, prompts that look alike, scores between 0 and 1, models that were not run, measured seconds.
"""
import gzip, json, math, os, random

HERE = os.path.dirname(os.path.abspath(__file__))
TASKS = {  # how hard, how long answers are, words
    "sums": (0.3, 40, "Add the numbers {a} and {b} and then subtract {c}.|What is {a} times {b}, less {c}?|A shop sells {a} pears at {b} cents. How many cents is that, after {c} cents off?"),
    "proofs": (-0.9, 420, "Prove that $n^{a} + {b}n$ is divisible by {c} for every integer $n$.|Show that the sum of the first {a} odd numbers greater than {b} exceeds {c}.|Let $G$ be a group of order {a}. Does it have a subgroup of order {b}? Justify within {c} lines."),
    "code": (-0.3, 260, "Write a function `step(xs, k={a})` that drops every {b}th element and returns the first {c}.|def f(x):\n    return x * {a} + {b}\n\nWhat does f({c}) return?|Fix the off by one error: `for i in range({a}): print(xs[i + {b}])` with {c} elements."),
    "facts": (0.8, 25, "Which river is {a} km long and has {b} tributaries?\nA. the first\nB. the second\nC. the {c}th|In which century was the bridge of {a} arches finished, {b} or {c}?|Name a mineral of hardness {c} that melts above {a} degrees."),
    "letters": (0.1, 180, "Write a polite note to landlord number {a} about {b} broken windows and {c} days of rain.|Summarise in {c} words: the meeting of {a} members began late, and {b} of them left.|Translate into German: I have waited {a} minutes for bus {b} at stop {c}."),
}
MODELS = [  # id, skill, USD per million tokens in and out, what it is good at
    ("ant", -0.8, 0.05, 0.10, "facts"), ("bee", -0.3, 0.15, 0.60, "sums"), ("crow", 0.1, 0.5, 1.5, "letters"),
    ("dog", 0.4, 1.0, 3.0, "code"), ("elk", 0.9, 3.0, 15.0, "proofs"), ("fox", 1.0, 15.0, 75.0, "letters"),
]


def made(name, rows, seed, tools):
    dice = random.Random(seed)
    models = MODELS[1:5] if tools else MODELS
    lines, tasks = [], {}
    for at in range(rows):
        task = dice.choice(sorted(TASKS))
        ease, length, forms = TASKS[task]
        numbers = {k: dice.randrange(2, 99) for k in "abc"}
        text = dice.choice(forms.split("|"))
        for k, v in numbers.items():
            text = text.replace("{%s}" % k, str(v))
        hard = (numbers["a"] + numbers["b"]) / 100 - 1 + dice.gauss(0, 0.5)
        s, c, ot, lat = [], [], [], []
        for _, skill, into, out, knack in models:
            good = 1 / (1 + math.exp(-2 * (skill + ease - hard + (0.9 if knack == task else 0))))
            won = dice.random() < good
            score = (round(min(1.0, good + 0.2), 1) if won else 0.0) if task == "letters" else float(won)
            answer = max(1, round(length * math.exp(dice.gauss(0, 0.4)) * (1.5 if skill > 0.8 else 1)))
            s.append(score)
            ot.append(answer)
            c.append(round(into * (len(text) / 4 + (120 if tools else 0)) + out * answer, 3))
            lat.append(round(0.2 + answer / 60 * (1 + max(skill, 0)), 3))
        if dice.random() < 0.05:  # not every model was run on every prompt
            gone = dice.randrange(len(models))
            s[gone] = c[gone] = None
        line = {"id": "%s/%d" % (name, at), "task": task, "prompt": text, "s": s, "c": c, "ot": ot}
        if tools:
            line.update(lat=lat, tools=["%s.run" % task, "clock.now"], tools_chars=480)
        tasks[task] = tasks.get(task, 0) + 1
        lines.append(json.dumps(line, ensure_ascii=False))
    meta = {
        "source": name, "repo": "made by benches/policies/make.py", "licence": "Apache-2.0",
        "score": "thrown by a seeded dice", "cost": "list price x length",
        "models": [{"id": m[0], "usd_per_mtok_in": m[2], "usd_per_mtok_out": m[3]} for m in models],
        "rows": rows, "tasks": dict(sorted(tasks.items())),
    }
    with open(os.path.join(HERE, name + ".meta.json"), "w") as f:
        json.dump(meta, f, indent=1)
        f.write("\n")
    with open(os.path.join(HERE, name + ".jsonl.gz"), "wb") as f:
        with gzip.GzipFile("", "wb", 9, f, 0) as packed:  # no name and no time: the same bytes each time
            packed.write(("\n".join(lines) + "\n").encode())


made("chat", 900, 1, False)
made("tools", 400, 2, True)
