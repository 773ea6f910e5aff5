"""A checkpoint folder as transformers writes T5, or as `denoise export` does: shape, weights, identity."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise.model.config import BadModel, ModelConfig
from denoise.train.config import BadCheckpoint

if TYPE_CHECKING:
    from torch import Tensor

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
SPIECE_FILE = "spiece.model"
OWN_TYPE = "denoise"
"""The model_type of models that transformers does not have."""
OWN_BLOCK = "denoise"
"""The key of config.json under which an export says what a T5Config has no place for."""

_FILES = (WEIGHTS_FILE, "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_FEED_FORWARDS = {"relu": "relu", "gated-gelu": "geglu"}


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A folder of weights, read as far as its shape."""

    folder: Path
    """Where it is."""
    config: ModelConfig
    """The shape; without dropout, whatever the folder says, since pretraining goes best without."""
    num_rows: int
    """Rows of the embedding; a vocabulary may have fewer ids, as T5's 32,100 in 32,128 rows."""
    is_scaled: bool
    """Whether a T5 of transformers scales before its head."""
    is_own: bool
    """Whether the weights have our names."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What config.json says; an export's own words are under OWN_BLOCK."""

    @property
    def own_words(self) -> Mapping[str, Any]:
        """What `denoise export` wrote beyond a T5Config; nothing in other folders."""
        words = self.about.get(OWN_BLOCK)
        return words if isinstance(words, dict) else {}


def read_checkpoint(folder: Path) -> Checkpoint:
    """The shape of the model in a folder. Raises BadCheckpoint, saying what is missing or not understood."""
    about = _json_of(folder / CONFIG_FILE)
    kind = about.get("model_type")
    tensors = dict(_tensors(folder, ("shared.weight", "embedding.weight", "lm_head.weight")))
    embedding = tensors.get("embedding.weight" if kind == OWN_TYPE else "shared.weight")
    if kind not in ("t5", OWN_TYPE):
        raise BadCheckpoint(f"{folder} has a model of type {kind!r}; give a T5 or an export of denoise")
    if embedding is None:
        raise BadCheckpoint(f"the weights in {folder} have no embedding; copy the checkpoint again")
    head = tensors.get("lm_head.weight")
    is_tied = head is None or (head.shape == embedding.shape and bool((head == embedding).all()))
    try:
        config = _own_shape(about) if kind == OWN_TYPE else _t5_shape(about, is_tied)
    except KeyError as error:
        raise BadCheckpoint(f"{folder / CONFIG_FILE} does not say {error.args[0]}; copy the checkpoint again") from None
    except (BadModel, TypeError, ValueError) as error:
        raise BadCheckpoint(f"{folder / CONFIG_FILE} describes no model that fits here: {error}") from None
    return Checkpoint(
        folder=folder,
        config=config,
        num_rows=len(embedding),
        is_scaled=bool(about.get("scale_decoder_outputs", about.get("tie_word_embeddings") is not False)),
        is_own=kind == OWN_TYPE,
        about=about,
    )


def state_of(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """The weights as EncoderDecoder loads them. Raises BadCheckpoint."""
    from denoise.hub.weights import from_transformers_state

    state = dict(_tensors(checkpoint.folder))
    if checkpoint.is_own:
        return state
    try:
        return from_transformers_state(state, checkpoint.config, is_scaled=checkpoint.is_scaled)
    except BadModel as error:
        raise BadCheckpoint(f"{checkpoint.folder}: {error}") from None


def fingerprint_of(folder: Path) -> str:
    """SHA-256, in hex, of the files that say what a checkpoint is: shape, weights, vocabulary."""
    total = sha256()
    for path in (folder / CONFIG_FILE, *_weight_files(folder), folder / SPIECE_FILE):
        if path.is_file():
            total.update(f"{path.name} {path.stat().st_size}\n".encode())
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    total.update(block)
    return total.hexdigest()


def _own_shape(about: Mapping[str, Any]) -> ModelConfig:
    known = {one.name for one in fields(ModelConfig)}
    unknown = set(about["model"]) - known
    if unknown:
        raise ValueError(f"{min(unknown)} is not known to this version of denoise; use a newer one")
    return ModelConfig(**{**about["model"], "dropout": 0.0})


def _t5_shape(about: Mapping[str, Any], is_tied: bool) -> ModelConfig:
    given = about.get("feed_forward_proj", "relu")
    if given not in _FEED_FORWARDS:
        raise ValueError(f"feed_forward_proj is {given!r}, and {' and '.join(_FEED_FORWARDS)} are known")
    num_layers = about["num_layers"]
    return ModelConfig(
        d_model=about["d_model"],
        num_encoder_layers=num_layers,
        num_decoder_layers=about.get("num_decoder_layers") or num_layers,
        num_heads=about["num_heads"],
        head_dim=about["d_kv"],
        d_ff=about["d_ff"],
        feed_forward=_FEED_FORWARDS[given],  # type: ignore[arg-type]
        positions="t5_bias",
        position_buckets=about.get("relative_attention_num_buckets", 32),
        max_distance=about.get("relative_attention_max_distance", 128),
        tie_head=is_tied,
        norm_epsilon=about.get("layer_norm_epsilon", 1e-6),
    )


def _json_of(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError:
        raise BadCheckpoint(
            f"{path.parent} is no checkpoint: it has no {path.name} to read; name a folder that transformers or "
            "denoise export wrote"
        ) from None
    except (ValueError, RecursionError) as error:
        raise BadCheckpoint(f"{path} is damaged ({error}); copy the checkpoint again") from None
    if not isinstance(content, dict):
        raise BadCheckpoint(f"{path} holds no mapping; copy the checkpoint again")
    return content


def _weight_files(folder: Path) -> list[Path]:
    """The file of the weights, or the files that an index names. Raises BadCheckpoint."""
    found = next((folder / name for name in _FILES if (folder / name).is_file()), None)
    if found is None:
        raise BadCheckpoint(f"{folder} has no weights: neither {WEIGHTS_FILE} nor pytorch_model.bin")
    if not found.name.endswith(".index.json"):
        return [found]
    parts = _json_of(found).get("weight_map")
    if not isinstance(parts, dict) or any("/" in str(name) for name in parts.values()):
        raise BadCheckpoint(f"{found} is damaged: it names no files; copy the checkpoint again")
    return [folder / name for name in sorted(set(map(str, parts.values())))]


def _tensors(folder: Path, only: tuple[str, ...] | None = None) -> Iterator[tuple[str, Tensor]]:
    """Names and weights of a folder, or of those few that are there. Raises BadCheckpoint."""
    for path in _weight_files(folder):
        try:
            yield from _tensors_in(path, only)
        except OSError as error:
            raise BadCheckpoint(f"{path} cannot be read ({error.strerror or error})") from None
        except Exception as error:  # torch and safetensors each have errors of their own for a damaged file
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise BadCheckpoint(f"{path} is damaged ({reason}); copy the checkpoint again") from None


def _tensors_in(path: Path, only: tuple[str, ...] | None) -> Iterator[tuple[str, Tensor]]:
    if path.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118, it is no mapping
                if only is None or name in only:
                    yield name, file.get_tensor(name)
        return
    import torch

    # weights_only: a checkpoint from elsewhere must not run code.
    for name, tensor in torch.load(path, map_location="cpu", weights_only=True).items():
        if only is None or name in only:
            yield name, tensor
