"""`denoise export`: transformers opens what is written, and nothing half-written is ever there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from data_prep.files import InUse, only_one
from denoise.hub import load
from denoise.hub.export import BadExport, export
from denoise.model.generate import Writing, generate
from denoise.train.config import BadCheckpoint
from tests.denoise.exports import write_run
from tests.denoise.small_models import padded, text_batch

BATCH = padded(text_batch(3, 40, 30), 9, 5)


def opened(out: Path, **options: object):
    transformers = pytest.importorskip("transformers")
    return transformers.AutoModelForSeq2SeqLM.from_pretrained(out, **options).eval()


def logits_of(theirs) -> torch.Tensor:
    with torch.no_grad():
        return theirs(
            input_ids=BATCH.source,
            attention_mask=BATCH.source_mask.long(),
            decoder_input_ids=BATCH.decoder_input,
            use_cache=False,
        ).logits[BATCH.target >= 0]


def our_logits(model) -> torch.Tensor:
    with torch.no_grad():
        return model.logits(BATCH)[BATCH.target >= 0]


@pytest.fixture
def run(tmp_path: Path, prepared: Path) -> Path:
    write_run(tmp_path / "run", prepared)
    return tmp_path / "run"


@pytest.mark.parametrize("feed_forward", ["geglu", "relu"])
@pytest.mark.parametrize("tie_head", [False, True])
def test_transformers_opens_an_export_and_has_our_logits(tmp_path, prepared, tie_head, feed_forward):
    model = write_run(tmp_path / "run", prepared, tie_head=tie_head, feed_forward=feed_forward)
    export(tmp_path / "run", tmp_path / "out")
    theirs = opened(tmp_path / "out")
    torch.testing.assert_close(logits_of(theirs), our_logits(model), atol=1e-5, rtol=1e-5)
    assert (theirs.lm_head.weight is theirs.shared.weight) is tie_head


@pytest.mark.parametrize("tie_head", [False, True])
def test_what_transformers_saves_again_still_has_our_logits(tmp_path, prepared, tie_head):
    model = write_run(tmp_path / "run", prepared, tie_head=tie_head)
    export(tmp_path / "run", tmp_path / "out")
    opened(tmp_path / "out").save_pretrained(tmp_path / "again")
    torch.testing.assert_close(logits_of(opened(tmp_path / "again")), our_logits(model), atol=1e-5, rtol=1e-5)


def test_transformers_writes_what_we_write(tmp_path, run):
    trained = export(run, tmp_path / "out")
    source = BATCH.source[:, :40]
    ours = generate(trained.model, source, writing=Writing(max_new_tokens=12, eos=1))
    theirs = opened(tmp_path / "out").generate(source)  # how long and with which start is in generation_config.json
    assert theirs[:, 0].eq(0).all()
    assert torch.equal(theirs[:, 1:], ours)


def test_rows_without_an_id_are_never_written_by_transformers(tmp_path, prepared):
    write_run(tmp_path / "run", prepared, num_more_rows=60)
    vocab_size = export(tmp_path / "run", tmp_path / "out").tokenizer.vocab.size
    theirs = opened(tmp_path / "out")
    with torch.no_grad():
        theirs.lm_head.weight[vocab_size:] *= 100
    assert theirs.generate(BATCH.source).max() < vocab_size == theirs.config.vocab_size - 60


def test_bfloat16_is_half_the_size_and_opens_as_such(tmp_path, run):
    whole, half = tmp_path / "whole", tmp_path / "half"
    export(run, whole)
    export(run, half, dtype="bfloat16")
    sizes = [(out / "model.safetensors").stat().st_size for out in (whole, half)]
    assert sizes[1] / sizes[0] == pytest.approx(0.5, abs=0.05)
    theirs = opened(half)
    assert theirs.shared.weight.dtype == torch.bfloat16
    error = (logits_of(theirs.float()) - logits_of(opened(whole))).abs().max() / logits_of(opened(whole)).abs().max()
    assert 0 < error < 0.05


@pytest.mark.parametrize("options", [{}, {"rope_in_cross": True}, {"tie_head": True, "feed_forward": "relu"}])
def test_rope_models_are_opened_by_our_loader_and_the_card_says_so(tmp_path, prepared, options):
    model = write_run(tmp_path / "run", prepared, positions="rope", **options)
    export(tmp_path / "run", tmp_path / "out")
    trained = load(tmp_path / "out")
    assert torch.equal(our_logits(trained.model), our_logits(model))
    card = (tmp_path / "out" / "README.md").read_text()
    assert "transformers has no model with these positions" in card
    assert "AutoModelForSeq2SeqLM" not in card


def test_an_export_is_opened_by_our_loader_too(tmp_path, run):
    trained = export(run, tmp_path / "out")
    again = load(tmp_path / "out")
    torch.testing.assert_close(our_logits(again.model), our_logits(trained.model), atol=1e-6, rtol=1e-6)
    assert again.tokenizer.fingerprint == trained.tokenizer.fingerprint
    assert again.objective == trained.objective


def test_the_newest_checkpoint_of_an_unfinished_run_is_taken(tmp_path, prepared):
    model = write_run(tmp_path / "run", prepared, steps=(30, 60))
    trained = export(tmp_path / "run", tmp_path / "out")
    assert trained.step == 60
    assert torch.equal(trained.model.embedding.weight, model.embedding.weight)


def test_the_card_tells_what_was_trained(tmp_path, run, prepared):
    export(run, tmp_path / "my_model")
    card = (tmp_path / "my_model" / "README.md").read_text()
    _, matter, body = card.split("---\n", 2)
    assert yaml.safe_load(matter)["library_name"] == "transformers"
    for said in (
        "span corruption (rate 0.15, mean span length 3.0)",
        "Step 60 of 90: 10,560 encoder and decoder tokens of a budget of 16,000 tokens",
        "at step 60: 4.0000 nats a target token and 2.500 bits a byte of hidden text",  # not that of step 90
        "| 5,280 | 5.000 | 2.500 |",
        json.loads((run / "shapes.json").read_text())["data_fingerprint"],
        "corpus.jsonl",
        "denoise train --init my_model",
    ):
        assert said in body, said


def test_programs_of_the_card_run(tmp_path, run):
    pytest.importorskip("transformers")
    export(run, tmp_path / "out")
    program = (tmp_path / "out" / "README.md").read_text().split("```python\n")[1].split("```")[0]
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path, prepared, capsys):
    write_run(tmp_path / "run", prepared, steps=(30, 60))
    newest = tmp_path / "run" / "checkpoints" / "step-000000060.ckpt"
    newest.write_bytes(newest.read_bytes()[:1000])
    assert export(tmp_path / "run", tmp_path / "out").step == 30
    assert re.search(r"step-000000060\.ckpt is damaged .*; going on from the one before", capsys.readouterr().err)
    (tmp_path / "run" / "checkpoints" / "step-000000030.ckpt").write_bytes(b"")
    with pytest.raises(BadCheckpoint, match=r"no checkpoint in .* can be used"):
        export(tmp_path / "run", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_run_without_a_checkpoint_is_told_from_a_folder_that_is_none(tmp_path, run):
    next((run / "checkpoints").iterdir()).unlink()
    with pytest.raises(BadCheckpoint, match="has no checkpoint yet"):
        export(run, tmp_path / "out")
    with pytest.raises(BadCheckpoint, match=r"neither a run .* nor a checkpoint folder"):
        export(tmp_path, tmp_path / "out")


def test_data_that_moved_is_found_and_other_data_refused(tmp_path, prepared, run):
    config = run / "config.yaml"
    config.write_text(config.read_text().replace(str(prepared), "/nowhere"))
    with pytest.raises(BadCheckpoint, match="--data names the folder"):
        export(run, tmp_path / "out")
    export(run, tmp_path / "out", data=prepared)
    shapes = json.loads((run / "shapes.json").read_text())
    (run / "shapes.json").write_text(json.dumps({**shapes, "data_fingerprint": "f" * 64}))
    with pytest.raises(BadCheckpoint, match="trained on other tokens"):
        export(run, tmp_path / "out", data=prepared)


def test_a_folder_with_foreign_files_is_refused_and_kept(tmp_path, run):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(BadExport, match=r"such as notes\.txt; name a new folder"):
        export(run, out)
    assert (out / "notes.txt").read_text() == "mine"


def test_an_export_that_was_trained_on_is_not_replaced(tmp_path, run):
    out = tmp_path / "out"
    export(run, out)
    opened(out).save_pretrained(out)
    with pytest.raises(BadExport, match=r"no export of a run, such as model\.safetensors"):
        export(run, out)


def test_an_earlier_export_is_replaced_and_nothing_is_left_beside(tmp_path, run):
    out = tmp_path / "out"
    export(run, out)
    export(run, out, dtype="bfloat16")
    assert json.loads((out / "config.json").read_text())["dtype"] == "bfloat16"
    assert {path.name for path in tmp_path.iterdir()} == {"run", "out"}


def test_an_export_that_fails_leaves_the_earlier_one(tmp_path, run, monkeypatch):
    out = tmp_path / "out"
    export(run, out)
    before = (out / "model.safetensors").read_bytes()

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device", "README.md")

    monkeypatch.setattr("denoise.hub.export.card", full_disk)
    with pytest.raises(OSError, match="No space left"):
        export(run, out, dtype="bfloat16")
    assert (out / "model.safetensors").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"run", "out"}


def test_what_an_export_killed_between_its_renames_left_is_put_right(tmp_path, run, monkeypatch):
    out, scratch = tmp_path / "out", tmp_path / ".out.part"
    export(run, out)
    (scratch / "new").mkdir(parents=True)
    out.rename(scratch / "old")
    monkeypatch.setattr("denoise.hub.export.card", None)
    with pytest.raises(TypeError):
        export(run, out)  # even where the next one fails, the earlier export is back
    assert load(out).step == 60
    assert {path.name for path in tmp_path.iterdir()} == {"run", "out"}


def test_two_exports_to_one_folder_do_not_mix(tmp_path, run):
    with only_one(tmp_path / ".out.part"), pytest.raises(InUse):
        export(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_files_may_be_read_by_those_who_may_read_the_card(tmp_path, run):
    export(run, tmp_path / "out")
    assert len({path.stat().st_mode for path in (tmp_path / "out").iterdir()}) == 1
