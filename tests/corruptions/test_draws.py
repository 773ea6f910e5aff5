from fractions import Fraction

import numpy as np
import pytest

from corruptions.draws import Draws, philox
from data_prep.errors import BadInput

ONES = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ([0, 0, 0, 0], 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([ONES] * 4, ONES << 32 | ONES, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            0x299F31D0A4093822,
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
    ids=["zeros", "ones", "pi"],
)
def test_blocks_are_those_published_with_random123(counter, key, words):
    blocks = np.repeat(np.array(counter, dtype=np.uint64)[:, None], 3, axis=1)
    for block in philox(blocks, key).T:
        assert " ".join(f"{word:08x}" for word in block) == words


def test_the_address_is_laid_out_as_it_was_published():
    draws = Draws(0x0123456789ABCDEF, 5, 0xFEDCBA9876543210, 3)
    words = [draws.word() for _ in range(300)]
    for block in (0, 1, 31, 32, 74):  # over the seam between two refills
        counter = np.array([[block], [3 << 24 | 5], [0x76543210], [0xFEDCBA98]], dtype=np.uint64)
        assert words[4 * block : 4 * block + 4] == philox(counter, 0x0123456789ABCDEF)[:, 0].tolist()


def test_draws_at_an_address_never_change():
    draws = Draws(1, 2, 3, 4)
    assert [draws.word() for _ in range(2)] == GOLDEN_WORDS
    assert [draws.below(10) for _ in range(8)] == GOLDEN_BELOW
    assert draws.permutation(8).tolist() == GOLDEN_PERMUTATION
    assert draws.choose(20, 6).tolist() == GOLDEN_CHOICE
    assert draws.uniform() == GOLDEN_UNIFORM
    assert [draws.chance(Fraction(1, 3)) for _ in range(8)] == GOLDEN_CHANCES


GOLDEN_WORDS = [1958066513, 1619984285]
GOLDEN_BELOW = [9, 4, 3, 2, 5, 5, 9, 3]
GOLDEN_PERMUTATION = [2, 6, 3, 4, 1, 7, 0, 5]
GOLDEN_CHOICE = [1, 4, 7, 11, 14, 19]
GOLDEN_UNIFORM = 0.26011120928353604
GOLDEN_CHANCES = [False, True, True, False, True, False, False, False]


def test_two_addresses_never_share_a_stream():
    addresses = [(0, 0, 0, 0), (1, 0, 0, 0), (1 << 32, 0, 0, 0), (0, 1, 0, 0), (0, 256, 0, 0), (0, 0, 1, 0)]
    addresses += [(0, 0, 1 << 32, 0), (0, 0, 0, 1), (0, 1, 0, 1), (0, 0, 1, 1), (1, 1, 1, 1)]
    firsts = {tuple(Draws(*address).word() for _ in range(4)) for address in addresses}
    assert len(firsts) == len(addresses)


def test_another_operator_starts_its_own_stream_whatever_was_read_before():
    draws = Draws(9, 8, 7)
    draws.word()
    assert draws.operator(2).word() == Draws(9, 8, 7, 2).word()


@pytest.mark.parametrize("address", [(-1, 0, 0), (1 << 64, 0, 0), (0, 1 << 24, 0), (0, 0, -1), (0, 0, 0, 256)])
def test_an_address_out_of_range_is_the_users_to_mend(address):
    with pytest.raises(BadInput, match=r"is -?\d+; it must lie in 0 .. 2\^\d+ - 1"):
        Draws(*address)


class Words(Draws):
    """Draws that give the words they are told."""

    def __init__(self, *words):
        super().__init__(0, 0, 0)
        self._words = list(words)


def test_below_passes_over_the_words_that_would_favour_small_numbers():
    # 2^32 % 6 = 4: products whose low half is under 4 are passed over; those of 0 and of 2^31 are.
    assert Words(0, 1 << 31, (1 << 31) + 1).below(6) == 3
    assert Words(1, 1 << 31).below(6) == 0
    assert Words(ONES).below(ONES) == ONES - 1


def test_chance_compares_digits_in_base_two_to_the_32():
    assert Words((1 << 31) - 1).chance(Fraction(1, 2))
    assert not Words(1 << 31).chance(Fraction(1, 2))
    third = (1 << 32) // 3
    assert Words(third, third - 1).chance(Fraction(1, 3))
    assert not Words(third, third + 1).chance(Fraction(1, 3))
    assert Words().chance(Fraction(1)) and not Words().chance(Fraction(0))


def test_uniform_has_53_bits_and_stays_below_one():
    assert Words(ONES, ONES).uniform() == 1 - 2**-53
    assert Words(0, 1 << 6).uniform() == 2**-53


@pytest.mark.parametrize("wrong", [lambda d: d.below(0), lambda d: d.below(1 << 32), lambda d: d.choose(3, 4)])
def test_impossible_draws_are_refused(wrong):
    with pytest.raises(ValueError, match="must lie in"):
        wrong(Draws(0, 0, 0))


def chi_square(counts) -> float:
    counts = np.asarray(counts)
    return float(((counts - counts.mean()) ** 2 / counts.mean()).sum())


def test_below_is_uniform():
    draws = Draws(5, 0, 0)
    assert chi_square(np.bincount([draws.below(10) for _ in range(20_000)], minlength=10)) < 27.9  # p = 0.001


def test_every_permutation_of_four_is_equally_likely():
    draws = Draws(6, 0, 0)
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(12_000):
        order = tuple(draws.permutation(4).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 24
    assert chi_square(list(counts.values())) < 49.7  # 23 degrees of freedom, p = 0.001


def test_every_choice_of_two_of_five_is_equally_likely_and_ascending():
    draws = Draws(7, 0, 0)
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(6_000):
        chosen = tuple(draws.choose(5, 2).tolist())
        counts[chosen] = counts.get(chosen, 0) + 1
    assert len(counts) == 10 and all(low < high for low, high in counts)
    assert chi_square(list(counts.values())) < 27.9


def test_neighbouring_windows_epochs_and_seeds_are_independent():
    for addresses in (
        [(1, 0, i) for i in range(3_000)],
        [(1, i, 0) for i in range(3_000)],
        [(i, 0, 0) for i in range(3_000)],
    ):
        firsts = np.array([Draws(*address).below(4) for address in addresses])
        assert chi_square(np.bincount(4 * firsts[:-1] + firsts[1:], minlength=16)) < 37.7  # 15, p = 0.001
