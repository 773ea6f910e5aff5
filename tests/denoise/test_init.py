"""`--init`: a run goes on from a checkpoint of transformers or of ours, and from no other than it began with."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch

from data_prep.tokenizer import Tokenizer
from denoise import cli
from denoise.feed.batch import Batch
from denoise.hub.checkpoint import fingerprint_of, read_checkpoint
from denoise.hub.export import export
from denoise.hub.start import check_vocabulary, init_fingerprint, starting_model, with_shape_of_init
from denoise.model.config import ModelConfig
from denoise.model.generate import Writing, generate
from denoise.train.config import BadCheckpoint, BadRun, RunConfig
from denoise.train.pretrain import pretrain
from tests.denoise.exports import t5_of_transformers, write_run
from tests.denoise.small_models import padded, text_batch
from tests.denoise.test_export_tokenizer import shared_data

BATCH = padded(text_batch(3, 20, 15), 4, 3)
KINDS = ["gated untied", "gated tied", "plain untied", "plain tied"]


def config_from(folder: Path, **options: object) -> RunConfig:
    return with_shape_of_init(RunConfig(init=str(folder), **options), {})[0]  # type: ignore[arg-type]


def their_loss(model, batch: Batch) -> float:
    with torch.no_grad():
        answer = model(
            input_ids=batch.source,
            attention_mask=batch.source_mask.long(),
            decoder_input_ids=batch.decoder_input,
            labels=batch.target,
        )
    return answer.loss.item()


def first_loss(folder: Path, tokenizer: Tokenizer) -> float:
    model = starting_model(config_from(folder), tokenizer)
    with torch.no_grad():
        return model(BATCH).nats_per_token.item()


@pytest.fixture(scope="module")
def tokenizer(prepared: Path) -> Tokenizer:
    return Tokenizer.load(prepared)


@pytest.mark.parametrize("is_pickled", [False, True], ids=["safetensors", "bin"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_first_loss_is_that_of_transformers(tmp_path, tokenizer, kind, is_pickled):
    theirs = t5_of_transformers(tmp_path / "t5", kind, is_pickled=is_pickled)
    assert first_loss(tmp_path / "t5", tokenizer) == pytest.approx(their_loss(theirs, BATCH), rel=1e-6)


@pytest.mark.parametrize("kind", ["gated untied", "gated tied"])
def test_what_transformers_5_saves_as_tied_yet_unscaled_is_understood(tmp_path, tokenizer, kind):
    theirs = t5_of_transformers(tmp_path / "t5", kind)
    theirs.config.scale_decoder_outputs = kind == "gated tied" and not theirs.config.scale_decoder_outputs
    theirs.save_pretrained(tmp_path / "t5")
    about = json.loads((tmp_path / "t5" / "config.json").read_text())
    assert (about["tie_word_embeddings"], about["scale_decoder_outputs"]) == (True, False)
    assert first_loss(tmp_path / "t5", tokenizer) == pytest.approx(their_loss(theirs, BATCH), rel=1e-6)


def test_pickles_of_the_years_before_zip_and_weights_in_parts_are_read(tmp_path, tokenizer):
    theirs = t5_of_transformers(tmp_path / "t5", "plain tied", is_pickled=True)
    whole = tmp_path / "t5" / "pytorch_model.bin"
    state = theirs.state_dict()
    torch.save(state, whole, _use_new_zipfile_serialization=False)  # as the first published T5s are
    assert first_loss(tmp_path / "t5", tokenizer) == pytest.approx(their_loss(theirs, BATCH), rel=1e-6)
    parts = {name: f"part-{number % 2}.bin" for number, name in enumerate(state)}
    for part in set(parts.values()):
        torch.save({name: state[name] for name in state if parts[name] == part}, tmp_path / "t5" / part)
    whole.unlink()
    (tmp_path / "t5" / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": parts}))
    assert first_loss(tmp_path / "t5", tokenizer) == pytest.approx(their_loss(theirs, BATCH), rel=1e-6)


@pytest.mark.parametrize("positions", ["t5_bias", "rope"])
def test_an_export_goes_in_again(tmp_path, prepared, tokenizer, positions):
    model = write_run(tmp_path / "run", prepared, positions=positions, tie_head=True)
    export(tmp_path / "run", tmp_path / "out")
    back = starting_model(config_from(tmp_path / "out"), tokenizer)
    with torch.no_grad():
        torch.testing.assert_close(back(BATCH).nats, model(BATCH).nats, rtol=1e-6, atol=0)


def test_the_shape_is_the_checkpoints_and_dropout_the_runs(tmp_path):
    t5_of_transformers(tmp_path, "plain tied")
    config, values = with_shape_of_init(RunConfig(init=str(tmp_path), model=ModelConfig(dropout=0.2)), {})
    assert (config.model.d_model, config.model.num_decoder_layers, config.model.feed_forward) == (32, 3, "relu")
    assert (config.model.tie_head, config.model.positions, config.model.max_distance) == (True, "t5_bias", 24)
    assert config.model.dropout == 0.2  # a published T5 says 0.1, which is for fine-tuning
    assert values["model"] == dataclasses.asdict(config.model)


def test_a_shape_that_differs_is_refused_and_the_same_accepted(tmp_path):
    t5_of_transformers(tmp_path, "gated tied")
    shape = config_from(tmp_path).model
    assert config_from(tmp_path, model=shape).model == shape
    with pytest.raises(BadRun, match=r"another is given \(d_ff is 65 here and 64 there\)"):
        config_from(tmp_path, model=dataclasses.replace(shape, d_ff=65))


def test_the_command_line_takes_the_shape_from_the_checkpoint(tmp_path):
    t5_of_transformers(tmp_path, "plain tied")
    assert cli.resolved([f"--init={tmp_path}"])["model"]["d_ff"] == 64


def test_rows_above_the_vocabulary_are_kept_and_never_written(tmp_path, tokenizer):
    t5_of_transformers(tmp_path, "gated untied", vocab_size=450)
    model = starting_model(config_from(tmp_path), tokenizer)
    assert model.vocab_size == 450
    with torch.no_grad():
        model.head.weight[420:] = 100.0 * model.head.weight[420:]
    for temperature in (0.0, 5.0):
        free, kept = (
            generate(model, BATCH.source, writing=Writing(max_new_tokens=30, temperature=temperature, num_ids=num_ids))
            for num_ids in (None, tokenizer.vocab.size)
        )
        assert free.max() >= 420 > kept.max()


def test_t5s_own_vocabulary_fits_into_its_published_rows():
    vocab = Tokenizer.from_sentencepiece(shared_data() / "vocab" / "t5-spiece.model").vocab
    assert vocab.sentinels == tuple(range(32099, 31999, -1))
    assert (vocab.pad, vocab.eos, vocab.unk) == (0, 1, 2)
    assert vocab.size <= 32128


def t5_folder(tmp_path: Path, tokenizer: Tokenizer, **about: object) -> Path:
    """A checkpoint of these pieces, as T5's are published."""
    t5_of_transformers(tmp_path / "t5", "gated tied", vocab_size=450)
    (tmp_path / "t5" / "spiece.model").write_bytes(tokenizer.model)
    config = json.loads((tmp_path / "t5" / "config.json").read_text())
    (tmp_path / "t5" / "config.json").write_text(json.dumps({**config, **about}))
    return tmp_path / "t5"


