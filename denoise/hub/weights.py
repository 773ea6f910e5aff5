"""T5 weights of transformers, in and out.

transformers keeps every matrix apart and names them by place; here the matrices that read the same input are
one. transformers itself is not imported: its state is a dictionary of tensors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from denoise.model.config import BadModel, ModelConfig
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.model.layers import Projection

Pair = tuple[str, tuple[str, ...]]
"""Our name of a weight, and transformers' names of the matrices it is made of, in order."""

# The first checkpoints of T5 carry a table of positions for cross attention, which nothing reads.
_UNUSED_BIAS = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"


def _attention(ours: str, theirs: str) -> Iterator[Pair]:
    yield (
        f"{ours}.self_attention.qkv.weight",
        tuple(f"{theirs}.SelfAttention.{part}.weight" for part in "qkv"),
    )
    yield f"{ours}.self_attention.out.weight", (f"{theirs}.SelfAttention.o.weight",)
    yield f"{ours}.norm_self.weight", (f"{theirs}.layer_norm.weight",)


def _feed_forward(ours: str, theirs: str, config: ModelConfig) -> Iterator[Pair]:
    if config.feed_forward == "geglu":
        gate_value = tuple(f"{theirs}.DenseReluDense.wi_{part}.weight" for part in "01")
        yield f"{ours}.feed_forward.gate_value.weight", gate_value
    else:
        yield f"{ours}.feed_forward.hidden.weight", (f"{theirs}.DenseReluDense.wi.weight",)
    yield f"{ours}.feed_forward.out.weight", (f"{theirs}.DenseReluDense.wo.weight",)
    yield f"{ours}.norm_feed_forward.weight", (f"{theirs}.layer_norm.weight",)


def _cross_attention(ours: str, theirs: str) -> Iterator[Pair]:
    yield f"{ours}.cross_attention.query.weight", (f"{theirs}.EncDecAttention.q.weight",)
    yield f"{ours}.cross_attention.out.weight", (f"{theirs}.EncDecAttention.o.weight",)
    yield f"{ours}.norm_cross.weight", (f"{theirs}.layer_norm.weight",)


def names(config: ModelConfig) -> Iterator[Pair]:
    """Every weight of an EncoderDecoder with t5_bias, under both names.

    >>> theirs = dict(names(ModelConfig(positions="t5_bias")))
    >>> for name in theirs["encoder.layers.1.self_attention.qkv.weight"]:
    ...     print(name)
    encoder.block.1.layer.0.SelfAttention.q.weight
    encoder.block.1.layer.0.SelfAttention.k.weight
    encoder.block.1.layer.0.SelfAttention.v.weight
    """
    yield "embedding.weight", ("shared.weight",)
    for stack in ("encoder", "decoder"):
        bias = f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        yield f"{stack}.bias.table", (bias,)
        yield f"{stack}.norm.weight", (f"{stack}.final_layer_norm.weight",)
    for number in range(config.num_encoder_layers):
        ours, theirs = f"encoder.layers.{number}", f"encoder.block.{number}.layer"
        yield from _attention(ours, f"{theirs}.0")
        yield from _feed_forward(ours, f"{theirs}.1", config)
    cross = []
    for number in range(config.num_decoder_layers):
        ours, theirs = f"decoder.layers.{number}", f"decoder.block.{number}.layer"
        yield from _attention(ours, f"{theirs}.0")
        yield from _cross_attention(ours, f"{theirs}.1")
        yield from _feed_forward(ours, f"{theirs}.2", config)
        cross += [f"{theirs}.1.EncDecAttention.{part}.weight" for part in "kv"]
    yield "decoder.cross_keys_values.weight", tuple(cross)
    if not config.tie_head:
        yield "head.weight", ("lm_head.weight",)


def _final_norm_ratio(config: ModelConfig, is_scaled: bool) -> float:
    # Before the head transformers scales by d_model^-0.5 or not at all, and this model by 1 / d_model where
    # the head is tied; the decoder's last norm takes up the difference.
    theirs = config.d_model**-0.5 if is_scaled else 1.0
    return theirs * config.d_model if config.tie_head else theirs


def from_transformers_state(
    state: Mapping[str, Tensor], config: ModelConfig, *, is_scaled: bool | None = None
) -> dict[str, Tensor]:
    """Turn the state of a T5ForConditionalGeneration into one that EncoderDecoder loads.

    `is_scaled` tells whether it scales before its head, `scale_decoder_outputs` in its config; None: where
    the head is tied, as in the published v1.0 (tied) and v1.1 (untied).

    Raises BadModel if the config's positions are not T5's, or if weights are missing, left over or of another
    shape, naming the first of them.
    """
    if config.positions != "t5_bias":
        raise BadModel(f"positions is {config.positions!r}; weights from transformers need t5_bias")
    # Copies of the embedding, which transformers stores under more than one name.
    leftover = set(state) - {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight", _UNUSED_BIAS}
    converted = {}
    for ours, theirs in names(config):
        missing = [name for name in theirs if name not in state]
        if missing:
            raise BadModel(f"the weights lack {missing[0]}; is the config that of this checkpoint?")
        converted[ours] = torch.cat([state[name] for name in theirs])
        leftover -= set(theirs)
    if config.tie_head:
        leftover.discard("lm_head.weight")
    if leftover:
        raise BadModel(
            f"the config has no place for {min(leftover)} and {len(leftover) - 1} more; is it that of this checkpoint?"
        )
    ratio = _final_norm_ratio(config, config.tie_head if is_scaled is None else is_scaled)
    converted["decoder.norm.weight"] = converted["decoder.norm.weight"].float() * ratio
    _check_shapes(converted, config)
    return converted


def _check_shapes(converted: Mapping[str, Tensor], config: ModelConfig) -> None:
    with torch.device("meta"):
        expected = EncoderDecoder(config, len(converted["embedding.weight"])).state_dict()
    for name, weight in converted.items():
        given, needed = tuple(weight.shape), tuple(expected[name].shape)
        if given != needed:
            raise BadModel(f"{name} would have shape {given}; the config needs {needed}")


def to_transformers_state(model: EncoderDecoder) -> dict[str, Tensor]:
    """Turn a model into the state of a T5ForConditionalGeneration, with tensors of its own.

    It is to be scaled before the head where the head is tied, and not where it is not: that is what
    `tie_word_embeddings` decides in its config.json. An untied head is kept apart by transformers 5 only where
    it is loaded from a file together with an embedding that differs; T5Config itself ties always.

    Raises BadModel if the model's positions are not T5's.
    """
    if model.config.positions != "t5_bias":
        raise BadModel(
            f"the model's positions are {model.config.positions!r}, which transformers' T5 does not have; "
            "train with positions=t5_bias to export it"
        )
    weights = {name: weight.detach() for name, weight in model.state_dict().items()}
    fused = {f"{name}.weight": module for name, module in model.named_modules() if isinstance(module, Projection)}
    state: dict[str, Tensor] = {}
    for ours, theirs in names(model.config):
        parts = fused[ours].matrices() if ours in fused else (weights[ours],)
        state |= {name: part.detach().clone() for name, part in zip(theirs, parts, strict=True)}
    state["decoder.final_layer_norm.weight"] /= _final_norm_ratio(model.config, model.config.tie_head)
    for alias in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight"):
        state[alias] = state["shared.weight"]
    if model.config.tie_head:
        state["lm_head.weight"] = state["shared.weight"]
    return state
