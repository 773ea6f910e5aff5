"""The model card of an export: what was trained, on what, how well, and how to use it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from denoise import __version__
from denoise.hub.checkpoint import SPIECE_FILE
from denoise.hub.trained import Trained
from denoise.model.config import num_parameters
from denoise.train.run_folder import rows_of

_MOST_ROWS = 12
_MOST_SOURCES = 8

_EXAMPLE_TEXTS = {
    "spans": "Thank you <extra_id_0> me to your party <extra_id_1> week.",
    "text": "Thank you <mask> me to your party <mask> week.",
    "fragment": "Thank you <mask> week.",
    "continuation": "Thank you for inviting me",
    "words": "Thank you for inviting me",
}


def card(trained: Trained, run: Path, name: str, dtype: str) -> str:
    """README.md of an export, with the front matter that the Hugging Face hub reads."""
    sections = [
        ("", _summary(trained, name, dtype)),
        ("How to load it", _loading(trained, name)),
        ("How it was trained", _training(trained, run)),
        ("How well it did", _scores(trained, run)),
        ("The text", _text(trained)),
        ("How to go on pretraining", _going_on(trained, name)),
        ("Limits", _limits(trained)),
        ("Versions", _versions(run)),
    ]
    body = "\n\n".join(f"## {title}\n\n{text}" if title else text for title, text in sections)
    return f"---\n{_front_matter(trained)}---\n\n{body}\n"


def _front_matter(trained: Trained) -> str:
    is_t5 = trained.model.config.positions == "t5_bias"
    options = trained.data.options if trained.data is not None else {}
    matter: dict[str, Any] = {
        "library_name": "transformers" if is_t5 else "denoise",
        "pipeline_tag": "text2text-generation",
        "tags": ["denoise", "pretraining", *(["t5"] if is_t5 else [])],
    }
    if isinstance(options.get("language"), str):
        matter["language"] = [options["language"]]
    text: str = yaml.safe_dump(matter, sort_keys=False, allow_unicode=True)
    return text


def _summary(trained: Trained, name: str, dtype: str) -> str:
    model, shape = trained.model, trained.model.config
    size = num_parameters(shape, model.vocab_size)
    head = "tied to the embedding" if shape.tie_head else "of its own"
    positions = "T5's relative positions" if shape.positions == "t5_bias" else "rotary positions"
    return (
        f"# {name}\n\nAn encoder-decoder of {size:,} parameters, pretrained by repairing text under "
        f"{trained.objective.description}. It is not fine-tuned for any task.\n\n"
        f"{shape.num_encoder_layers} encoder and {shape.num_decoder_layers} decoder layers of width {shape.d_model}, "
        f"{shape.num_heads} heads of {shape.head_dim}, feed-forwards of {shape.d_ff} ({shape.feed_forward}), "
        f"{positions}, a head {head}, {model.vocab_size:,} rows of embedding for "
        f"{trained.tokenizer.vocab.size:,} ids; stored as {dtype}."
    )


def _loading(trained: Trained, name: str) -> str:
    text = _EXAMPLE_TEXTS[trained.objective.answer]
    if trained.objective.mode:
        text = f"{trained.objective.mode} {text}"
    if trained.model.config.positions != "t5_bias":
        return (
            "transformers has no model with these positions; `pip install denoise` opens it:\n\n"
            f'```python\nfrom denoise.hub import load\n\ntrained = load("{name}")\n'
            "model, tokenizer = trained.model, trained.tokenizer\n```\n\n"
            f'```bash\ndenoise generate {name} "{text}"\n```'
        )
    return (
        "```python\nfrom transformers import AutoModelForSeq2SeqLM, AutoTokenizer\n\n"
        f'model = AutoModelForSeq2SeqLM.from_pretrained("{name}")\n'
        f'tokenizer = AutoTokenizer.from_pretrained("{name}")\n'
        f'batch = tokenizer("{text}", return_tensors="pt")\n'
        "print(tokenizer.decode(model.generate(**batch)[0]))\n```\n\n"
        f'The same from the command line: `denoise generate {name} "{text}"`.'
        + (
            ""
            if trained.model.config.tie_head
            else "\n\ntransformers warns that it does not tie the head to the embedding; that is as it should be."
        )
    )


def _training(trained: Trained, run: Path) -> str:
    shapes, config = trained.shapes, trained.config
    seen = trained.step * int(shapes.get("tokens_per_step") or 0)
    parts = "".join(f"\n  - {what}" for what in (shapes.get("parts") or {}).values())
    lines = [
        f"- Corruption: {trained.objective.description}{parts}",
        f"- Windows of {_count(shapes, 'window_len')} tokens; sources of {_count(shapes, 'source_len')}, targets of "
        f"{_count(shapes, 'target_len')}, {_count(shapes, 'batch_size')} a step",
        f"- Step {trained.step:,} of {_count(shapes, 'num_steps')}: {seen:,} encoder and decoder tokens of a budget of "
        f"{shapes.get('budget', 'unknown size')}",
        f"- Seed {config.get('seed')}; run `{run.name}`"
        + (f"; started from `{config['init']}`" if config.get("init") else "; from random weights"),
    ]
    options = {name: config.get(name) for name in ("corruption", "optimizer", "schedule", "precision")}
    listed = yaml.safe_dump({name: value for name, value in options.items() if value}, sort_keys=False)
    return "\n".join(lines) + f"\n\n```yaml\n{listed}```"


def _scores(trained: Trained, run: Path) -> str:
    path = run / "metrics.jsonl"
    rows = [row for row in (rows_of(path) if path.is_file() else ()) if row.get("step", 0) <= trained.step]
    held_out = [row for row in rows if row.get("kind") == "held_out"]
    if not held_out:
        return "It was not scored on held-out text before this checkpoint."
    last = held_out[-1]
    bits = last.get("noise_bits_per_byte")
    hidden = f" and {bits:.3f} bits a byte of hidden text" if bits is not None else ""
    shown = _spread(held_out, _MOST_ROWS)
    table = "\n".join(
        f"| {row['tokens']:,} | {row['loss']:.3f} | {_number(row.get('noise_bits_per_byte'))} |" for row in shown
    )
    return (
        f"On held-out documents, at step {last['step']:,}: {last['loss']:.4f} nats a target token{hidden}. The loss is "
        "over this objective's own targets and does not rank it against others.\n\n"
        f"| tokens | nats a target token | bits a hidden byte |\n|---:|---:|---:|\n{table}"
    )


def _text(trained: Trained) -> str:
    data = trained.data
    if data is None:
        return "Not told."
    train, held_out = data.splits["train"], data.splits["held_out"]
    names = [str(source.get("name", "?")) for source in data.sources]
    more = f", and {len(names) - _MOST_SOURCES:,} more" if len(names) > _MOST_SOURCES else ""
    return "\n".join(
        [
            f"- {train.num_documents:,} documents of {train.num_tokens:,} tokens ({train.num_bytes / 1e6:,.1f} MB) to "
            f"train on, {held_out.num_documents:,} of {held_out.num_tokens:,} held out",
            f"- Sources: {', '.join(f'`{name}`' for name in names[:_MOST_SOURCES]) or 'not told'}{more}",
            f"- Fingerprint of text and vocabulary: `{data.fingerprint_of('train')}`",
        ]
    )


def _going_on(trained: Trained, name: str) -> str:
    sentinels = len(trained.tokenizer.vocab.sentinels)
    more = f" --num_sentinels {sentinels}" if sentinels != 100 else ""
    return (
        f"```bash\ndenoise prepare my_texts/ --out data/mine --tokenizer {name}/{SPIECE_FILE}{more}\n"
        f"denoise train --init {name} --data data/mine --run runs/on\n```"
    )


def _limits(trained: Trained) -> str:
    vocab = trained.tokenizer.vocab
    lines = [
        "It writes what its training text makes likely, facts and prejudices included, and was checked for neither.",
        f"`<extra_id_0>` is id {vocab.sentinels[0]}, the highest sentinel, as in T5." if vocab.sentinels else "",
        "In a text the names of marks (`<extra_id_0>`, `<mask>`, `[R]`, `</s>`, ...) are marks, and the white space "
        "beside one is not read.",
        "`AutoTokenizer` gives SentencePiece's own ids, through the class SpeechT5Tokenizer, which is SentencePiece "
        "with an end; it needs `pip install sentencepiece`. It writes bytes as `<0xC3><0xA9>`; "
        "`tokenizer.sp_model.decode(ids)` of ids below the first mark gives their text."
        if trained.model.config.positions == "t5_bias"
        else "",
        "MASS starts its decoder with the token before the fragment, at its place; transformers' generate does not."
        if trained.objective.answer == "fragment"
        else "",
        "Compute in bfloat16 or float32; the activations of T5 leave float16's range.",
        "The license of the weights is for whoever publishes them to state.",
    ]
    return "\n".join(f"- {line}" for line in lines if line)


def _versions(run: Path) -> str:
    path = run / "environment.json"
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        found = {}
    names = ("denoise", "git_commit", "python", "torch", "lightning", "numpy", "sentencepiece", "platform", "device")
    told = [f"{name} {found[name]}" for name in names if found.get(name)]
    return f"Trained with {', '.join(told) or 'versions not told'}; exported with denoise {__version__}."


def _count(shapes: Mapping[str, Any], name: str) -> str:
    value = shapes.get(name)
    return f"{value:,}" if isinstance(value, int) else "?"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _spread(rows: Sequence[Any], most: int) -> list[Any]:
    """At most so many rows at equal distances, the first and the last among them."""
    if len(rows) <= most:
        return list(rows)
    return [rows[number * (len(rows) - 1) // (most - 1)] for number in range(most)]
