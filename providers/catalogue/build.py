#!/usr/bin/env python3
"""Makes models.json, the catalogue that ships with weir, from a merged price sheet.

    python3 build.py PRICES.json            # writes models.json beside this file
    python3 build.py PRICES.json --check    # exit 1 unless models.json is what would be written

Standard library only; same input, same bytes. What the fields mean is in README.md. Three things here are judgement
rather than copying, each in one place: multipliers (which model takes which), caps (what a model can do), quality
(how a published score becomes a probability).
"""

import json
import math
import pathlib
import re
import sys
from decimal import Decimal

LADDER = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
LOCAL = {"ollama", "llamacpp", "vllm"}

# --- prices ----------------------------------------------------------------------------------------------------------

TOKENS = {
    "input": "input",
    "output": "output",
    "cached_input": "cache_read",
    "cache_write": "cache_write",
    "cache_write_long": "cache_write_long",
    "audio_input": "input_audio",
    "audio_output": "output_audio",
    "image_input": "input_image",
    "image_output": "output_image",
}
OTHER = {
    "per_1m_characters": "per_1m_characters",
    "per_minute": "per_minute",
    "per_hour": "per_hour",
    "per_512_tile": "per_tile",
    "per_step": "per_step",
}


def decimal(text):
    """Plain decimal text without trailing zeros."""
    value = Decimal(text)
    if value == value.to_integral_value():
        return str(value.quantize(Decimal(1)))
    return format(value.normalize(), "f")


def rates(prices, searches):
    """Rates by unit, or None where a published unit has no counterpart: part of a price would bill too little."""
    out = {}
    for key, text in prices.items():
        if key in TOKENS:
            out.setdefault("per_1m_tokens", {})[TOKENS[key]] = decimal(text)
        elif key in OTHER:
            out[OTHER[key]] = decimal(text)
        else:
            return None
    if out and searches:
        out["per_1k_searches"] = searches
    return out


def generation(model):
    """gemini-3.8-flash is (3, 8), gpt-5.4-mini is (5, 4), claude-opus-4-8 is (4, 8)."""
    found = re.search(r"-(\d+)(?:[.-](\d{1,2}))?(?![\d])", model)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def searches(provider, model):
    """USD per 1,000 web searches, where the sheet states it."""
    if provider == "anthropic":
        return "10"
    if provider == "gemini" and model.startswith("gemini-"):
        # 2.5 is billed per grounded prompt, later models per query.
        return "14" if generation(model) >= (3, 0) else "35"
    return None


# The sheet gives one priority multiplier for OpenAI (2). LiteLLM's per-tier prices, where they exist, say which models
# have the tier and where it is not 2. A model not listed here has no such tier: its multiplier stays unknown.
OPENAI_PRIORITY = {
    "gpt-5.5": "2.5", "gpt-5-mini": "1.8", "o3": "1.75", "o4-mini": "20/11", "gpt-4.1": "1.75", "gpt-4.1-mini": "1.75",
    "gpt-4.1-nano": "2", "gpt-4o": "1.7", "gpt-4o-mini": "5/3",
    **{m: None for m in ("gpt-6-astra", "gpt-6.1-sol", "gpt-6.1-terra", "gpt-6-sol", "gpt-6-luna", "gpt-5.6-sol",
                         "gpt-5.6-terra", "gpt-5.6-luna", "gpt-5.4", "gpt-5.4-mini", "gpt-5.2", "gpt-5.1", "gpt-5")},
}


