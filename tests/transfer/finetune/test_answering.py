"""A label's likelihood is that of teacher forcing, and what is written is what greedy writing gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from denoise.feed.batch import IGNORED, Batch
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.model.generate import Writing, generate
from denoise.transfer.finetune.answering import judge, mean_nats
from tests.denoise.small_models import EOS, behind_pad, ids, places, small_model

LABELS = [np.array(label, dtype=np.int32) for label in ([7], [7, 8], [9, 10, 11], [], [30, 31])]


def sources(num_rows: int = 4) -> Batch:
    mask = torch.arange(9) < torch.tensor([[9], [5], [7], [9]])[:num_rows]
    source = ids(num_rows, 9, seed=2).masked_fill(~mask, 0)
    nothing = torch.full((num_rows, 1), EOS)
    return Batch(source, mask, behind_pad(nothing), places(num_rows, 1), nothing)


def forced(model: EncoderDecoder, batch: Batch, label: np.ndarray) -> torch.Tensor:
    target = torch.tensor([*label.tolist(), EOS]).expand(len(batch.source), -1)
    asked = batch._replace(
        decoder_input=behind_pad(target), decoder_positions=places(*target.shape), target=target.contiguous()
    )
    return model.token_nats(asked).sum(1)


@pytest.mark.parametrize("positions", ["rope", "t5_bias"])
def test_a_label_costs_what_teacher_forcing_says_whatever_stands_beside_it(positions: str) -> None:
    model, batch = small_model(positions).eval(), sources()
    together = judge(model, batch, LABELS, EOS).nats
    alone = torch.stack([forced(model, batch, label) for label in LABELS], 1)
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


def test_a_label_of_several_tokens_costs_their_sum_and_not_their_mean() -> None:
    model, batch = small_model().eval(), sources()
    nats = judge(model, batch, LABELS, EOS).nats
    assert bool((nats[:, 2] > nats[:, 0] + 2).all())  # two tokens more, about ln 96 each


def test_of_labels_that_are_as_likely_the_first_is_taken() -> None:
    model, batch = small_model(head_init=0.0).eval(), sources()
    nats = judge(model, batch, [LABELS[4], LABELS[1], LABELS[0]], EOS).nats
    torch.testing.assert_close(nats[:, 0], nats[:, 1])
    assert nats[:, :2].argmin(1).tolist() == [0, 0, 0, 0]


def test_more_labels_than_letters() -> None:
    model, batch = small_model().eval(), sources()
    labels = [np.array([10 + number, 60 - number], dtype=np.int32)[: 1 + number % 2] for number in range(26)]
    nats = judge(model, batch, labels, EOS).nats
    assert nats.shape == (4, 26)
    torch.testing.assert_close(nats[:, 25], forced(model, batch, labels[25]), rtol=1e-5, atol=1e-5)


def test_what_is_judged_to_be_written_is_what_greedy_writing_gives() -> None:
    found = 0
    for seed in range(6):
        model, batch = small_model(seed=seed, head_init=3.0).eval(), sources()
        with torch.no_grad():
            model.head.weight[EOS] *= 3  # type: ignore[union-attr]
        rows = generate(model, batch.source, batch.source_mask, writing=Writing(max_new_tokens=4, eos=EOS)).tolist()
        texts = [row[: row.index(EOS)] if EOS in row else None for row in rows]
        labels = [np.array(text, dtype=np.int32) for text in {tuple(t) for t in texts if t is not None}] + LABELS[2:3]
        is_written = judge(model, batch, labels, EOS).is_written
        assert is_written.sum(1).tolist() == [int(text is not None) for text in texts]
        for row, text in enumerate(texts):
            if text is not None:
                assert labels[int(is_written[row].int().argmax())].tolist() == text
                found += 1
    assert found > 3


def test_the_loss_is_the_mean_over_said_tokens_of_all_batches() -> None:
    model = small_model().eval()
    target = ids(4, 3, seed=5)
    target[1:, 2] = IGNORED
    batch = sources()._replace(decoder_input=behind_pad(target), decoder_positions=places(4, 3), target=target)
    nats = model.token_nats(batch)
    one, rest = batch._replace(**halves(batch, slice(0, 1))), batch._replace(**halves(batch, slice(1, 4)))
    assert mean_nats(model, [one, rest]) == pytest.approx(float(nats.sum()) / 9, rel=1e-5)


def halves(batch: Batch, rows: slice) -> dict[str, torch.Tensor]:
    return {name: value[rows] for name, value in batch._asdict().items() if value is not None}
