"""Which tokens are noise: the twin of corruptions.noise and corruptions.spans."""

from __future__ import annotations

from corruptions.compiled.codes import (
    EDGES,
    FIRST_PIVOT,
    FRAGMENT,
    FREE,
    IS_AT_END,
    IS_AT_START,
    LAST_PIVOT,
    LAW,
    MAX_SPAN_LENGTH,
    NOISE,
    NOISE_OF,
    NONE,
    POISSON,
    ROLL,
    SPANS,
    SPANS_OF,
    SUFFIX,
    TOKENS,
    WHOLE_WORDS,
)
from corruptions.compiled.draws import below, chance, choose
from corruptions.compiled.lengths import composition, draw_lengths
from corruptions.compiled.place import find_units, mend, place
from corruptions.compiled.vectors import inner, merged
from corruptions.placement import TRIES


@merged
def draw_noise(space, flags, length, num_ends, codes, tables, thresholds):
    """Spans into space.starts and space.lengths; their number."""
    kind = codes[NOISE]
    if kind == SPANS:
        return _draw_spans(space, flags, length, num_ends, codes, tables, thresholds)
    if kind == TOKENS:
        return _draw_tokens(space, flags, length, num_ends, codes, tables)
    if kind == FRAGMENT:
        return _draw_fragment(space, flags, length, num_ends, codes, tables, thresholds)
    if kind == SUFFIX:
        first, last = tables[FIRST_PIVOT, length], tables[LAST_PIVOT, length]
        pivot = first + (below(space.words, space.state, last - first + 1) if last > first else 0)
        space.starts[0], space.lengths[0] = pivot, length - pivot
        return 1 if pivot < length else 0
    return 0


@inner
def _num_words(num_noise, num_units, num_eligible):
    """num_noise * num_units / num_eligible, rounded to even: one or more, and no more than there are."""
    product = num_noise * num_units
    whole, rest = product // num_eligible, product % num_eligible
    if 2 * rest > num_eligible or (2 * rest == num_eligible and whole % 2 == 1):
        whole += 1
    return min(max(whole, 1), num_units)


@merged
def _draw_spans(space, flags, length, num_ends, codes, tables, thresholds):
    whole_words = codes[WHOLE_WORDS] != 0
    num_eligible = num_units = length
    if num_ends or whole_words:
        num_eligible, num_units = find_units(space, flags, length, num_ends, whole_words)
    num_noise = min(tables[NOISE_OF, length], num_eligible)
    if num_noise == 0:
        return 0
    num_hidden = _num_words(num_noise, num_units, num_eligible) if whole_words else num_noise
    num_kept = num_units - num_hidden
    law, edges = codes[LAW], codes[EDGES]
    num_slots = max(num_kept + (1 if edges == FREE else 0), 1)
    if law != POISSON:
        num_slots = min(num_slots, num_hidden)
    num_spans = min(tables[SPANS_OF, num_noise], num_slots)
    draw_lengths(space, law, num_hidden, num_spans, codes[MAX_SPAN_LENGTH], thresholds)
    num_spans = _draw_places(space, num_spans, num_kept, num_units, edges)
    if num_ends == 0 and not whole_words:
        return num_spans
    missing = num_noise - place(space, num_spans, num_eligible)
    return mend(space, flags, num_spans, missing, length, whole_words, 0 if law == POISSON else 1)


@merged
def _draw_places(space, num_spans, num_kept, num_units, edges):
    """The unit where each span starts into space.starts; their number, one more where one was cut by rolling."""
    starts, lengths = space.starts, space.lengths
    hidden = 0
    if edges == FREE:
        choose(space.words, space.state, num_kept + 1, num_spans, space.bits, space.chosen)
        for span in range(num_spans):
            starts[span] = space.chosen[span] + hidden
            hidden += lengths[span]
        return num_spans
    kept = num_kept
    if num_kept >= num_spans:
        composition(space, num_kept, num_spans, space.chosen_too)
        kept = 0
    for span in range(num_spans):
        if num_kept >= num_spans:
            kept += space.chosen_too[span]
        starts[span] = kept + hidden
        hidden += lengths[span]
    return _roll(space, num_spans, num_units) if edges == ROLL else num_spans