def multipliers(provider, model, kind, said):
    out = {}
    if provider == "openai":
        if kind in ("chat", "embedding", "image") and not re.search("audio|ada-002", model):
            out["batch"] = said["batch"]
        if kind == "chat" and re.match(r"gpt-[56]|o[34]", model):
            out["flex"] = said["flex"]
        if model in OPENAI_PRIORITY:
            # Asking for "fast" echoes "priority", so either word may stand in a reply.
            out["priority"] = out["fast"] = OPENAI_PRIORITY[model] or said["priority_fast"]
        if kind == "chat" and model.startswith("gpt-") and not model.startswith("gpt-audio") and generation(model) >= (5, 4):
            out["regional"] = said["regional_eu_us"]
    elif provider == "anthropic":
        out["batch"] = said["batch"]
        # The sheet knows fast mode on opus 5.5, LiteLLM also on opus 5 and 4.8. Only a reply that says it was fast is
        # multiplied, so that a model too many here costs nobody anything and one too few bills half.
        if model in ("claude-opus-5-5", "claude-opus-5", "claude-opus-4-8"):
            out["fast"] = said["fast"]
        if model not in ("claude-sonnet-4-5", "claude-haiku-4-5"):
            out["regional"] = said["inference_geo_us"]
    elif provider == "gemini" and model.startswith("gemini-") and kind != "stt":
        out["batch"] = said["batch"]
        tiered = kind == "chat" or model in ("gemini-3-pro-image", "gemini-2.5-flash-image") or model.startswith("gemini-3.8")
        if tiered:
            out["flex"], out["priority"] = said["flex"], said["priority"]
    elif provider == "groq" and kind == "chat":
        out["batch"], out["flex"] = said["batch"], said["flex"]
    return out


def price(row, said):
    provider, model, kind = row["provider"], row["model"], row["kind"]
    search = searches(provider, model) if kind in ("chat", "image") else None
    base = rates(row["prices"], search)
    if not base:
        return None
    out = {"rates": base}
    tiers = [
        {"above_input": t["above_input_tokens"], "rates": rates({k: t[k] for k in TOKENS if k in t}, search)}
        for t in row.get("tiers") or []
    ]
    if tiers:
        out["tiers"] = sorted(tiers, key=lambda t: t["above_input"])
    changes = []
    for change in row.get("schedule") or []:
        # A change states what changes; the rest of the price goes on.
        changes.append({"from": change["effective_from"], "rates": rates({**row["prices"], **change["prices"]}, search)})
        if tiers:
            sys.exit(f"{row['id']}: a scheduled change of a tiered price needs tiers of its own")
    if changes:
        out["changes"] = sorted(changes, key=lambda c: c["from"])
    factors = multipliers(provider, model, kind, said)
    if factors:
        out["multipliers"] = dict(sorted(factors.items()))
    if provider == "groq" and kind == "stt":
        out["audio_seconds_min"] = 10
    return out


# --- efforts and caps ------------------------------------------------------------------------------------------------

def efforts(row):
    control, flags = row.get("reasoning_control") or {}, row["supports"]
    listed = [e for e in control.get("efforts", []) if e in LADDER]
    known = any(k.endswith("_effort") for k in flags)
    if not listed and not control and flags.get("reasoning") and known:
        listed = ["low", "medium", "high"] + [e for e in LADDER if flags.get(e + "_effort")]
    if row["provider"] == "ollama":
        listed = ["none", "low", "medium", "high", "max"]
    return sorted(listed, key=LADDER.index)


def reasons_always(row):
    flags, control = row["supports"], row.get("reasoning_control")
    if row["kind"] != "chat" or not flags.get("reasoning"):
        return False
    if row["provider"] == "anthropic":
        # Thinking is a switch of its own there; the list of efforts does not tell.
        return flags.get("thinking_always_on", False)
    if row["provider"] == "workers-ai" and "/qwen3-" in row["model"]:
        return False  # chat_template_kwargs.enable_thinking
    if control:
        return not control["can_disable"]
    if row["provider"] == "gemini":
        return generation(row["model"]) >= (3, 0)
    return flags.get("none_effort") is False


def family_one(model):
    """Cloudflare's older envelope of text models: no stop, no tool choice, no JSON."""
    return bool(re.search(r"llama|mistral|qwen2|qwq|granite|deepseek-r1", model))


