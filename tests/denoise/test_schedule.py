from __future__ import annotations

import math

import pytest

from denoise.train.optim.schedule import (
    BadSchedule,
    ScheduleConfig,
    cosine,
    inverse_sqrt,
    learning_rate_factor,
    wsd,
)


def test_wsd_by_hand():
    factors = [wsd(step, 10, warmup_steps=2, decay_fraction=0.4) for step in range(10)]
    assert factors == pytest.approx([0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25])


def test_wsd_with_one_minus_sqrt_by_hand():
    factors = [wsd(step, 8, 0, 0.5, "one_minus_sqrt") for step in range(8)]
    assert factors == pytest.approx([1, 1, 1, 1, 1, 0.5, 1 - math.sqrt(0.5), 1 - math.sqrt(0.75)])


def test_cosine_by_hand():
    assert [cosine(step, 5, warmup_steps=1) for step in range(5)] == pytest.approx(
        [1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2, 0], abs=1e-12
    )


def test_inverse_sqrt_by_hand():
    assert [inverse_sqrt(step, 200, 2) for step in (0, 1, 7, 199)] == pytest.approx([0.5, 1, 0.5, 0.1])
    assert inverse_sqrt(3, 10, 0) == pytest.approx(0.5)


def test_inverse_sqrt_may_end_at_0():
    slow = [inverse_sqrt(step, 10, 2) for step in range(10)]
    decayed = [inverse_sqrt(step, 10, 2, decay_fraction=0.5) for step in range(10)]
    assert decayed[:5] == slow[:5]
    assert decayed[5:] == pytest.approx([slow[5 + done] * (1 - done / 5) for done in range(5)])


def test_cosine_ends_at_its_floor():
    assert cosine(9, 10, 2, floor=0.1) == pytest.approx(0.1)
    assert cosine(12, 10, 2, floor=0.1) == pytest.approx(0.1)
    assert cosine(5, 10, 2, floor=0.1) == pytest.approx(0.1 + 0.9 * cosine(5, 10, 2))


def test_warm_up_may_be_given_in_steps():
    config = ScheduleConfig(warmup_steps=4, warmup_fraction=0.9)
    factors = [learning_rate_factor(config, step, 100) for step in range(5)]
    assert factors == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert learning_rate_factor(ScheduleConfig(warmup_steps=0), 0, 100) == 1.0


@pytest.mark.parametrize("name", ["wsd", "cosine", "inverse_sqrt"])
@pytest.mark.parametrize("num_steps", [1, 2, 3, 10, 1000])
@pytest.mark.parametrize("warmup_fraction", [0.0, 0.02, 0.5])
def test_schedules_rise_to_one_then_never_rise_again(name, num_steps, warmup_fraction):
    config = ScheduleConfig(name=name, warmup_fraction=warmup_fraction)
    factors = [learning_rate_factor(config, step, num_steps) for step in range(num_steps)]
    peak = factors.index(max(factors))
    assert factors[: peak + 1] == sorted(factors[: peak + 1])
    assert factors[peak:] == sorted(factors[peak:], reverse=True)
    assert all(0 <= factor <= 1 for factor in factors)
    if name == "wsd":
        assert min(factors) > 0


def test_config_turns_fractions_into_steps():
    config = ScheduleConfig(warmup_fraction=0.1, decay_fraction=0.2, decay_shape="one_minus_sqrt")
    for step in range(100):
        assert learning_rate_factor(config, step, 100) == wsd(step, 100, 10, 0.2, "one_minus_sqrt")
    assert learning_rate_factor(ScheduleConfig(name="cosine"), 70, 100) == cosine(70, 100, 2)
    assert learning_rate_factor(ScheduleConfig(name="inverse_sqrt"), 70, 100) == inverse_sqrt(70, 100, 2)


def test_steps_past_the_end_get_nothing():
    assert wsd(12, 10, 1, 0.4) == 0
    assert cosine(12, 10, 1) == pytest.approx(0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "step"}, "schedule 'step' is not known; choose wsd, cosine or inverse_sqrt"),
        ({"warmup_steps": -1}, "warmup_steps is -1; it must not be negative"),
        ({"floor": 0.1}, "floor is 0.1, but only cosine has one; wsd takes decay_fraction"),
        ({"name": "cosine", "decay_fraction": 0.2}, "cosine falls all the way and has no decay_fraction"),
        ({"decay_shape": "cubic"}, "decay_shape 'cubic' is not known"),
        ({"warmup_fraction": 1.5}, "warmup_fraction is 1.5; it must lie between 0 and 1"),
        (
            {"warmup_fraction": 0.7},
            "warmup_fraction is 0.7 and decay_fraction 0.4; together they must not be above 1",
        ),
    ],
)
def test_schedules_that_do_not_fit_say_why(options, message):
    with pytest.raises(BadSchedule, match=message):
        ScheduleConfig(**options)
