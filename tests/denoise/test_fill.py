"""`denoise generate`: what a model says is put where it belongs."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from data_prep.tokenizer import Tokenizer
from denoise import cli
from denoise.hub.export import export
from denoise.hub.fill import fill
from denoise.hub.marks import BadText
from denoise.hub.objective import Objective, corruption_from, objective_of
from denoise.hub.options import GenerateConfig
from denoise.hub.trained import Trained
from denoise.model.encoder_decoder import EncoderDecoder
from tests.denoise.exports import write_run
from tests.denoise.small_models import small_config

MASS = {"class_path": "corruptions.MaskedFragment"}
TEXT = "The committee <extra_id_0> the treaty <extra_id_1>."


@pytest.fixture(scope="module")
def tokenizer(prepared: Path) -> Tokenizer:
    return Tokenizer.load(prepared)


class Saying:
    """A model that says given ids, and what it was asked with."""

    def __init__(self, tokenizer: Tokenizer, answer: str, monkeypatch: pytest.MonkeyPatch, **about: object) -> None:
        objective = Objective(answer=answer, description="a corruption", **about)  # type: ignore[arg-type]
        model = EncoderDecoder(small_config(), tokenizer.vocab.size)
        self.trained = Trained(model=model, tokenizer=tokenizer, objective=objective)
        self.asked: dict = {}
        monkeypatch.setattr("denoise.hub.fill.generate", self._generate)

    def _generate(self, model: object, source: torch.Tensor, **options: object) -> torch.Tensor:
        self.asked = {"source": source[0].tolist(), **options}
        return torch.tensor([self.ids])

    def says(self, *parts: str | int) -> Saying:
        encode = self.trained.tokenizer.encode
        self.ids = [id for part in parts for id in ([part] if isinstance(part, int) else encode(part).tolist())]
        return self

    def filled(self, text: str, **options: object) -> list[tuple[str, bool]]:
        [answer] = fill(self.trained, text, GenerateConfig(**options))  # type: ignore[arg-type]
        return answer.pieces


def test_spans_are_put_into_the_places_of_their_sentinels(tokenizer, monkeypatch):
    first, second = tokenizer.vocab.sentinels[:2]
    model = Saying(tokenizer, "spans", monkeypatch).says(first, "refused", second, "after the war", tokenizer.vocab.eos)
    assert model.filled(TEXT) == [
        ("The committee ", False),
        ("refused", True),
        (" the treaty ", False),
        ("after the war", True),
        (".", False),
    ]


def test_spans_find_their_places_in_any_order(tokenizer, monkeypatch):
    first, second = tokenizer.vocab.sentinels[:2]
    model = Saying(tokenizer, "spans", monkeypatch).says(second, "refused", first, "twice")
    text = "The committee <extra_id_1> the treaty <extra_id_0>."
    assert "".join(piece for piece, _ in model.filled(text)) == "The committee refused the treaty twice."


def test_a_mark_that_nothing_was_said_of_stays_and_an_empty_span_leaves_one_space(tokenizer, monkeypatch):
    model = Saying(tokenizer, "spans", monkeypatch).says(tokenizer.vocab.sentinels[0], tokenizer.vocab.eos)
    assert "".join(piece for piece, _ in model.filled(TEXT)) == "The committee the treaty <extra_id_1>."


def test_what_is_said_behind_the_end_is_not_shown(tokenizer, monkeypatch):
    vocab = tokenizer.vocab
    model = Saying(tokenizer, "spans", monkeypatch).says(vocab.sentinels[0], "refused", vocab.eos, vocab.pad, vocab.pad)
    assert model.filled("A <extra_id_0>")[-1] == ("refused", True)


def test_of_a_whole_text_what_the_source_lacks_is_the_models(tokenizer, monkeypatch):
    model = Saying(tokenizer, "text", monkeypatch).says("The committee refused the treaty.", tokenizer.vocab.eos)
    pieces = model.filled("The committee <mask> the treaty.")
    assert "".join(piece for piece, _ in pieces) == "The committee refused the treaty."
    assert [piece.strip() for piece, is_written in pieces if is_written] == ["refused"]


def test_a_continuation_follows_the_text(tokenizer, monkeypatch):
    model = Saying(tokenizer, "continuation", monkeypatch).says("twice.", tokenizer.vocab.eos)
    assert model.filled("The committee refused") == [("The committee refused", False), (" twice.", True)]


def test_a_fragment_is_written_from_the_token_before_its_masks_and_at_their_place(tokenizer, monkeypatch):
    model = Saying(tokenizer, "fragment", monkeypatch).says("refused the treaty")
    pieces = model.filled("The committee <mask> twice.", max_new_tokens=5)
    before = tokenizer.encode("The committee").tolist()
    source, mask = model.asked["source"], tokenizer.vocab.mask
    assert source == [*before, *[mask] * 5, *tokenizer.encode("twice.").tolist(), tokenizer.vocab.eos]
    assert model.asked["start"].tolist() == before[-1:]
    assert model.asked["positions_start"].tolist() == [len(before)]
    assert (model.asked["writing"].max_new_tokens, model.asked["writing"].eos) == (5, None)
    assert pieces == [("The committee ", False), ("refused the treaty", True), (" twice.", False)]


def test_a_fragment_of_several_masks_has_their_number_of_tokens(tokenizer, monkeypatch):
    model = Saying(tokenizer, "fragment", monkeypatch).says("refused")
    model.filled("<mask> <mask> <mask> twice.")
    assert model.asked["writing"].max_new_tokens == 3
    assert model.asked["start"].tolist() == [tokenizer.vocab.pad]
    with pytest.raises(BadText, match="one fragment of a text"):
        model.filled("<mask> twice <mask>")


def test_the_mode_of_a_run_stands_before_the_text_unless_the_text_has_one(tokenizer, monkeypatch):
    model = Saying(tokenizer, "spans", monkeypatch, mode="[X]").says(tokenizer.vocab.eos)
    for text, mode in ((TEXT, "[X]"), (f"[R] {TEXT}", "[R]")):
        model.filled(text)
        assert model.asked["source"][0] == tokenizer.vocab.control(mode)


def test_ids_above_the_vocabulary_are_not_written(tokenizer, monkeypatch):
    model = Saying(tokenizer, "spans", monkeypatch).says(tokenizer.vocab.eos)
    model.filled(TEXT)
    assert model.asked["writing"].num_ids == tokenizer.vocab.size


@pytest.mark.parametrize(
    ("answer", "text", "said"),
    [
        ("spans", "The committee", "mark what it shall fill with <extra_id_0>"),
        ("spans", "The <mask> committee", "mark what it shall fill with <extra_id_0>"),
        ("fragment", "The committee", "put one <mask> where it shall write"),
        ("text", "  ", "there is no text"),
    ],
)
def test_a_text_without_what_the_model_needs_is_refused(tokenizer, monkeypatch, answer, text, said):
    with pytest.raises(BadText, match=said):
        Saying(tokenizer, answer, monkeypatch).says().filled(text)


@pytest.mark.parametrize(
    ("corruption", "answer", "mode"),
    [
        (None, "spans", None),
        ("TextInfilling", "text", None),
        ("TokenDeletion", "text", None),
        (MASS, "fragment", None),
        ("PrefixLM", "continuation", None),
        ("SentenceOrder", "words", None),
        ({"class_path": "Prefixed", "init_args": {"mode": "[X]", "corruption": "SpanCorruption"}}, "spans", "[X]"),
    ],
)
def test_every_corruption_tells_what_its_model_answers(corruption, answer, mode):
    found = objective_of(corruption_from(corruption), 64)
    assert (found.answer, found.mode) == (answer, mode)


def test_a_run_and_its_export_give_the_same_text(tmp_path, prepared, capsys):
    write_run(tmp_path / "run", prepared, positions="rope")
    export(tmp_path / "run", tmp_path / "out")
    shown = []
    for folder in (tmp_path / "run", tmp_path / "out"):
        cli.run(["generate", str(folder), TEXT, "--temperature=1", "--num=3", "--json", "--max-new-tokens=9"])
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    rows = [json.loads(line) for line in shown[0].splitlines()]
    assert [row["number"] for row in rows] == [0, 1, 2]
    assert len({row["said"] for row in rows}) == 3
    assert rows[0].keys() == {"text", "number", "filled", "said", "spans"}


def test_a_t5_checkpoint_without_words_of_ours_is_asked_for_spans(tmp_path, prepared, capsys):
    write_run(tmp_path / "run", prepared)
    export(tmp_path / "run", tmp_path / "out")
    about = json.loads((tmp_path / "out" / "config.json").read_text())
    del about["denoise"]
    (tmp_path / "out" / "config.json").write_text(json.dumps(about))
    cli.run(["generate", str(tmp_path / "out"), TEXT, "--max_new_tokens=4"])
    assert capsys.readouterr().out.startswith("The committee")


def test_standard_input_has_a_text_a_line_and_a_pipe_gets_plain_text(tmp_path, prepared, monkeypatch, capsys):
    write_run(tmp_path / "run", prepared)
    monkeypatch.setattr(sys, "stdin", io.StringIO("A <extra_id_0> one.\n\nThe <extra_id_0> other.\n"))
    cli.run(["generate", str(tmp_path / "run"), "--max_new_tokens=3"])
    out = capsys.readouterr().out
    assert out.startswith("A ") and "\nThe " in out and "\x1b" not in out


def test_options_may_stand_anywhere_and_a_text_may_begin_with_a_dash(tmp_path, prepared, capsys):
    write_run(tmp_path / "run", prepared)
    run, text = str(tmp_path / "run"), "- A <extra_id_0>."
    for arguments in (["--max_new_tokens", "3", run, text], [run, "--max-new-tokens=3", text], [run, text, "--json"]):
        cli.run(["generate", *arguments])
        assert "- A " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "A <extra_id_0>"], "nowhere is no folder"),
        (["nowhere", "A", "--num=2"], "all would be the same; set a temperature"),
        (["nowhere", "A", "--top_p=2", "--temperature=1"], "nowhere is no folder"),
        (["nowhere", "A", "--tempature=1"], "did you mean --temperature"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(arguments, said):
    with pytest.raises(Exception, match=said):
        cli.run(["generate", *arguments])


def test_help_of_both_commands_comes_without_torch():
    program = (
        "import sys, contextlib, io\nfrom denoise import cli\n"
        "for name in ('generate', 'export'):\n"
        "    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "        cli.run([name, '--help'])\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], cwd=Path(cli.__file__).parents[1], check=False).returncode == 0
    )