def caps(row):
    """As few as the specifications leave no doubt about: a cap too many is a failed request, one too few a detour."""
    provider, model, kind, has = row["provider"], row["model"], row["kind"], row["supports"]
    out, into = set(), set(row["modalities_in"])
    if kind == "tts":
        return ["audio_out"]
    if kind == "stt":
        return ["audio_in"]
    if kind in ("embedding", "image"):
        return sorted({"image": "vision", "audio": "audio_in", "pdf": "pdf"}[m] for m in into if m in ("image", "audio", "pdf"))

    out.add("stream")
    for flag, cap in (("tools", "tools"), ("json_schema", "json_schema"), ("vision", "vision"), ("pdf", "pdf"),
                      ("audio_in", "audio_in"), ("audio_out", "audio_out"), ("reasoning", "reasoning")):
        if has.get(flag):
            out.add(cap)
    tools, schema, reasoning = "tools" in out, "json_schema" in out, "reasoning" in out

    if provider == "openai":
        out |= {"openai_only", "seed", "many"}
        if tools:
            out |= {"forced_tool"}
            if has.get("parallel_tools"):
                out |= {"parallel_tools", "serial_tools"}
            if model.startswith("gpt-") and generation(model) >= (5, 0):
                out |= {"custom_tools"}
        if schema:
            out |= {"json_object", "schema_stream"} | ({"schema_with_tools"} if tools else set())
        if "vision" in out:
            out.add("image_url")
        if not reasoning:
            out |= {"sampling", "stop", "penalties"}
            if "audio_out" not in out:
                out |= {"logprobs", "logit_bias"}
    elif provider == "groq":
        if model == "groq/compound":
            return ["stream"]
        out |= {"seed", "stop", "sampling", "json_object"}
        if tools:
            out |= {"forced_tool", "serial_tools"} | ({"parallel_tools"} if has.get("parallel_tools") else set())
        if "vision" in out:
            out.add("image_url")
    elif provider == "gemini":
        out.add("stop")
        if tools and model.startswith("gemini-"):
            out |= {"forced_tool"} | ({"parallel_tools"} if has.get("parallel_tools") else set())
        if schema:
            out |= {"json_object", "schema_stream"}
        if generation(model) < (3, 0) or model.startswith("gemma"):
            out |= {"sampling", "seed"}  # ignored or refused from Gemini 3 on
        if has.get("web_search"):
            out.add("web_search")
    elif provider == "anthropic":
        out.add("stop")
        if tools:
            out |= {"parallel_tools", "serial_tools"}
            unsure = has.get("forced_tool_choice") is None and "json_schema" not in has
            if has.get("forced_tool_choice", True) and not has.get("thinking_always_on") and not unsure:
                out.add("forced_tool")
        if schema:
            out |= {"schema_stream"} | ({"schema_with_tools"} if tools else set())
        if "vision" in out:
            out.add("image_url")
        if has.get("sampling_params", True) and generation(model) < (5, 0):
            out.add("sampling")
        if has.get("assistant_prefill"):
            out.add("prefill")
        if has.get("web_search"):
            out.add("web_search")
    elif provider == "workers-ai":
        out |= {"sampling", "seed"}
        if family_one(model):
            out.add("penalties")
        else:
            out.add("stop")
            if schema:
                out.add("json_object")
            if tools and "gpt-oss" not in model:
                out.add("forced_tool")  # gpt-oss leaks a forced call as text
    elif provider in LOCAL:
        out |= {"tools", "json_object", "json_schema", "schema_stream", "sampling", "seed", "stop", "penalties"}
        if provider == "ollama":
            out |= {"vision", "reasoning"}
        else:
            out |= {"forced_tool"}
        if provider == "vllm":
            out |= {"vision", "many", "logprobs", "logit_bias", "parallel_tools"}
    return sorted(out)


# --- quality and latency ---------------------------------------------------------------------------------------------

def logistic(x):
    return 1 / (1 + math.exp(-x))


# Through the two models for which a share of good answers is known from a primary source (MMLU-Pro, 12,032 questions):
# gpt-4o 72.55 % at Elo 1346.2 and Llama 3.1 8B 44.19 % at Elo 1211.3.
ELO_MIDDLE, ELO_SCALE = 1237.4, 111.9


def from_elo(elo):
    return logistic((elo - ELO_MIDDLE) / ELO_SCALE)


def fit_index(rows):
    """logit(P) = a + b·ln(index), the reduced major axis through every model that has both scores (the best point of
    the index beside the Elo, which the arena measures near full effort). The log because the index is a score on hard
    tasks: at its low end few points separate models that people tell apart easily."""
    seen = set()
    for row in rows:
        quality = row.get("quality", {})
        if "artificial_analysis" in quality and "lmarena" in quality:
            best = max(p["intelligence_index"] for p in quality["artificial_analysis"]["points"])
            seen.add((math.log(best), (quality["lmarena"]["elo_overall"] - ELO_MIDDLE) / ELO_SCALE))
    points = sorted(seen)
    n = len(points)
    mx, my = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    b = math.sqrt(sum((y - my) ** 2 for _, y in points) / sum((x - mx) ** 2 for x, _ in points))
    return round(my - b * mx, 3), round(b, 3)


