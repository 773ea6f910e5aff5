from __future__ import annotations

import pytest
import torch

from denoise.feed.batch import Batch
from denoise.hub.weights import from_transformers_state, to_transformers_state
from denoise.model.config import BadModel, ModelConfig
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.model.positions import bucket
from tests.denoise.small_models import VOCAB_SIZE, padded, small_config, small_model, text_batch

SHAPE = {"num_encoder_layers": 3, "num_decoder_layers": 2, "max_distance": 24}


def peer(config: ModelConfig):
    """transformers' T5 v1.1 of the same shape; its head untied, or scaled and tied."""
    transformers = pytest.importorskip("transformers")
    t5_config = transformers.T5Config(
        vocab_size=VOCAB_SIZE,
        d_model=config.d_model,
        d_kv=config.head_dim,
        d_ff=config.d_ff,
        num_layers=config.num_encoder_layers,
        num_decoder_layers=config.num_decoder_layers,
        num_heads=config.num_heads,
        relative_attention_num_buckets=config.position_buckets,
        relative_attention_max_distance=config.max_distance,
        feed_forward_proj="gated-gelu" if config.feed_forward == "geglu" else "relu",
        layer_norm_epsilon=config.norm_epsilon,
        dropout_rate=0.0,
        # transformers 5 ties the head whatever is asked for; asking still decides whether it is scaled.
        tie_word_embeddings=config.tie_head,
    )
    model = transformers.T5ForConditionalGeneration(t5_config)
    if not config.tie_head:
        model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.lm_head.weight))
    return model


def answer(theirs, batch: Batch):
    mask = None if batch.source_mask is None else batch.source_mask.long()
    return theirs(
        input_ids=batch.source,
        attention_mask=mask,
        decoder_input_ids=batch.decoder_input,
        labels=batch.target,
        use_cache=False,
    )


BATCHES = pytest.mark.parametrize(
    "batch", [text_batch(3, 40, 30), padded(text_batch(3, 40, 30), 9, 5)], ids=["full", "padded"]
)


@BATCHES
@pytest.mark.parametrize("feed_forward", ["geglu", "relu"])
@pytest.mark.parametrize("tie_head", [False, True])
def test_same_weights_give_transformers_logits_loss_and_gradients(batch, tie_head, feed_forward):
    ours = small_model("t5_bias", tie_head=tie_head, feed_forward=feed_forward, **SHAPE)
    with torch.no_grad():  # fresh norms are all 1 and would not show a mix-up
        for weight in ours.parameters():
            if weight.ndim == 1:
                weight.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(weight.shape[0]))
    theirs = peer(ours.config)
    theirs.load_state_dict(to_transformers_state(ours))
    their_answer, our_logits, our_loss = answer(theirs, batch), ours.logits(batch), ours(batch)

    has_target = batch.target >= 0
    scale = their_answer.logits[has_target].abs().max()
    error = (our_logits - their_answer.logits)[has_target].abs().max() / scale
    assert error < 2e-6, error
    assert our_loss.nats_per_token.item() == pytest.approx(their_answer.loss.item(), rel=1e-6)

    their_answer.loss.backward()
    our_loss.objective.backward()
    gradients = {name: weight.grad for name, weight in theirs.named_parameters()}
    if tie_head:  # the norm's weights differ by a factor, so do their gradients
        gradients["decoder.final_layer_norm.weight"] *= ours.config.d_model**-0.5
    their_gradients = {
        name: gradient
        for name, gradient in from_transformers_state(gradients, ours.config).items()
        if name != "decoder.norm.weight" or not tie_head
    }
    for name, weight in ours.named_parameters():
        if name in their_gradients:
            difference = (weight.grad - their_gradients[name]).norm() / their_gradients[name].norm()
            assert difference < 2e-5, (name, difference)


@pytest.mark.parametrize("tie_head", [False, True])
def test_weights_from_transformers_give_its_logits(tie_head):
    config, batch = small_config("t5_bias", tie_head=tie_head, **SHAPE), padded(text_batch(3, 40, 30), 9, 5)
    theirs = peer(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in theirs.parameters():
            weight.normal_(0.1, 0.2, generator=generator)
    ours = EncoderDecoder(config, VOCAB_SIZE, seed=9)
    ours.load_state_dict(from_transformers_state(theirs.state_dict(), config))
    with torch.no_grad():
        expected = answer(theirs, batch).logits
        error = (ours.logits(batch) - expected)[batch.target >= 0].abs().max() / expected.abs().max()
    assert error < 2e-6, error


@pytest.mark.parametrize("tie_head", [False, True])
def test_there_and_back_is_the_identity(tie_head):
    model = small_model("t5_bias", tie_head=tie_head, **SHAPE)
    back = from_transformers_state(to_transformers_state(model), model.config)
    assert back.keys() == model.state_dict().keys()
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(
            back[name], weight, msg=name, atol=0, rtol=1e-6 if name.endswith("norm.weight") else 0
        )


def test_exported_weights_are_copies():
    model = small_model("t5_bias")
    state = to_transformers_state(model)
    state["encoder.block.0.layer.0.SelfAttention.q.weight"].zero_()
    assert model.encoder.layers[0].self_attention.qkv.weight[0].abs().sum() > 0


@pytest.mark.parametrize("both_ways", [True, False])
def test_buckets_are_those_of_transformers(both_ways):
    t5 = pytest.importorskip("transformers.models.t5.modeling_t5")
    distance = torch.arange(-600, 601)
    for num_buckets, max_distance in ((32, 128), (32, 256), (16, 20), (8, 64)):
        theirs = t5.T5Attention._relative_position_bucket(distance, both_ways, num_buckets, max_distance)
        ours = bucket(distance, num_buckets=num_buckets, max_distance=max_distance, both_ways=both_ways)
        assert torch.equal(ours, theirs)


def test_weights_that_do_not_fit_are_named():
    model = small_model("t5_bias")
    state = to_transformers_state(model)
    name = "decoder.block.1.layer.1.EncDecAttention.k.weight"
    with pytest.raises(BadModel, match=f"the weights lack {name}"):
        from_transformers_state({key: state[key] for key in state if key != name}, model.config)
    with pytest.raises(BadModel, match=r"no place for encoder\.block\.1\.layer\.0\S+\.k\.weight and 8 more"):
        from_transformers_state(state, small_config("t5_bias", num_encoder_layers=1))
    with pytest.raises(BadModel, match=r"encoder\.bias\.table would have shape .32, 2.; the config needs .16, 2."):
        from_transformers_state(state, small_config("t5_bias", position_buckets=16))
    with pytest.raises(BadModel, match=r"the weights lack encoder\.block\.0\.layer\.1\.DenseReluDense\.wi\.weight"):
        from_transformers_state(state, small_config("t5_bias", feed_forward="relu"))


def test_a_table_that_nothing_reads_is_passed_over():
    model = small_model("t5_bias")
    state = to_transformers_state(model)
    state["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = torch.zeros(32, 2)
    assert from_transformers_state(state, model.config).keys() == model.state_dict().keys()


def test_rope_is_not_exchanged():
    with pytest.raises(BadModel, match="positions is 'rope'; weights from transformers need t5_bias"):
        from_transformers_state({}, small_config())
    with pytest.raises(BadModel, match="train with positions=t5_bias to export it"):
        to_transformers_state(small_model())
