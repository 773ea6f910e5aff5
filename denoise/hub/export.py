"""A trained model as a folder that transformers opens, whole or not there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch

from data_prep.errors import BadInput
from data_prep.files import only_one, sync_folder, write_json, write_whole
from denoise import __version__
from denoise.hub.card import card
from denoise.hub.checkpoint import CONFIG_FILE, OWN_BLOCK, OWN_TYPE, WEIGHTS_FILE
from denoise.hub.objective import objective_words
from denoise.hub.trained import Trained, load_trained
from denoise.hub.vocabulary import BACKEND_FILE, SPIECE_FILE, TOKENIZER_CONFIG_FILE, tokenizer_files, vocab_words
from denoise.hub.weights import to_transformers_state

CARD_FILE, GENERATION_FILE = "README.md", "generation_config.json"
_FILES = (
    *(CONFIG_FILE, WEIGHTS_FILE, GENERATION_FILE, CARD_FILE),
    *(SPIECE_FILE, BACKEND_FILE, TOKENIZER_CONFIG_FILE),
)
_EXPORTED_BY = "exported_by"

Dtype = Literal["float32", "bfloat16"]


class BadExport(BadInput):
    """A run that cannot be exported, or a folder that must not be written to."""


def export(run: Path, out: Path, *, dtype: Dtype = "float32", data: Path | None = None) -> Trained:
    """Write a run's newest checkpoint to `out`; return what was written.

    `out` appears at once and whole, in the place of an earlier export if it is one. Raises BadExport,
    BadCheckpoint.
    """
    _demand_free(out)
    trained = load_trained(run, data)
    if trained.data is None:
        raise BadExport(f"{run} is a checkpoint folder already; name a run of denoise train")
    with _appearing(out) as new:
        write_json(new / CONFIG_FILE, model_config(trained, dtype))
        _write_weights(trained, new / WEIGHTS_FILE, dtype, run)
        shutil.copymode(new / CONFIG_FILE, new / WEIGHTS_FILE)  # safetensors lets nobody else read its files
        write_json(new / GENERATION_FILE, generation_config(trained))
        for name, content in tokenizer_files(trained.tokenizer).items():
            write_whole(new / name, content)
        write_whole(new / CARD_FILE, card(trained, run, out.name, dtype))
    return trained


def model_config(trained: Trained, dtype: Dtype) -> dict[str, Any]:
    """config.json: a T5Config, or our own where transformers has no such model."""
    model, vocab = trained.model, trained.tokenizer.vocab
    shape = model.config
    common = {
        "vocab_size": model.vocab_size,
        "dtype": dtype,
        "pad_token_id": vocab.pad,
        "eos_token_id": vocab.eos,
        "decoder_start_token_id": vocab.pad,
        "is_encoder_decoder": True,
    }
    own = {
        "version": __version__,
        "vocab": vocab_words(vocab),
        "objective": objective_words(trained.objective),
        "step": trained.step,
    }
    if shape.positions != "t5_bias":
        return {"model_type": OWN_TYPE, **common, "model": asdict(shape), OWN_BLOCK: own}
    return {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        **common,
        "d_model": shape.d_model,
        "d_kv": shape.head_dim,
        "d_ff": shape.d_ff,
        "num_layers": shape.num_encoder_layers,
        "num_decoder_layers": shape.num_decoder_layers,
        "num_heads": shape.num_heads,
        "relative_attention_num_buckets": shape.position_buckets,
        "relative_attention_max_distance": shape.max_distance,
        "feed_forward_proj": "gated-gelu" if shape.feed_forward == "geglu" else "relu",
        "layer_norm_epsilon": shape.norm_epsilon,
        "dropout_rate": shape.dropout,
        # False: the head, whose weights differ from the embedding's, stays its own, and nothing is scaled.
        "tie_word_embeddings": shape.tie_head,
        "use_cache": True,
        OWN_BLOCK: own,
    }


def generation_config(trained: Trained) -> dict[str, Any]:
    """generation_config.json: how a target starts and ends, and how long one was at most."""
    vocab = trained.tokenizer.vocab
    # Rows without an id, of a checkpoint that the run began with, have no text.
    without_id = list(range(vocab.size, trained.model.vocab_size))
    return {
        "decoder_start_token_id": vocab.pad,
        "eos_token_id": vocab.eos,
        "pad_token_id": vocab.pad,
        "max_new_tokens": trained.objective.num_target_tokens,
        **({"suppress_tokens": without_id} if without_id else {}),
    }


def _write_weights(trained: Trained, path: Path, dtype: Dtype, run: Path) -> None:
    model, number_format = trained.model, getattr(torch, dtype)
    if model.config.positions == "t5_bias":
        state = to_transformers_state(model)
        # transformers makes these from the embedding, and a tied head too.
        aliases = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"]
        for name in [*aliases, *(["lm_head.weight"] if model.config.tie_head else [])]:
            del state[name]
    else:
        state = {name: weight.detach() for name, weight in model.state_dict().items()}
    state = {name: weight.to(number_format).contiguous() for name, weight in state.items()}
    about = {"format": "pt", _EXPORTED_BY: f"denoise {__version__}", "run": run.name, "step": str(trained.step)}
    _safetensors().torch.save_file(state, path, metadata=about)
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _demand_free(out: Path) -> None:
    """Raise BadExport unless `out` may be written: not there, empty, or an export as it was written."""
    if out.exists() and not out.is_dir():
        raise BadExport(f"{out} is a file; name a new folder")
    names = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if names and not (names <= set(_FILES) and _is_export(out / WEIGHTS_FILE)):
        others = sorted(names - set(_FILES)) or [WEIGHTS_FILE]
        raise BadExport(f"{out} holds files that are no export of a run, such as {others[0]}; name a new folder")


def _is_export(weights: Path) -> bool:
    """Whether these weights were written by `export`, and not by who has trained on since."""
    try:
        with _safetensors().safe_open(weights, framework="pt") as file:
            return _EXPORTED_BY in (file.metadata() or {})
    except Exception:  # not there, or damaged: not ours to replace
        return False


@contextmanager
def _appearing(out: Path) -> Iterator[Path]:
    """A folder beside `out` to fill, which then takes its name; what a killed export left is cleared away.

    Raises InUse if another process writes the same export.
    """
    out = out.absolute()
    scratch = out.parent / f".{out.name}.part"
    with only_one(scratch):
        old, new = scratch / "old", scratch / "new"
        if old.is_dir() and not out.exists():
            os.replace(old, out)  # an export killed between its two renames
        for left in (old, new):
            shutil.rmtree(left, ignore_errors=True)
        new.mkdir()
        try:
            yield new
            sync_folder(new)
            _demand_free(out)  # again: others may have written there meanwhile
            if out.is_dir():
                os.replace(out, old)
            os.replace(new, out)
            sync_folder(out.parent)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.torch
    except ImportError:
        raise BadExport("export needs safetensors; run: pip install 'denoise[hub]'") from None
    return safetensors


def described(out: Path) -> str:
    """One line about an export: its files' size, and what opens it."""
    own = json.loads((out / CONFIG_FILE).read_bytes())["model_type"] == OWN_TYPE
    size = sum(path.stat().st_size for path in out.iterdir()) / 1e6
    opener = f'denoise.hub.load("{out}")' if own else f'AutoModelForSeq2SeqLM.from_pretrained("{out}")'
    return f"{out}: {size:,.1f} MB; open: {opener}"