def test_tokens_of_the_same_vocabulary_fit(tmp_path, tokenizer):
    check_vocabulary(read_checkpoint(t5_folder(tmp_path, tokenizer)), tokenizer, "data")


def test_tokens_of_other_pieces_are_refused(tmp_path, tokenizer):
    folder = t5_folder(tmp_path, tokenizer)
    piece = max((tokenizer.piece(id) for id in tokenizer.vocab.text_ids if tokenizer.piece(id).isalpha()), key=len)
    other = piece[1:] + piece[0]
    (folder / "spiece.model").write_bytes(tokenizer.model.replace(piece.encode(), other.encode()))
    with pytest.raises(BadCheckpoint, match=rf"in data and '.?{other}' in .*--tokenizer .*spiece\.model"):
        check_vocabulary(read_checkpoint(folder), tokenizer, "data")


def test_tokens_with_another_number_of_sentinels_are_refused(tmp_path, tokenizer):
    folder = t5_folder(tmp_path, tokenizer)
    (tmp_path / "spm.model").write_bytes(tokenizer.model)
    fewer = Tokenizer.from_sentencepiece(tmp_path / "spm.model", num_sentinels=20)
    with pytest.raises(BadCheckpoint, match=r"data has 20 sentinels, .* prepare the text with --num_sentinels 100"):
        check_vocabulary(read_checkpoint(folder), fewer, "data")


