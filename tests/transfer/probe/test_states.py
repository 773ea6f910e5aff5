"""The vectors that probes see: a word's own, of a frozen encoder, whatever stands in the batch beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from data_prep.tokenizer import Tokenizer
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.transfer.probe.checkpoints import digest_of
from denoise.transfer.probe.states import encoded, layer_names, layer_states
from tests.denoise.small_models import small_config

TEXTS = (
    ("The", "committee", "unquestionably", "considered", "the", "treaty", "."),
    ("«", "Ça", "va", "?", "»", "—", "naïve", "人民", "😀", "n't"),
    ("Yes",),
    ("A", "remembrance", "of", "three", "letters", ",", "twice", "!") * 3,
)


@pytest.fixture(scope="module")
def tokenizer(prepared: Path) -> Tokenizer:
    return Tokenizer.load(prepared)


@pytest.fixture
def model(tokenizer: Tokenizer) -> EncoderDecoder:
    vocab = tokenizer.vocab
    return EncoderDecoder(small_config(num_encoder_layers=2, dropout=0.5), vocab.size, pad_id=vocab.pad, seed=3)


def test_pieces_do_not_reach_across_words(tokenizer: Tokenizer) -> None:
    """Part by part or as one text: the ids are the same, so where a word begins is no matter of opinion."""
    found = encoded(TEXTS, tokenizer, 1000)
    for parts, ids, starts in zip(TEXTS, found.ids, found.starts, strict=True):
        assert ids[:-1].tolist() == tokenizer.encode(" ".join(parts)).tolist()
        assert ids[-1] == tokenizer.vocab.eos
        assert starts.tolist() == [len(tokenizer.encode(" ".join(parts[:place]))) for place in range(len(parts) + 1)]
    assert max(np.diff(found.starts[0])) > 2  # words of several pieces are among them


def test_the_vector_of_a_word_is_the_mean_over_its_own_pieces_in_every_layer(
    tokenizer: Tokenizer, model: EncoderDecoder
) -> None:
    layers = layer_states(model, encoded(TEXTS, tokenizer, 1000))
    assert len(layers) == len(layer_names(model.config)) == 4
    place = 0
    model.eval()
    for parts in TEXTS:
        ids = torch.tensor([[*tokenizer.encode(" ".join(parts)).tolist(), tokenizer.vocab.eos]])
        with torch.no_grad():
            by_hand = model.encode(ids)[0].numpy()
        end = 0
        for number, part in enumerate(parts):
            begin, end = end, len(tokenizer.encode(" ".join(parts[: number + 1])))
            embedded = model.embedding.weight.detach().numpy()[tokenizer.encode(part)].mean(0)
            np.testing.assert_allclose(layers[0][place], embedded, atol=1e-5, err_msg=part)
            np.testing.assert_allclose(layers[-1][place], by_hand[begin:end].mean(0), atol=1e-5, err_msg=part)
            place += 1
    assert all(len(layer) == place for layer in layers)


def test_a_layer_is_what_the_layer_below_the_norm_gives(tokenizer: Tokenizer, model: EncoderDecoder) -> None:
    found = encoded([("Yes",)], tokenizer, 1000)
    below, normed = layer_states(model, found)[-2:]
    assert len(found.starts[0]) == 2
    if found.starts[0][1] == 1:
        expected = model.encoder.norm(torch.from_numpy(below)).detach().numpy()
        np.testing.assert_allclose(normed, expected, atol=1e-5)
    assert not np.allclose(below, normed, atol=1e-3)


def test_what_stands_beside_a_text_changes_nothing(tokenizer: Tokenizer, model: EncoderDecoder) -> None:
    """Padding does not leak: alone, all at once and in another order are the same."""
    found = encoded(TEXTS, tokenizer, 1000)
    one_by_one = layer_states(model, found, tokens_at_once=1)
    at_once = layer_states(model, found, tokens_at_once=10_000)
    backwards = layer_states(model, encoded(TEXTS[::-1], tokenizer, 1000))
    ends = np.cumsum([0, *map(len, TEXTS)])
    for one, other, back in zip(one_by_one, at_once, backwards, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
        turned = np.concatenate([one[ends[place] : ends[place + 1]] for place in reversed(range(len(TEXTS)))])
        np.testing.assert_allclose(turned, back, atol=1e-5)


def test_the_encoder_is_frozen(tokenizer: Tokenizer, model: EncoderDecoder) -> None:
    """Nothing is drawn by dropout, no gradient is kept, no weight moves, nothing stays hooked to the model."""
    model.train()
    before, found = digest_of(model.state_dict()), encoded(TEXTS, tokenizer, 1000)
    one, other = layer_states(model, found), layer_states(model, found)
    assert all((a == b).all() for a, b in zip(one, other, strict=True))
    assert model.training and digest_of(model.state_dict()) == before
    assert all(weight.grad is None for weight in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_words_that_are_cut_off_are_told_and_have_no_vector(tokenizer: Tokenizer, model: EncoderDecoder) -> None:
    found = encoded([("Yes", "", "the", "committee"), ("Yes",)], tokenizer, 1 + len(tokenizer.encode("Yes the")))
    assert found.is_read.tolist() == [True, False, True, False, True]
    assert found.num_cut == 1
    assert all(len(layer) == 3 for layer in layer_states(model, found))


def test_a_digest_tells_weights_apart(model: EncoderDecoder) -> None:
    before = digest_of(model.state_dict())
    with torch.no_grad():
        model.encoder.norm.weight[3] += 1e-6
    assert digest_of(model.state_dict()) != before