@inner
def _roll(space, num_spans, num_units):
    """The spans turned by a random number of units, ascending; one that is cut by the end becomes two."""
    starts, lengths, turned, turned_lengths = space.starts, space.lengths, space.chosen, space.chosen_too
    offset = below(space.words, space.state, num_units)
    first_turned = num_spans
    for span in range(num_spans):
        turned[span], turned_lengths[span] = starts[span], lengths[span]
        if first_turned == num_spans and starts[span] + offset >= num_units:
            first_turned = span
    found = 0
    cut = first_turned - 1
    if cut >= 0 and turned[cut] + turned_lengths[cut] + offset > num_units:
        starts[0], lengths[0] = 0, turned[cut] + turned_lengths[cut] + offset - num_units
        turned_lengths[cut] -= lengths[0]
        found = 1
    for order in range(num_spans):
        span = (first_turned + order) % num_spans
        starts[found] = (turned[span] + offset) % num_units
        lengths[found] = turned_lengths[span]
        found += 1
    return found


@inner
def _draw_tokens(space, flags, length, num_ends, codes, tables):
    num_eligible = num_units = length
    whole_words = codes[WHOLE_WORDS] != 0
    if num_ends or whole_words:
        num_eligible, num_units = find_units(space, flags, length, num_ends, whole_words)
    num_noise = min(tables[NOISE_OF, length], num_eligible)
    if num_noise == 0:
        return 0
    if whole_words:
        _choose_words(space, num_noise, num_units, num_eligible)
    else:
        choose(space.words, space.state, num_eligible, num_noise, space.bits, space.chosen)
    return _runs(space, num_noise, num_ends)


@inner
def _runs(space, num_noise, num_ends):
    """The numbers in space.chosen, of unprotected tokens, as spans; neighbours in what is read are one."""
    num_spans = 0
    end = -1
    for number in range(num_noise):
        at = space.chosen[number] if num_ends == 0 else space.positions[space.chosen[number]]
        if at != end:
            space.starts[num_spans] = at
            space.lengths[num_spans] = 0
            num_spans += 1
        space.lengths[num_spans - 1] += 1
        end = at + 1
    return num_spans


@inner
def _choose_words(space, num_noise, num_units, num_eligible):
    """Unprotected tokens into space.chosen: words that hold so many, and at most one in part."""
    words, state, firsts, is_chosen = space.words, space.state, space.firsts, space.is_hidden
    for word in range(num_units):
        is_chosen[word] = 0
    num_words = _num_words(num_noise, num_units, num_eligible)
    choose(words, state, num_units, num_words, space.bits, space.chosen)
    missing = num_noise
    for number in range(num_words):
        word = space.chosen[number]
        is_chosen[word] = 1
        missing -= firsts[word + 1] - firsts[word]
    part = -1
    part_tokens = 0
    while missing != 0:
        in_question = 0 if missing > 0 else 1
        word = _draw_word(space, num_units, in_question, abs(missing))
        if word < 0:
            part = _draw_word(space, num_units, in_question, num_eligible)
            part_tokens = missing
            break
        size = firsts[word + 1] - firsts[word]
        is_chosen[word] = 1 - in_question
        missing -= size if missing > 0 else -size
    found = 0
    for word in range(num_units):
        first, last = firsts[word], firsts[word + 1]
        if word == part:
            last = first + part_tokens if part_tokens > 0 else last + part_tokens
        elif not is_chosen[word]:
            continue
        for at in range(first, last):
            space.chosen[found] = at
            found += 1


@inner
def _draw_word(space, num_units, in_question, at_most):
    """One of the words that are chosen, or not, and hold at most so many tokens; -1: there is none."""
    for _ in range(TRIES):
        word = below(space.words, space.state, num_units)
        if space.is_hidden[word] == in_question and space.firsts[word + 1] - space.firsts[word] <= at_most:
            return word
    num_possible = _find_word(space, num_units, in_question, at_most, NONE)
    if num_possible == 0:
        return NONE
    return _find_word(space, num_units, in_question, at_most, below(space.words, space.state, num_possible))


@inner
def _find_word(space, num_units, in_question, at_most, wanted):
    """How many words are chosen, or not, and hold at most so many tokens; or with `wanted` that one."""
    found = 0
    for word in range(num_units):
        if space.is_hidden[word] == in_question and space.firsts[word + 1] - space.firsts[word] <= at_most:
            if found == wanted:
                return word
            found += 1
    return found


@inner
def _draw_fragment(space, flags, length, num_ends, codes, tables, thresholds):
    num_eligible = length
    if num_ends:
        num_eligible, _ = find_units(space, flags, length, num_ends, codes[WHOLE_WORDS] != 0)
    num_noise = min(tables[NOISE_OF, length], num_eligible)
    last_start = num_eligible - num_noise
    if chance(space.words, space.state, thresholds[0, 0], codes[IS_AT_START] != 0):
        start = 0
    elif chance(space.words, space.state, thresholds[0, 1], codes[IS_AT_END] != 0):
        start = last_start
    else:
        start = below(space.words, space.state, last_start + 1)
    for number in range(num_noise):
        space.chosen[number] = start + number
    return _runs(space, num_noise, num_ends)
