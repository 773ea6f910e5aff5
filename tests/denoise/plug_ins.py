"""Corruptions that do what none of ours does."""

from __future__ import annotations

import numpy as np

from corruptions import Corruption, Example


class Reversed(Corruption):
    """Does what no other does: the encoder reads backwards."""

    def corrupt(self, window, draws, vocab):
        end = [vocab.eos]
        source = np.append(window.tokens[::-1], end).astype(np.int32)
        return Example(source, np.append(window.tokens, end).astype(np.int32))


class HidesTheCommonest(Corruption):
    """What it does depends on what the words are."""

    def corrupt(self, window, draws, vocab):
        commonest = np.bincount(window.tokens).argmax()
        end = [vocab.eos]
        source = np.append(window.tokens[window.tokens != commonest], end).astype(np.int32)
        return Example(source, np.append(window.tokens, end).astype(np.int32))


class HidesTheGreatest(Corruption):
    """What it does depends on what the words are, and yet its examples are always as long."""

    def corrupt(self, window, draws, vocab):
        source = np.append(window.tokens, vocab.eos).astype(np.int32)
        source[window.tokens.argmax()] = vocab.mask
        return Example(source, np.append(window.tokens, vocab.eos).astype(np.int32))


class SwapsAndHides(Corruption):
    """Two sentences of three words change places; the end of the first and the start of the second are hidden."""

    def corrupt(self, window, draws, vocab):
        a, b, _, _, e, f = window.tokens
        source = np.array([vocab.mask, e, f, a, b, vocab.mask, vocab.eos], dtype=np.int32)
        return Example(source, np.append(window.tokens, vocab.eos).astype(np.int32))


class Broken(Corruption):
    """Raises."""

    def corrupt(self, window, draws, vocab):
        raise ZeroDivisionError("no\nreason")


class OutOfRange(Corruption):
    """Gives ids that are none."""

    def corrupt(self, window, draws, vocab):
        return Example(np.array([vocab.size], dtype=np.int32), window.tokens.copy())
