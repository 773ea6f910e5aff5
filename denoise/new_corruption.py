"""`denoise new-corruption`: a corruption of one's own that already works, and its test."""

from __future__ import annotations

import importlib.util
import keyword
import re
from pathlib import Path

from data_prep.errors import BadInput


class BadName(BadInput):
    """A name that no module or class can have, or that is taken."""


_MODULE = '''\
"""{sentence}: what is hidden, what the encoder sees, what the decoder says."""

from dataclasses import dataclass

import numpy as np
from corruptions import BadCorruption, Corruption, Example


@dataclass(frozen=True, kw_only=True)
class {class_name}(Corruption):
    """One token in so many is shown as the mask; the decoder says the whole text."""

    every: int = 7
    """Tokens from one that is hidden to the next; 1 or more."""

    restores = True  # the text can be told from source and target

    def __post_init__(self):
        if self.every < 1:
            raise BadCorruption(f"every is {{self.every}}; it must be 1 or more")

    def hidden(self, window, draws, vocab):
        """Which tokens are noise; also for pictures."""
        first = draws.below(self.every)
        is_noise = np.arange(len(window.tokens)) % self.every == first
        return is_noise & ~window.protected

    def corrupt(self, window, draws, vocab):
        """Source and target, both as int32 and with an eos at the end."""
        is_noise = self.hidden(window, draws, vocab)
        eos = np.array([vocab.eos], dtype=np.int32)
        source = np.where(is_noise, np.int32(vocab.mask), window.tokens)
        return Example(
            np.append(source, eos),
            np.append(window.tokens, eos),
            target_is_noise=np.append(is_noise, False),
        )

    def restore(self, example, vocab):
        """The clean text of an example."""
        return example.target[:-1]
'''

_TEST = '''\
"""{sentence}: the laws of every corruption, and what this one does."""

import pytest
from corruptions import Draws
from corruptions.letters import LETTERS, letters, window_of

from {module} import {class_name}


@pytest.mark.corruption({class_name}(), {class_name}(every=2))
def test_{module}_keeps(law):
    law.check()


def test_one_token_in_so_many_is_hidden():
    window = window_of("a b c d e f")
    example = {class_name}(every=3).corrupt(window, Draws(1, 0, 0), LETTERS)
    assert letters(example.source) == "a b _ d e _ ."
    assert letters(example.target) == "a b c d e f ."
'''


def write_corruption(name: str, folder: Path) -> list[str]:
    """Write NAME.py and test_NAME.py into a folder, and say what to do next, a line each. Raises BadName.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for line in write_corruption("my_noise", folder):
    ...     print(line)
    look at it:    denoise explore --corruption my_noise.MyNoise --corruption.every 3
    test it:       pytest test_my_noise.py
    train with it: denoise train -c configs/runs/demo.yaml --corruption my_noise.MyNoise --run runs/my_noise
    >>> sorted(path.name for path in folder.iterdir())
    ['my_noise.py', 'test_my_noise.py']
    """
    module, class_name = names(name)
    files = {folder / f"{module}.py": _MODULE, folder / f"test_{module}.py": _TEST}
    for path in files:
        if path.exists():
            raise BadName(f"there is a {path.name} already, which is not written over; choose another name")
    if importlib.util.find_spec(module) is not None:
        raise BadName(f"{module} is the name of an installed module, which would be found first; choose another name")
    sentence = module.replace("_", " ").strip().capitalize()
    for path, template in files.items():
        with open(path, "x", encoding="utf-8") as file:
            file.write(template.format(sentence=sentence, module=module, class_name=class_name))
    named = f"--corruption {module}.{class_name}"
    return [
        f"look at it:    denoise explore {named} --corruption.every 3",
        f"test it:       pytest test_{module}.py",
        f"train with it: denoise train -c configs/runs/demo.yaml {named} --run runs/{module}",
    ]


def names(name: str) -> tuple[str, str]:
    """The names of the module and of the class. Raises BadName.

    >>> names("my_noise"), names("MyNoise")
    (('my_noise', 'MyNoise'), ('my_noise', 'MyNoise'))
    """
    module = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    class_name = "".join(word[:1].upper() + word[1:] for word in module.split("_"))
    if not (name.isidentifier() and class_name.isidentifier()) or keyword.iskeyword(module):
        raise BadName(f"{name!r} cannot be the name of a Python module; use letters, digits and _, such as my_noise")
    return module, class_name
