"""Plug-ins of strangers: two that keep the laws, and for each law one that breaks it and is told so."""

import random

import numpy as np
import pytest
from strategies import made_window

from corruptions import (
    Corruption,
    Example,
    SpanCorruption,
)
from corruptions.contract import check
from corruptions.letters import LETTERS
from data_prep.vocab import OutOfSentinels

EOS = np.array([LETTERS.eos], dtype=np.int32)


class Plain(Corruption):
    """A plug-in that breaks no law: it hides nothing."""

    def corrupt(self, window, draws, vocab):
        return Example(np.append(window.tokens, EOS), np.append(window.tokens, EOS))


class ReadsBackwards(Corruption):
    """A plug-in with everything a stranger may write."""

    restores = True

    def corrupt(self, window, draws, vocab):
        turned = np.append(window.tokens[::-1], EOS)
        return Example(turned, np.append(window.tokens, EOS), target_is_noise=np.zeros(len(turned), dtype=bool))

    def restore(self, example, vocab):
        return example.target[:-1]

    def hidden(self, window, draws, vocab):
        return np.zeros(len(window.tokens), dtype=bool)


@pytest.mark.parametrize("plugin", [Plain(), ReadsBackwards()], ids=["plain", "backwards"])
def test_a_plug_in_that_keeps_the_laws_passes(plugin):
    check(plugin)


def wrong(name, body):
    """A plug-in whose corrupt is `body(window, draws)`."""
    return type(name, (Corruption,), {"corrupt": lambda self, window, draws, vocab: body(window, draws)})()


def shown(tokens):
    return np.append(tokens, EOS).astype(np.int32)


def writes(window, draws):
    window.tokens[:1] = LETTERS.mask
    return Example(shown(window.tokens), shown(window.tokens))


def forces_a_write(window, draws):
    source = shown(window.tokens)
    window.protected.flags.writeable = True
    window.protected[:1] ^= True
    return Example(source, source.copy())


def uses_numpys_global_noise(window, draws):
    tokens = window.tokens.copy()
    tokens[np.random.random(len(tokens)) < 0.5] = LETTERS.mask
    return Example(shown(tokens), shown(window.tokens))


def uses_pythons_global_noise(window, draws):
    tokens = window.tokens.copy()
    random.shuffle(tokens)
    return Example(shown(tokens), shown(window.tokens))


def counts_its_calls(window, draws, calls=iter(range(4, 10**6))):  # noqa: B008 (the state is the bug)
    return Example(shown([4 + next(calls) % 50]), shown([]))


def reuses_a_sentinel(window, draws):
    first = LETTERS.sentinels[0]
    ends = [LETTERS.eos] * int(window.protected.sum())
    return Example(shown([first, *ends, 4, first]), shown([first, 4, first]))


def puts_the_sentinel_behind_its_span(window, draws):
    first = LETTERS.sentinels[0]
    ends = [LETTERS.eos] * int(window.protected.sum())
    return Example(shown([*ends, first]), shown([4, first]))


def ends_twice(window, draws):
    return Example(shown(shown(window.tokens)), shown([]))


def pads(window, draws):
    return Example(shown([*window.tokens, LETTERS.pad]), shown([]))


def leaves_the_vocabulary(window, draws):
    return Example(shown([*window.tokens, LETTERS.size]), shown([]))


def is_too_long(window, draws):
    return Example(shown([*window.tokens, 4, 4]), shown([]))


def gives_int64(window, draws):
    return Example(np.append(window.tokens, EOS).astype(np.int64), shown([]))


def leaks(window, draws):
    return Example(shown(window.tokens), window.tokens.copy(), decoder_input=window.tokens.copy())


def forgets_a_position(window, draws):
    return Example(shown(window.tokens), shown([4]), target_positions=np.zeros(1, dtype=np.int32))


def hands_out_a_view(window, draws):
    return Example(shown(window.tokens), window.tokens[:])


def says_two_ends(window, draws):
    return Example(shown(window.tokens), shown(shown(window.tokens)))


def counts_positions_from_minus_one(window, draws):
    target = shown(window.tokens)
    return Example(target.copy(), target, target_positions=np.arange(-1, len(target) - 1, dtype=np.int32))


def needs_two_tokens(window, draws):
    return Example(shown([*window.tokens[:-2], window.tokens[-2], window.tokens[-1]]), shown([]))


def runs_out_of_sentinels_at_once(window, draws):
    raise OutOfSentinels("span 1 of a window has no sentinel")


def makes_a_token_unknown(window, draws):
    return Example(shown([*window.tokens[1:], LETTERS.unk]), shown([]))


def gives_the_answer_away(window, draws):
    return Example(shown([LETTERS.control("[YES]"), *window.tokens]), shown([]))


def says_its_mode_last(window, draws):
    return Example(shown([*window.tokens, LETTERS.control("[R]")]), shown([]))


def separates_the_target(window, draws):
    return Example(shown(window.tokens), shown([LETTERS.control("[SEP]")]))


def counts_sentinels_down_from_the_last_id(window, draws):
    first = LETTERS.sentinels[0]
    return Example(shown([first, *window.tokens, first - 1]), shown([first, 4, first - 1]))


BROKEN = {
    writes: "the window is never written to",
    forces_a_write: "the window is never written to",
    uses_numpys_global_noise: "global generators are not used",
    uses_pythons_global_noise: "global generators are not used",
    counts_its_calls: "one address gives one example",
    reuses_a_sentinel: "the sentinels of an example differ",
    puts_the_sentinel_behind_its_span: "each span of a target follows its own sentinel",
    ends_twice: "one eos is put at the end",
    pads: "no pad is in",
    leaves_the_vocabulary: "ids lie inside the vocabulary",
    is_too_long: "lengths stay within longest",
    gives_int64: "arrays are one-dimensional",
    leaks: "a decoder never reads what it must say",
    forgets_a_position: "as long as the target",
    hands_out_a_view: "the window is never handed out",
    says_two_ends: "a target has at most one eos more than its window",
    counts_positions_from_minus_one: "positions are 0 or more",
    needs_two_tokens: "every window gives an example",
    runs_out_of_sentinels_at_once: "every window gives an example",
    makes_a_token_unknown: "no text is made unknown",
    gives_the_answer_away: "a mode begins a source, .SEP. divides it, and an answer begins a target",
    says_its_mode_last: "a mode begins a source, .SEP. divides it, and an answer begins a target",
    separates_the_target: "a mode begins a source, .SEP. divides it, and an answer begins a target",
    counts_sentinels_down_from_the_last_id: "sentinels that run out are reported, never made up",
}


@pytest.mark.parametrize(("body", "law"), BROKEN.items(), ids=[body.__name__ for body in BROKEN])
def test_each_broken_law_is_named(body, law):
    plugin = wrong("Wrong", body)
    # a plug-in that says nothing of its lengths would stumble over that law first
    if body is not is_too_long:
        type(plugin).longest = lambda self, window_len: SpanCorruption().longest(window_len + 1000)
    before = random.getstate(), np.random.get_state()[1].tolist()
    with pytest.raises(AssertionError, match=f'breaks ".*{law}.*" at seed 0, epoch 0, window'):
        check(plugin, windows=[made_window(1), made_window(8), made_window(24, document_len=6)])
    if "global" not in law:
        assert (random.getstate(), np.random.get_state()[1].tolist()) == before