def rung(variant):
    """The effort named in a variant's brackets, or None where it names none (then it is the model as it comes)."""
    found = re.search(r"\(([^)]*)\)\s*$", variant)
    word = (found[1].split(",")[0].split()[0].lower() if found and found[1] else "").strip()
    if word == "non-reasoning":
        return 0
    return LADDER.index(word) if word in LADDER else None


def default_effort(row):
    control = row.get("reasoning_control") or {}
    if control.get("default") in LADDER:
        return control["default"]
    if not row["supports"].get("reasoning"):
        return None
    return "high" if row["provider"] == "anthropic" else "medium"


def at_default(points, effort):
    """(index, ttft_s, tokens_per_s, exact) at the default effort: the point itself, else between its neighbours on the
    ladder (times on a log scale, because thinking grows that way), else the nearest point, without its time."""
    plain = [p for p in points if rung(p["variant"]) is None]
    if plain:
        p = plain[0]
        return p["intelligence_index"], p["ttft_s"], p["tokens_per_s"], True
    want = LADDER.index(effort) if effort else 0
    ranked = sorted(points, key=lambda p: rung(p["variant"]))
    for p in ranked:
        if rung(p["variant"]) == want:
            return p["intelligence_index"], p["ttft_s"], p["tokens_per_s"], True
    below = [p for p in ranked if rung(p["variant"]) < want]
    above = [p for p in ranked if rung(p["variant"]) > want]
    if below and above:
        lo, hi = below[-1], above[0]
        share = (want - rung(lo["variant"])) / (rung(hi["variant"]) - rung(lo["variant"]))

        def between(key, log=False):
            a, b = lo[key], hi[key]
            if a is None or b is None:
                return None
            return math.exp(math.log(a) * (1 - share) + math.log(b) * share) if log else a * (1 - share) + b * share

        return between("intelligence_index"), between("ttft_s", log=True), between("tokens_per_s"), False
    p = (below or above[:1])[-1]
    return p["intelligence_index"], None, p["tokens_per_s"], False


def quality(row, fit):
    said, kind = row.get("quality", {}), row["kind"]
    if kind == "tts":
        arena = said.get("tts_arena")
        if not arena:
            return None
        mean = 1 / (1 + 10 ** ((1100 - arena["elo"]) / 400))
        return {"mean": round(mean, 3), "confidence": 0.4, "source": "speech-arena", "date": date(arena["date"])}
    parts, sources, dates, confidence = [], [], [], 0.5
    index, arena = said.get("artificial_analysis"), said.get("lmarena")
    effort = default_effort(row)
    if index:
        score, _, _, exact = at_default(index["points"], effort)
        parts.append(logistic(fit[0] + fit[1] * math.log(score)))
        sources.append("artificial-analysis")
        dates.append(index["date"])
        confidence -= 0 if exact else 0.1
    if arena:
        parts.append(from_elo(arena["elo_overall"]))
        sources.append("lmarena")
        dates.append(arena["date"])
        at = rung(arena["variant"])
        confidence -= 0.05 if at is not None and effort and LADDER[at] != effort else 0
    if not parts:
        return None
    if len(parts) == 2:
        confidence += 0.3 - abs(parts[0] - parts[1])
    out = {"mean": round(sum(parts) / len(parts), 3), "confidence": round(max(0.1, confidence), 2),
           "source": "+".join(sources), "date": max(dates)}
    if effort and index:
        out["effort"] = effort
    return out


def latency(row):
    provider, said = row["provider"], row.get("latency") or {}
    if row["kind"] == "tts":
        if "ttfa_p50_ms" in said:
            return {"ttft_ms": said["ttfa_p50_ms"], "source": "coval", "date": "2026-05-04"}
        # A vendor's own figure is inference without the network; the upper end of a measured range is safe.
        if "ttfb_ms" in said and said["source"] != "ElevenLabs docs":
            value = said["ttfb_ms"]
            out = {"ttft_ms": max(value) if isinstance(value, list) else value, "source": "third-party"}
            return {**out, "date": "2026-04"} if "April 2026" in said["source"] else {**out, "date": "2026"}
        return None
    if "tokens_per_s" in said:
        return {"tokens_per_s": said["tokens_per_s"], "source": "groq-docs", "date": "2026"}
    index = row.get("quality", {}).get("artificial_analysis")
    # Measured on the usual host, so good for a model's maker only.
    if not index or not (provider in ("openai", "anthropic") or row["model"].startswith("gemini-")):
        return None
    effort = default_effort(row)
    _, ttft, speed, _ = at_default(index["points"], effort)
    out = {}
    if ttft is not None:
        out["ttft_ms"] = round(ttft * 1000)
    if speed is not None:
        out["tokens_per_s"] = round(speed)
    if not out:
        return None
    return {**out, "source": "artificial-analysis", "date": index["date"], **({"effort": effort} if effort else {})}


