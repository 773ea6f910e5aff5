r"""The laws that every corruption keeps, as checks that any plug-in can be put through.

>>> from corruptions import SpanCorruption
>>> laws = checks(SpanCorruption())
>>> print(*laws, sep="\n")
the window is never written to
every window gives an example
global generators are not used
the window is never handed out
one address gives one example
arrays are one-dimensional, of int32 or bool
all arrays of the decoder are as long as the target
ids lie inside the vocabulary
lengths stay within longest
one eos is put at the end of the source, and those of the window stay
a target has at most one eos more than its window
no pad is in a source or a target
no text is made unknown
a mode begins a source, [SEP] divides it, and an answer begins a target
the sentinels of an example differ
each span of a target follows its own sentinel
sentinels that run out are reported, never made up
positions are 0 or more
a decoder never reads what it must say
hidden is a bool for each token of the window
protected tokens are never noise
what is not hidden is in the source
what a target calls noise is what was hidden
the rate asked for is the rate hidden
restore gives the window back
noise differs from window to window, epoch to epoch and seed to seed
whatever a window gives, fit finds one that fills it

Windows that are longer than there are sentinels may be refused with OutOfSentinels. Protected tokens may be
hidden by a corruption whose `hides_protected` is true, and are not noise then. Lengths are held to `longest`
where nothing is protected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from corruptions.address_laws import can_be_filled, is_unrelated_elsewhere
from corruptions.laws import FORM_LAWS, OUTCOME_LAWS, Found, Law
from corruptions.letters import LETTERS
from corruptions.made_windows import made_window, made_windows
from corruptions.noise_laws import NOISE_LAWS
from corruptions.protocol import Corruption, Example, Window
from corruptions.trial import Address, Trial
from data_prep.vocab import Vocab

__all__ = ["Address", "check", "check_window", "checks", "made_windows"]

_ADDRESSED_LEN = 61
_ADDRESSED_DOCUMENT_LEN = 20


def check(
    corruption: Corruption,
    vocab: Vocab | None = None,
    *,
    windows: Iterable[Window] | None = None,
    seeds: Iterable[int] = range(3),
) -> None:
    """Raise AssertionError, with the law and the address, at the first law that the corruption breaks.

    Without `windows` it is tried on made ones of 0 to 2048 tokens, without and with document ends. Where
    options are schedules, it is tried as it is at step 0 and at their extremes; of a mixture, each part is.

    >>> import numpy as np
    >>> from corruptions import Lengths, SpanCorruption
    >>> check(SpanCorruption())
    >>> class Stammer(Corruption):
    ...     def corrupt(self, window, draws, vocab):
    ...         clean = np.append(window.tokens, np.int32(vocab.eos))
    ...         return Example(np.append(np.int32(vocab.text_ids[0]), clean), clean)
    >>> check(Stammer())
    Traceback (most recent call last):
        ...
    AssertionError: stammer breaks "lengths stay within longest" at seed 0, epoch 0, window 0 of 0 tokens: \
source 2 and target 1 tokens, longest says 1 and 1
    >>> Stammer.longest = lambda self, window_len: Lengths(window_len + 2, window_len + 1)
    >>> check(Stammer())

    The laws are listed above.
    """
    for holds in checks(corruption, vocab, windows=windows, seeds=seeds).values():
        holds()


def checks(
    corruption: Corruption,
    vocab: Vocab | None = None,
    *,
    windows: Iterable[Window] | None = None,
    seeds: Iterable[int] = range(3),
) -> dict[str, Callable[[], None]]:
    """The laws by name, each with a function that raises AssertionError if the corruption breaks it.

    >>> from corruptions import SpanCorruption
    >>> checks(SpanCorruption())["restore gives the window back"]()
    """
    vocab = vocab or LETTERS
    subjects = [corruption.at(0)]
    subjects += [variant for variant in corruption.variants() if variant not in subjects]
    given, chosen = list(made_windows(vocab) if windows is None else windows), tuple(seeds)
    trials = [
        Trial(
            corruption=subject,
            window=window,
            vocab=vocab,
            address=Address(seed=seed, epoch=seed % 2, window=number),
        )
        for subject in subjects
        for number, window in enumerate(given)
        for seed in chosen
    ]
    addressed = made_window(_ADDRESSED_LEN, vocab, document_len=_ADDRESSED_DOCUMENT_LEN)
    wholes = {
        _name(is_unrelated_elsewhere): lambda subject: is_unrelated_elsewhere(subject, addressed, vocab),
        _name(can_be_filled): can_be_filled,
    }
    each = {_name(law): _on_trials(law, trials) for law in (*OUTCOME_LAWS, *FORM_LAWS, *NOISE_LAWS)}
    return each | {name: _on_wholes(name, found, subjects) for name, found in wholes.items()}


def check_window(corruption: Corruption, window: Window, vocab: Vocab, address: Address) -> None:
    """Raise AssertionError at the first law of one example that is broken on this window, as check does."""
    trial = Trial(corruption=corruption, window=window, vocab=vocab, address=address)
    for law in (*OUTCOME_LAWS, *FORM_LAWS, *NOISE_LAWS):
        _demand(law, trial)


def _on_trials(law: Law, trials: list[Trial]) -> Callable[[], None]:
    def holds() -> None:
        for trial in trials:
            _demand(law, trial)

    return holds


def _on_wholes(name: str, found: Callable[[Corruption], Found], subjects: list[Corruption]) -> Callable[[], None]:
    def holds() -> None:
        # A mixture does what its parts do, and which one in an order of its own.
        for subject in subjects[1:] or subjects:
            broken = found(subject)
            if broken is not None:
                raise AssertionError(f'{subject.describe()} breaks "{name}": {broken}')

    return holds


def _demand(law: Law, trial: Trial) -> None:
    if law not in OUTCOME_LAWS and not isinstance(trial.outcome, Example):
        return  # there is no example to look at, which is_made_of_every_window judges
    found = law(trial)
    if found is not None:
        cause = trial.outcome if isinstance(trial.outcome, Exception) else None
        raise AssertionError(
            f'{trial.corruption.describe()} breaks "{_name(law)}" at {trial.address} '
            f"of {len(trial.window.tokens)} tokens: {found}"
        ) from cause


def _name(law: Callable[..., Found]) -> str:
    sentence = (law.__doc__ or law.__name__).splitlines()[0].rstrip(".")
    return sentence[0].lower() + sentence[1:]
