"""Run folders with checkpoints, and checkpoints of transformers, made without training."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from data_prep.manifest import Manifest
from data_prep.tokenizer import Tokenizer
from denoise.cli import resolved
from denoise.model.config import ModelConfig
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.train.checkpoint_files import mark, name_of
from denoise.train.run_folder import RunFolder
from tests.denoise.small_models import small_config

SHAPE = {"num_encoder_layers": 3, "num_decoder_layers": 2, "max_distance": 24}
SHAPES = {"window_len": 36, "source_len": 32, "target_len": 12, "batch_size": 4, "num_steps": 90}
SHAPES |= {
    "tokens_per_step": 176,
    "budget": "16,000 tokens",
    "corruption": "span corruption (rate 0.15)",
    "parts": {"part_1": "short spans"},
}


def awake_model(config: ModelConfig, num_rows: int, seed: int = 3) -> EncoderDecoder:
    """A model whose norms differ from 1, so that a mix-up would show."""
    model = EncoderDecoder(config, num_rows, seed=seed)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 1:
                weight.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(weight.shape[0]))
    return model.eval()


def write_run(
    folder: Path,
    data: Path,
    *,
    steps: tuple[int, ...] = (60,),
    corruption: Any = None,
    num_more_rows: int = 0,
    **shape: object,
) -> EncoderDecoder:
    """A run as training leaves it after its newest step; the model of that step."""
    config = small_config(**{"positions": "t5_bias", **SHAPE, **shape})  # type: ignore[arg-type]
    values = resolved([f"--data={data}"]) | {"corruption": corruption, "model": dataclasses.asdict(config)}
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    shapes = {**SHAPES, "data_fingerprint": Manifest.read(data).fingerprint_of("train")}
    (folder / "shapes.json").write_text(json.dumps(shapes))
    lines = [
        {"kind": "held_out", "step": step, "tokens": step * 176, "loss": 6 - step / 30, "noise_bits_per_byte": 2.5}
        for step in (30, 60, 90)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for step in steps:
        model = awake_model(config, Tokenizer.load(data).vocab.size + num_more_rows, seed=step)
        state = {f"model.{name}": weight for name, weight in model.state_dict().items()}
        content = {"state_dict": state, "global_step": step, "denoise": mark(step, RunFolder(folder).config)}
        torch.save(content, folder / "checkpoints" / name_of(step))
    return model


def t5_of_transformers(folder: Path, kind: str, *, vocab_size: int = 406, is_pickled: bool = False) -> Any:
    """A small random T5 as transformers saves it: `gated` or `plain`, `tied` or `untied`, as in "gated untied"."""
    transformers = pytest.importorskip("transformers")
    feed_forward, head = kind.split()
    config = transformers.T5Config(
        vocab_size=vocab_size,
        d_model=32,
        d_kv=16,
        d_ff=64,
        num_layers=2,
        num_decoder_layers=3,
        num_heads=2,
        relative_attention_max_distance=24,
        feed_forward_proj={"gated": "gated-gelu", "plain": "relu"}[feed_forward],
        tie_word_embeddings=head == "tied",
        dropout_rate=0.1,
        decoder_start_token_id=0,
    )
    model = transformers.T5ForConditionalGeneration(config).eval()
    if head == "untied":
        model.lm_head.weight = torch.nn.Parameter(torch.empty(vocab_size, 32))
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0.1 if weight.ndim == 1 else 0.0, 0.2, generator=generator)
    model.save_pretrained(folder)
    about = json.loads((folder / "config.json").read_text())
    if head != "tied" and not about["tie_word_embeddings"]:
        raise AssertionError("transformers ties no longer always")
    if head == "untied":  # as the published v1.1 has it; transformers 5 writes true and scale_decoder_outputs
        about["tie_word_embeddings"] = False
        del about["scale_decoder_outputs"]
    (folder / "config.json").write_text(json.dumps(about))
    if is_pickled:
        (folder / "model.safetensors").unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return model
