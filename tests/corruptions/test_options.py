"""What a user can get wrong is answered in one sentence; options come from the command line and from YAML."""

import pytest
from jsonargparse import ArgumentParser

from corruptions import (
    BadCorruption,
    Chain,
    Corruption,
    Draws,
    Example,
    Linear,
    MaskedFragment,
    Mixture,
    Prefixed,
    SentencePermutation,
    SpanCorruption,
    TextInfilling,
    TokenDeletion,
    TokenMasking,
)
from corruptions.letters import window_of
from data_prep.vocab import Vocab


class Whole(Corruption):
    """A plug-in that plans nothing."""

    def corrupt(self, window, draws, vocab):
        return Example(window.tokens.copy(), window.tokens.copy())


DECAY = Linear(start=0.3, end=0.15, num_steps=10)
NOT_A_RATE = "it must be a number above 0 and below 1"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpanCorruption(rate=0.0), f"rate of SpanCorruption is 0.0; {NOT_A_RATE}"),
        (lambda: SpanCorruption(rate=15), f"rate of SpanCorruption is 15; {NOT_A_RATE}"),
        (lambda: TextInfilling(rate=float("nan")), f"rate of TextInfilling is nan; {NOT_A_RATE}"),
        (lambda: TokenDeletion(rate=1.0), f"rate of TokenDeletion is 1.0; {NOT_A_RATE}"),
        (lambda: TokenMasking(rate="0.3"), f"rate of TokenMasking is '0.3'; {NOT_A_RATE}"),
        (lambda: MaskedFragment(rate=-0.1), f"rate of MaskedFragment is -0.1; {NOT_A_RATE}"),
        (
            lambda: SpanCorruption(mean_span_length=0.5),
            "mean_span_length of SpanCorruption is 0.5; it must be a number of 1 or more",
        ),
        (
            lambda: TextInfilling(mean_span_length=float("inf")),
            "mean_span_length of TextInfilling is inf; it must be a number above 0",
        ),
        (
            lambda: TokenMasking(mask_fraction=1.1),
            "mask_fraction of TokenMasking is 1.1; it must be a number from 0 to 1",
        ),
        (
            lambda: TokenMasking(mask_fraction=0.8, random_fraction=0.3),
            "random_fraction 0.3 of TokenMasking must add up to more than 0 and at most 1",
        ),
        (
            lambda: MaskedFragment(start_fraction=0.6, end_fraction=0.6),
            "start_fraction 0.6 and end_fraction 0.6 of Fragment must add up to at most 1",
        ),
        (lambda: Chain(steps=[]), "steps of Chain is empty; give at least one corruption"),
        (
            lambda: Chain(steps=[TextInfilling(), TokenMasking()]),
            "steps of Chain holds TextInfilling and TokenMasking, which both hide tokens",
        ),
        (lambda: Chain(steps=[Whole()]), "steps of Chain holds Whole, which makes whole examples"),
        (lambda: Chain(steps=[Chain(steps=[TextInfilling()])]), "steps of Chain holds Chain"),
        (
            lambda: Prefixed(mode="[R]", corruption=Mixture(parts=[SpanCorruption(rate=DECAY), TextInfilling()])),
            "put a Prefixed around each of its parts",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused_with_what_is_allowed(make, message):
    with pytest.raises(BadCorruption) as refusal:
        make()
    assert message in str(refusal.value)


def test_masks_and_other_tokens_that_add_up_to_one_leave_no_chosen_token_visible():
    assert TokenMasking(mask_fraction=0.9, random_fraction=0.1).extremes(568)[0].noise == 85
    assert TokenMasking(mask_fraction=0.8, random_fraction=0.1).extremes(568)[0].noise == 76


def test_a_vocabulary_of_one_word_has_no_other_token_to_show():
    vocab = Vocab(size=5, pad=0, eos=1, unk=2, mask=3, sentinels=(), text_ids=range(4, 5))
    corruption = TokenMasking(rate=0.5, mask_fraction=0.0, random_fraction=1.0)
    with pytest.raises(BadCorruption, match="has 1 text ids and no other token to show"):
        corruption.corrupt(window_of("a a a a"), Draws(0, 0, 0), vocab)


def test_what_does_not_restore_says_so():
    with pytest.raises(BadCorruption, match="whole does not say how to restore its text"):
        Whole().restore(Example(window_of("a").tokens, window_of("a").tokens), None)


def parsed(*arguments):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--corruption", type=Corruption)
    return parser.instantiate(parser.parse_args(list(arguments))).corruption


def test_a_corruption_is_named_on_the_command_line_with_its_options():
    assert parsed("--corruption", "SpanCorruption", "--corruption.rate", "0.3") == SpanCorruption(rate=0.3)
    assert parsed("--corruption", "corruptions.text_infilling.TextInfilling") == TextInfilling()


def test_a_chain_is_written_in_yaml():
    chain = parsed(
        "--corruption",
        "{class_path: Chain, init_args: {steps: [{class_path: SentencePermutation},"
        " {class_path: TextInfilling, init_args: {rate: 0.2}}]}}",
    )
    assert chain == Chain(steps=[SentencePermutation(), TextInfilling(rate=0.2)])
    assert chain.describe() == "sentence permutation then text infilling (rate 0.2, mean span length 3.0)"