def test_more_ids_than_rows_are_refused(tmp_path, tokenizer):
    t5_of_transformers(tmp_path, "gated tied", vocab_size=400)
    with pytest.raises(BadCheckpoint, match=r"a vocabulary of 406 ids, .* an embedding of 400 rows"):
        starting_model(config_from(tmp_path), tokenizer)


def test_another_end_is_refused(tmp_path, tokenizer):
    with pytest.raises(BadCheckpoint, match="eos is id 1 in data and 7 in"):
        check_vocabulary(read_checkpoint(t5_folder(tmp_path, tokenizer, eos_token_id=7)), tokenizer, "data")


def test_a_vocabulary_that_differs_from_an_exports_is_refused(tmp_path, prepared, tokenizer):
    write_run(tmp_path / "run", prepared)
    export(tmp_path / "run", tmp_path / "out")
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    config["denoise"]["vocab"]["mask"] -= 1
    (tmp_path / "out" / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadCheckpoint, match=r"mask of data and of .* differ"):
        check_vocabulary(read_checkpoint(tmp_path / "out"), tokenizer, "data")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "mt5"}, "a model of type 'mt5'; give a T5"),
        ({"feed_forward_proj": "gated-silu"}, "feed_forward_proj is 'gated-silu'"),
        ({"num_heads": None}, "describes no model that fits"),
        ({"d_ff": 65}, r"gate_value.weight would have shape \(128, 32\); the config needs \(130, 32\)"),
        ({"num_layers": 1}, "no place for encoder.block.1"),
    ],
)
def test_checkpoints_that_do_not_fit_say_why(tmp_path, tokenizer, change, said):
    folder = t5_folder(tmp_path, tokenizer, **change)
    with pytest.raises(BadCheckpoint, match=said):
        starting_model(config_from(folder), tokenizer)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "config.json"])
def test_a_damaged_checkpoint_is_named(tmp_path, name):
    t5_of_transformers(tmp_path, "gated tied", is_pickled=name.endswith("bin"))
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:100])
    with pytest.raises(BadCheckpoint, match=f"{name} is damaged"):
        config_from(tmp_path)


def test_a_pickle_that_would_run_code_does_not(tmp_path):
    t5_of_transformers(tmp_path, "gated tied", is_pickled=True)

    class Harm:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "harm",))

    torch.save({"shared.weight": Harm()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(BadCheckpoint, match="is damaged"):
        config_from(tmp_path)
    assert not (tmp_path / "harm").exists()


def test_other_weights_under_the_same_name_are_refused(tmp_path):
    t5_of_transformers(tmp_path / "t5", "gated tied")
    config, run = RunConfig(init=str(tmp_path / "t5")), tmp_path / "run"
    run.mkdir()
    (run / "shapes.json").write_text(json.dumps({"init_fingerprint": fingerprint_of(tmp_path / "t5")}))
    assert init_fingerprint(config, run) is not None
    t5_of_transformers(tmp_path / "t5", "gated untied")
    with pytest.raises(BadRun, match="was begun from other weights"):
        init_fingerprint(config, run)


@pytest.mark.slow
def test_a_resumed_run_goes_on_from_its_checkpoint_and_not_from_init(tmp_path, prepared, tokenizer):
    t5_folder(tmp_path, tokenizer)
    options = {"data": str(prepared), "source_len": 32, "batch_size": 4, "budget_tokens": 2200, "num_evaluations": 2}
    options |= {"num_held_out_windows": 8, "num_reconstructions": 1, "save_every": 4, "tracking": "off", "log_every": 1}
    config, whole, broken = config_from(tmp_path / "t5", **options), tmp_path / "whole", tmp_path / "broken"
    values = {"init": str(tmp_path / "t5")}
    pretrain(config, whole, resolved=values)
    losses = [row["loss"] for row in map(json.loads, (whole / "metrics.jsonl").open()) if row["kind"] == "train"]
    assert losses[-1] < losses[0]
    shutil.copytree(whole, broken)
    (broken / "done.json").unlink()
    checkpoints = sorted((broken / "checkpoints").iterdir())
    checkpoints[-1].unlink()
    pretrain(config, broken, resolved=values)
    weights = [
        torch.load(run / "checkpoints" / checkpoints[-1].name, weights_only=True)["state_dict"]
        for run in (whole, broken)
    ]
    assert all(torch.equal(weight, weights[1][name]) for name, weight in weights[0].items())
