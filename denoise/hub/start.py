"""What a run starts from: fresh weights, or those of a checkpoint whose vocabulary is that of the tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_prep.tokenizer import Tokenizer
from data_prep.vocab import Vocab
from denoise.hub.checkpoint import SPIECE_FILE, Checkpoint, fingerprint_of, read_checkpoint, state_of
from denoise.hub.vocabulary import pieces_of, t5_sentinels, vocab_words
from denoise.model.config import ModelConfig
from denoise.train.config import BadCheckpoint, BadRun, RunConfig

if TYPE_CHECKING:
    from denoise.model.encoder_decoder import EncoderDecoder

_NOT_IN_WEIGHTS = ("dropout", "head_init")


def with_shape_of_init(config: RunConfig, values: Mapping[str, Any]) -> tuple[RunConfig, dict[str, Any]]:
    """A run and its plain values with the model of the checkpoint it starts from, if it names one.

    Raises BadRun if a shape is given too and is another, BadCheckpoint for a folder that is none.
    """
    if config.init is None:
        return config, dict(values)
    found = read_checkpoint(Path(config.init)).config
    model = replace(found, **{name: getattr(config.model, name) for name in _NOT_IN_WEIGHTS})
    default = ModelConfig()
    differing = [
        f"{one.name} is {getattr(config.model, one.name)!r} here and {getattr(model, one.name)!r} there"
        for one in fields(ModelConfig)
        if getattr(config.model, one.name) not in (getattr(default, one.name), getattr(model, one.name))
    ]
    if differing:
        raise BadRun(
            f"the model is that of init, {config.init}, and another is given ({'; '.join(differing)}); "
            "leave --model out, or start without init"
        )
    return replace(config, model=model), {**values, "model": asdict(model)}


def starting_model(config: RunConfig, tokenizer: Tokenizer) -> EncoderDecoder:
    """The model before the first step. Raises BadCheckpoint if the checkpoint does not fit run and tokens."""
    from denoise.model.encoder_decoder import EncoderDecoder

    vocab = tokenizer.vocab
    if config.init is None:
        return EncoderDecoder(config.model, vocab.size, pad_id=vocab.pad, seed=config.seed)
    checkpoint = read_checkpoint(Path(config.init))
    check_vocabulary(checkpoint, tokenizer, config.data)
    config = with_shape_of_init(config, {})[0]
    model = EncoderDecoder(config.model, checkpoint.num_rows, pad_id=vocab.pad, seed=config.seed)
    load_weights(model, checkpoint)
    return model


def load_weights(model: EncoderDecoder, checkpoint: Checkpoint) -> None:
    """Give a model the weights of a checkpoint. Raises BadCheckpoint, naming the first that does not fit."""
    given, wanted = state_of(checkpoint), model.state_dict()
    for name in sorted({*given, *wanted}):
        if name not in given or name not in wanted or given[name].shape != wanted[name].shape:
            raise BadCheckpoint(f"{checkpoint.folder}: its weights do not fit its config.json, the first is {name}")
    model.load_state_dict(given)


def check_vocabulary(checkpoint: Checkpoint, tokenizer: Tokenizer, data: str) -> None:
    """Raise BadCheckpoint unless every id of the tokens means to the checkpoint what it means to the run."""
    folder, vocab = checkpoint.folder, tokenizer.vocab
    if vocab.size > checkpoint.num_rows:
        raise BadCheckpoint(
            f"{data} has a vocabulary of {vocab.size:,} ids, {folder} an embedding of {checkpoint.num_rows:,} rows; "
            f"{_advice(folder)}"
        )
    pieces = pieces_of(folder)
    if pieces is not None:
        _check_pieces(pieces, tokenizer, folder, data)
    words = checkpoint.own_words.get("vocab")
    if words is None:
        _check_t5_ids(checkpoint, vocab, data)
        return
    mine = vocab_words(vocab)
    name = next((name for name in mine if words.get(name) != mine[name]), None)
    if name is not None:
        sentinels = len(words.get("sentinels", ()))
        raise BadCheckpoint(f"{name} of {data} and of {folder} differ; {_advice(folder)} --num_sentinels {sentinels}")


def _check_pieces(pieces: list[str], tokenizer: Tokenizer, folder: Path, data: str) -> None:
    text_ids = tokenizer.vocab.text_ids
    if text_ids.stop != len(pieces):
        raise BadCheckpoint(f"{data} has {text_ids.stop:,} pieces, {folder} has {len(pieces):,}; {_advice(folder)}")
    for id in text_ids:
        if tokenizer.piece(id) != pieces[id]:
            given = f"id {id} is {tokenizer.piece(id)!r} in {data} and {pieces[id]!r} in {folder}"
            raise BadCheckpoint(f"{given}; {_advice(folder)}")


def _check_t5_ids(checkpoint: Checkpoint, vocab: Vocab, data: str) -> None:
    """The special ids of a T5: pad and eos as in its config.json, sentinels right above its pieces."""
    folder, about = checkpoint.folder, checkpoint.about
    wanted = {"pad": about.get("pad_token_id", 0), "eos": about.get("eos_token_id", 1)}
    wanted["pad"] = about.get("decoder_start_token_id") or wanted["pad"]
    for name, id in wanted.items():
        if getattr(vocab, name) != id:
            raise BadCheckpoint(
                f"{name} is id {getattr(vocab, name)} in {data} and {id} in {folder}; {_advice(folder)}"
            )
    sentinels = t5_sentinels(folder, vocab.text_ids.stop)
    if vocab.sentinels != sentinels:
        raise BadCheckpoint(
            f"{data} has {len(vocab.sentinels)} sentinels, {folder} has {len(sentinels)}, and <extra_id_0> would be "
            f"another id; prepare the text with --num_sentinels {len(sentinels)}"
        )


def init_fingerprint(config: RunConfig, run: Path) -> str | None:
    """What the checkpoint that a run starts from is; None for fresh weights.

    Raises BadRun if the run in this folder was begun from something else.
    """
    if config.init is None:
        return None
    now = fingerprint_of(Path(config.init))
    shapes = run / "shapes.json"
    before = json.loads(shapes.read_text()).get("init_fingerprint") if shapes.exists() else now
    if before != now:
        raise BadRun(
            f"{run} was begun from other weights than {config.init} has now (fingerprint {str(before)[:10]} then, "
            f"{now[:10]} now); put them back, or choose another folder with --run"
        )
    return now


def _advice(folder: Path) -> str:
    return f"prepare the text with its vocabulary: denoise prepare TEXT --out DATA --tokenizer {folder / SPIECE_FILE}"
