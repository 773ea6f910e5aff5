"""Texts that are made, not kept."""

from __future__ import annotations

import random

WORDS = """
the of and a to in is you that it he was for on are as with his they I at be this have from or one had by
word but not what all were we when your can said there use an each which she do how their if will up other
""".split()  # noqa: SIM905


def made_text(seed: int, num_sentences: int = 12) -> str:
    """Sentences of common words, in paragraphs; one seed gives one text."""
    draw = random.Random(seed)
    sentences = [
        " ".join(draw.choices(WORDS, k=draw.randint(3, 12))).capitalize() + draw.choice(".!?")
        for _ in range(num_sentences)
    ]
    return "".join(s + draw.choice([" ", " ", "\n\n"]) for s in sentences).strip()
