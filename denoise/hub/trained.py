"""A trained model with its tokenizer, out of a run folder, an export or a T5 checkpoint of transformers."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml

from data_prep.manifest import BadStore, Manifest
from data_prep.tokenizer import BadTokenizer, Tokenizer
from denoise.hub.checkpoint import CONFIG_FILE, read_checkpoint
from denoise.hub.objective import Objective, objective_in, objective_of_run
from denoise.hub.start import load_weights
from denoise.hub.vocabulary import tokenizer_of
from denoise.model.config import BadModel, ModelConfig
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.train.checkpoint_files import newest_usable
from denoise.train.config import BadCheckpoint, RunConfig
from denoise.train.run_folder import RunFolder

_MODEL_PREFIX = "model."


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model as it was left, and what is needed to use it."""

    model: EncoderDecoder
    """On the CPU, in float32, not training."""
    tokenizer: Tokenizer
    """Text to ids and back; a model may have more rows than its vocabulary has ids."""
    objective: Objective
    """What it answers to a text with marks."""
    step: int = 0
    """Training steps done; 0 where the folder does not say."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """config.yaml of a run; empty for a checkpoint folder."""
    shapes: Mapping[str, Any] = field(default_factory=dict)
    """shapes.json of a run; empty for a checkpoint folder."""
    data: Manifest | None = None
    """What the tokens of a run say of themselves."""


def load_trained(folder: Path, data: Path | None = None) -> Trained:
    """A run folder at its newest checkpoint, or a checkpoint folder; `data`: where the run's tokens are now.

    Raises BadCheckpoint, naming the file that is missing or damaged.
    """
    if not folder.is_dir():
        raise BadCheckpoint(f"{folder} is no folder; name a run of denoise train, or a checkpoint folder")
    if (folder / "config.yaml").is_file():
        return _from_run(folder, data)
    if not (folder / CONFIG_FILE).is_file():
        raise BadCheckpoint(
            f"{folder} is neither a run (no config.yaml) nor a checkpoint folder (no {CONFIG_FILE}); name one of them"
        )
    checkpoint = read_checkpoint(folder)
    words = checkpoint.own_words
    tokenizer = tokenizer_of(folder, words.get("vocab"))
    if tokenizer.vocab.size > checkpoint.num_rows:
        # T5's own rows end behind its sentinels where nothing was padded.
        raise BadCheckpoint(f"{folder} has {checkpoint.num_rows:,} rows, fewer than {tokenizer.vocab.size:,} ids")
    model = EncoderDecoder(checkpoint.config, checkpoint.num_rows, pad_id=tokenizer.vocab.pad)
    load_weights(model, checkpoint)
    objective = objective_in(words.get("objective", {}))
    return Trained(model=model.eval(), tokenizer=tokenizer, objective=objective, step=int(words.get("step", 0)))


def run_config_of(folder: Path) -> RunConfig:
    """The values that a run was begun with, its corruption built."""
    from denoise.cli import run_options
    from denoise.command_line import parsed, value_of

    return value_of(RunConfig, parsed(run_options(), ["-c", str(folder / "config.yaml")])[1])


def _from_run(folder: Path, data: Path | None) -> Trained:
    config, shapes = _mapping(folder / "config.yaml"), _mapping(folder / "shapes.json")
    manifest, tokenizer = _data_of(folder, Path(data or config.get("data") or ""), shapes)
    try:
        model_config = ModelConfig(**config["model"])
    except (KeyError, TypeError, BadModel) as error:
        raise BadCheckpoint(f"{folder / 'config.yaml'} describes no model of this version ({error})") from None
    # Damaged ones are told of and passed over, as a run that goes on does.
    path = newest_usable(RunFolder(folder).checkpoints, None, tell=lambda sentence: print(sentence, file=sys.stderr))
    if path is None:
        raise BadCheckpoint(f"{folder} has no checkpoint yet; train further, the first comes after save_every steps")
    step, state = read_weights(path)
    model = EncoderDecoder(model_config, len(state["embedding.weight"]), pad_id=tokenizer.vocab.pad)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise BadCheckpoint(
            f"{path} does not fit config.yaml beside it ({str(error).splitlines()[-1].strip()})"
        ) from None
    return Trained(
        model=model.eval(),
        tokenizer=tokenizer,
        objective=objective_of_run(config, shapes, folder),
        step=step,
        config=config,
        shapes=shapes,
        data=manifest,
    )


def read_weights(path: Path) -> tuple[int, dict[str, torch.Tensor]]:
    """The step of a checkpoint and the model's weights in it."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    state = content["state_dict"]
    weights = {name.removeprefix(_MODEL_PREFIX): state[name] for name in state if name.startswith(_MODEL_PREFIX)}
    return int(content["global_step"]), weights


def _data_of(folder: Path, data: Path, shapes: Mapping[str, Any]) -> tuple[Manifest, Tokenizer]:
    """Manifest and tokenizer of the run's tokens, which may lie elsewhere now. Raises BadCheckpoint."""
    try:
        manifest, tokenizer = Manifest.read(data), Tokenizer.load(data)
    except (BadStore, BadTokenizer) as error:
        raise BadCheckpoint(f"the vocabulary of {folder} is in its data: {error}; --data names the folder") from None
    trained_on = shapes.get("data_fingerprint")
    if trained_on is not None and manifest.fingerprint_of("train") != trained_on:
        raise BadCheckpoint(f"{folder} was trained on other tokens than {data} has now; name its own with --data")
    return manifest, tokenizer


def _mapping(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise BadCheckpoint(f"{path} cannot be read ({error.strerror}); train further") from None
    except (ValueError, yaml.YAMLError) as error:
        raise BadCheckpoint(f"{path} is damaged ({str(error).splitlines()[0]})") from None
    if not isinstance(content, dict):
        raise BadCheckpoint(f"{path} holds no mapping")
    return content