# --- the file --------------------------------------------------------------------------------------------------------

def date(text):
    """The last full or partial date in a free text."""
    return re.findall(r"\d{4}(?:-\d{2}){0,2}", text.split(" (")[0])[-1]


def flags(row):
    out = {"agree": [], "agree (rounding)": ["rounding"], "n/a": []}.get(
        row["cross_check"]["status"], [row["cross_check"]["status"]])
    if row.get("requires_paid"):
        out = out + ["paid-plan"]
    if any("ASSUMED" in n for n in row.get("notes") or []):
        out = out + ["assumed-limits"]
    if row["prices"] and rates(row["prices"], None) is None:
        out = out + ["unpriceable-unit"]
    return sorted(out)


def entry(row, said, fit):
    out = {"id": row["id"], "kind": row["kind"], "status": row["status"], "price": price(row, said.get(row["provider"], {})),
           "context": row["context_window"], "max_output": None if row["kind"] == "embedding" else row["max_output"],
           "max_characters": row.get("max_input_characters"), "caps": caps(row), "efforts": efforts(row),
           "reasons_always": reasons_always(row), "quality": quality(row, fit), "latency": latency(row),
           "shutdown": row.get("shutdown"), "sources": {s["source"]: date(s["date"]) for s in row["sources"]},
           "flags": flags(row)}
    out["sources"] = dict(sorted(out["sources"].items()))
    keep = {"id", "kind", "status", "price", "caps"}
    return {k: v for k, v in out.items() if k in keep or v not in (None, [], {}, False)}


EXTRA_SOURCES = {
    "artificial-analysis": {"name": "Artificial Analysis intelligence index and speeds (https://artificialanalysis.ai)",
                            "date": "2026-10-03", "licence": "attribution required"},
    "coval": {"name": "Coval TTS benchmark, median time to first audio", "date": "2026-05-04", "licence": "facts only"},
    "lmarena": {"name": "LMArena text leaderboard dataset", "date": "2026-10-20", "licence": "CC BY 4.0"},
    "speech-arena": {"name": "Artificial Analysis Speech Arena", "date": "2026-07", "licence": "attribution required"},
    "third-party": {"name": "Third-party measurements quoted in public comparisons", "date": "2026", "licence": "facts only"},
}


def build(sheet):
    fit = fit_index(sheet["models"])
    sources = {k: {"name": v["name"].split(" (as transcribed")[0], "date": date(v["date"]), "licence": v["licence"]} for k, v in sheet["source_meta"].items()}
    sources = dict(sorted({**sources, **EXTRA_SOURCES}.items()))
    models = sorted((entry(r, sheet["modifiers"], fit) for r in sheet["models"]), key=lambda e: e["id"])
    line = lambda v: json.dumps(v, ensure_ascii=False, separators=(",", ":"))
    text = '{\n"schema_version":1,\n"as_of":%s,\n"sources":{\n' % line(sheet["as_of"])
    text += ",\n".join(f"{line(k)}:{line(v)}" for k, v in sources.items())
    text += '\n},\n"models":[\n' + ",\n".join(line(m) for m in models) + "\n]\n}\n"
    return text, fit


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    target = pathlib.Path(__file__).with_name("models.json")
    text, fit = build(json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")))
    if "--check" in sys.argv:
        same = target.exists() and target.read_text(encoding="utf-8") == text
        sys.exit(0 if same else f"{target.name} is not what {sys.argv[1]} makes")
    target.write_text(text, encoding="utf-8")
    print(f"{text.count(chr(10))} lines; index to probability: logit = {fit[0]} + {fit[1]} * ln(index)")


if __name__ == "__main__":
    main()
