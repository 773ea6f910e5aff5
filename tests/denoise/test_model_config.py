from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from denoise.model.config import BadModel, ModelConfig, num_parameters, training_flops
from denoise.model.encoder_decoder import EncoderDecoder
from tests.denoise.small_models import VOCAB_SIZE, small_config, small_model, text_batch

CONFIGS = Path(__file__).parents[2] / "configs" / "models"


def shape_of(name: str) -> ModelConfig:
    return ModelConfig(**yaml.safe_load((CONFIGS / f"{name}.yaml").read_text()))


@pytest.mark.parametrize("options", [{}, {"positions": "t5_bias"}, {"tie_head": True}, {"feed_forward": "relu"}])
def test_parameters_are_counted_without_building_the_model(options):
    model = small_model(**options)
    assert num_parameters(model.config, VOCAB_SIZE) == sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize(("name", "millions"), [("tiny", 14.4), ("mini", 27.1), ("small", 77.0), ("base", 247.6)])
def test_configs_name_their_number_of_parameters(name, millions):
    config, first_line = shape_of(name), (CONFIGS / f"{name}.yaml").read_text().splitlines()[0]
    total = num_parameters(config, 32128)
    assert round(total / 1e6, 1) == millions
    assert f"{total - 2 * 32128 * config.d_model:,} parameters besides" in first_line
    assert f"{total:,} with them" in first_line


def test_the_first_t5_has_its_published_number_of_parameters():
    small = ModelConfig(d_model=512, num_encoder_layers=6, num_decoder_layers=6, num_heads=8, head_dim=64, d_ff=2048,
                        feed_forward="relu", positions="t5_bias", tie_head=True)  # fmt: skip
    assert num_parameters(small, 32128) == 60_506_624


def test_the_default_shape_is_tiny():
    assert shape_of("tiny") == ModelConfig()


@pytest.mark.parametrize("feed_forward", ["geglu", "relu"])
def test_flops_are_those_that_torch_counts(feed_forward):
    config, batch = small_config(num_encoder_layers=3, feed_forward=feed_forward), text_batch(2, 24, 10)
    model = EncoderDecoder(config, VOCAB_SIZE)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(batch).nats.backward()
    # The counter takes the decoder's square as whole, and its first matrices need no gradient of ids.
    half_square = 3 * config.num_decoder_layers * 2 * 10**2 * config.attention_width
    assert counter.get_total_flops() == 2 * (training_flops(config, VOCAB_SIZE, 24, 10) + half_square)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"d_model": 0}, "d_model is 0; it must be at least 1"),
        ({"head_dim": 7}, "head_dim is 7; rope rotates pairs of numbers and needs it even"),
        ({"dropout": 1.0}, "dropout is 1.0; it must be at least 0 and less than 1"),
        ({"feed_forward": "swiglu"}, "feed_forward is 'swiglu'; choose geglu or relu"),
        ({"positions": "alibi"}, "positions is 'alibi'; choose rope or t5_bias"),
        ({"positions": "t5_bias", "max_distance": 16}, "max_distance is 16; it must be above half of"),
        ({"positions": "t5_bias", "rope_in_cross": True}, "rope_in_cross needs positions=rope"),
        ({"positions": "t5_bias", "position_buckets": 31}, "position_buckets is 31; it must be even"),
        ({"head_init": -1.0}, "head_init is -1.0; it must not be negative"),
        ({"norm_epsilon": 0.0}, "norm_epsilon is 0.0; it must be above 0"),
        ({"rope_base": 1.0}, "rope_base is 1.0; it must be above 1"),
    ],
)
def test_shapes_that_cannot_be_built_say_why(options, message):
    with pytest.raises(BadModel, match="^" + message.replace("(", r"\(")):
        ModelConfig(**options)


def test_a_pad_outside_the_vocabulary_is_refused():
    with pytest.raises(BadModel, match=r"pad_id is 96; it must be an id of the vocabulary, 0 \.\. 95"):
        EncoderDecoder(small_config(), VOCAB_SIZE, pad_id=VOCAB_SIZE)


def test_configuration_imports_no_torch():
    modules = "denoise.model.config, denoise.train.optim.config, denoise.train.optim.schedule"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=CONFIGS.parents[1], check=False).returncode == 0
