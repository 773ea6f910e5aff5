"""The model: an encoder reads the corrupted text, a decoder with cross attention writes what was asked for.

Axes: B batch · S source tokens · T target tokens · L decoder layers · D width · H heads · K head width ·
V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from denoise.feed.batch import Batch
from denoise.model.attention import CrossAttention, Memory, Past, SelfAttention
from denoise.model.config import BadModel, ModelConfig
from denoise.model.layers import Embedding, Head, Projection, RMSNorm, feed_forward_of
from denoise.model.linear_loss import linear_loss, linear_nats, linear_verdicts
from denoise.model.loss import LossSum
from denoise.model.positions import RelativeBias, Rotation
from denoise.model.sight import Sight, View, sight_of


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward, each on a normed copy of the stream and added to it."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm_self = RMSNorm(config)
        self.self_attention = SelfAttention(config)
        self.norm_feed_forward = RMSNorm(config)
        self.feed_forward = feed_forward_of(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, sight: Sight) -> Tensor:
        """Map [B, S, D] to [B, S, D]."""
        x = x + self.dropout(self.self_attention(self.norm_self(x), sight))
        out: Tensor = x + self.dropout(self.feed_forward(self.norm_feed_forward(x)))
        return out


class DecoderLayer(nn.Module):
    """Self-attention, cross attention, feed-forward, each on a normed copy of the stream and added to it."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm_self = RMSNorm(config)
        self.self_attention = SelfAttention(config)
        self.norm_cross = RMSNorm(config)
        self.cross_attention = CrossAttention(config)
        self.norm_feed_forward = RMSNorm(config)
        self.feed_forward = feed_forward_of(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: Tensor, own: Sight, cross: Sight, memory: Memory, layer: int, past: Past | None = None
    ) -> Tensor:
        """Map [B, T, D] to [B, T, D]; own and cross are what it sees of the target and of the source."""
        x = x + self.dropout(self.self_attention(self.norm_self(x), own, past))
        x = x + self.dropout(self.cross_attention(self.norm_cross(x), memory, layer, cross))
        out: Tensor = x + self.dropout(self.feed_forward(self.norm_feed_forward(x)))
        return out


class Encoder(nn.Module):
    """The stack that reads the source."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.bias = RelativeBias(config, both_ways=True) if config.positions == "t5_bias" else None
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.num_encoder_layers))
        self.norm = RMSNorm(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, source_mask: Tensor | None, documents: Tensor | None = None) -> Tensor:
        """Map embedded tokens [B, S, D] to states [B, S, D]; documents, int32 [B, S], are kept apart."""
        num_places = x.shape[1]
        view = View(
            num_places,
            num_places,
            key_mask=source_mask if documents is None else None,  # padding is a document of its own
            documents=None if documents is None else (documents, documents),
            by_distance=None if self.bias is None else self.bias(num_places, num_places),
        )
        rotation = Rotation.at(torch.arange(num_places, device=x.device), self.config) if self.bias is None else None
        sight = sight_of(view, x.device, rotation=rotation, dropout=self.dropout.p if self.training else 0.0)
        x = self.dropout(x)
        for layer in self.layers:
            x = layer(x, sight)
        out: Tensor = self.dropout(self.norm(x))
        return out


class Decoder(nn.Module):
    """The stack that writes the target."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.bias = RelativeBias(config, both_ways=False) if config.positions == "t5_bias" else None
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.num_decoder_layers))
        self.norm = RMSNorm(config)
        self.dropout = nn.Dropout(config.dropout)
        key_or_value = (config.attention_width, config.d_model**-0.5)
        # Layer 0's keys, layer 0's values, layer 1's keys, ...: every layer reads the same encoder states.
        self.cross_keys_values = Projection(config.d_model, (key_or_value,) * (2 * config.num_decoder_layers))

    def remember(self, encoded: Tensor, source_mask: Tensor | None, documents: Tensor | None = None) -> Memory:
        """The keys and values of all layers' cross attention to encoder states [B, S, D]."""
        config = self.config
        shape = (config.num_decoder_layers, 2, config.num_heads, config.head_dim)
        keys, values = self.cross_keys_values(encoded).unflatten(-1, shape).unbind(3)
        if config.rope_in_cross:
            places = torch.arange(encoded.shape[1], device=encoded.device)
            keys = Rotation.at(places, config).turn(keys.flatten(2, 3)).unflatten(2, shape[::2])
        return Memory(keys, values, source_mask, documents)

    def forward(
        self,
        x: Tensor,
        positions: Tensor,
        memory: Memory,
        pasts: list[Past] | None = None,
        documents: Tensor | None = None,
    ) -> Tensor:
        """Map embedded tokens [B, T, D] to states [B, T, D].

        With pasts, one a layer, x are the tokens that follow them; they are extended by x. With documents,
        int32 [B, T], a place sees the target and the source of its own document only.
        """
        first_place = 0 if pasts is None else pasts[0].num_places
        own, cross = self.sights(x.shape[1], first_place, positions, memory, documents)
        x = self.dropout(x)
        for number, layer in enumerate(self.layers):
            x = layer(x, own, cross, memory, number, None if pasts is None else pasts[number])
        out: Tensor = self.dropout(self.norm(x))
        return out

    def sights(
        self, num_places: int, first_place: int, positions: Tensor, memory: Memory, documents: Tensor | None
    ) -> tuple[Sight, Sight]:
        """What places first_place, first_place + 1, ... see of themselves and those before them, and of the source."""
        num_keys = first_place + num_places
        own = View(
            num_places,
            num_keys,
            first_query=first_place,
            looks_ahead=False,
            documents=None if documents is None else (documents, documents),
            by_distance=None if self.bias is None else self.bias(num_places, num_keys, first_place),
        )
        cross = View(num_places, memory.keys.shape[1], key_mask=memory.mask)
        if documents is not None and memory.documents is not None:  # padding is a document of its own
            cross = cross._replace(key_mask=None, documents=(documents, memory.documents))
        rotation = Rotation.at(positions, self.config) if self.bias is None else None
        turned = rotation if self.config.rope_in_cross else None
        device, dropout = positions.device, self.dropout.p if self.training else 0.0
        return (
            sight_of(own, device, rotation=rotation, dropout=dropout),
            sight_of(cross, device, rotation=turned, dropout=dropout),
        )


class EncoderDecoder(nn.Module):
    """T5's shape: norms before each part, no biases; feed-forwards with a gate or without, positions by choice.

    pad_id fills short rows and starts every decoder. The weights follow from config, vocab_size and seed
    alone; PyTorch's global generator is neither read nor moved.

    Set `compute_dtype` to torch.bfloat16 to compute in it: weights and their gradients stay in float32, and each
    weight is cast where it is used, once a step. The loss is taken in float32.

    >>> model = EncoderDecoder(ModelConfig(d_model=16, num_heads=2, head_dim=8, d_ff=32), vocab_size=40)
    >>> model.encode(torch.tensor([[5, 6, 7, 1]])).shape
    torch.Size([1, 4, 16])
    """

    def __init__(self, config: ModelConfig, vocab_size: int, *, pad_id: int = 0, seed: int = 0) -> None:
        super().__init__()
        if not 0 <= pad_id < vocab_size:
            raise BadModel(f"pad_id is {pad_id}; it must be an id of the vocabulary, 0 .. {vocab_size - 1}")
        self.config = config
        self.vocab_size = vocab_size
        self.pad_id = pad_id
        self.compute_dtype = torch.float32
        self.embedding = Embedding(vocab_size, config.d_model)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        std = config.head_init * config.d_model**-0.5
        self.head = None if config.tie_head else Head(config.d_model, ((vocab_size, std),))
        self.initialise(seed)

    def initialise(self, seed: int) -> None:
        """Set fresh weights: norms 1, the rest normal, with T5's deviations; nothing on the meta device."""
        if self.embedding.weight.is_meta:
            return
        generator = torch.Generator().manual_seed(seed)
        ends = [module for module in (self.embedding, self.head) if module is not None]
        # The ends come last, so that models of one seed share their layers whatever the vocabulary.
        for module in [*self.encoder.modules(), *self.decoder.modules(), *ends]:
            if isinstance(module, Projection | Embedding | RelativeBias):
                module.initialise(generator)
            elif isinstance(module, RMSNorm):
                nn.init.ones_(module.weight)

    def encode(self, source: Tensor, source_mask: Tensor | None = None, documents: Tensor | None = None) -> Tensor:
        """Encoder states [B, S, D] of ids [B, S]; a mask that is false hides padding."""
        out: Tensor = self.encoder(self._embedded(source), source_mask, documents)
        return out

    def decode(
        self, decoder_input: Tensor, positions: Tensor, memory: Memory, pasts: list[Past] | None = None
    ) -> Tensor:
        """Logits [B, T, V] of decoder input [B, T] at positions [B, T], reading what `remember` made."""
        state = self.decoder(self._embedded(decoder_input), positions, memory, pasts)
        return self._logits(state)

    def logits(self, batch: Batch) -> Tensor:
        """Logits [B, T, V] of every target place; place t sees decoder inputs 0 .. t and the whole source."""
        return self._logits(self._state(batch))

    def token_nats(self, batch: Batch) -> Tensor:
        """Cross-entropy of every target place, float32 [B, T], 0 at IGNORED ones; for evaluation."""
        return linear_nats(*self._to_head(self._state(batch)), batch.target)

    def verdicts(self, batch: Batch, places: Tensor) -> tuple[Tensor, Tensor]:
        """Of some target places, int64 [N] counted row by row: their cross-entropy and whether the target is likeliest.

        float32 [N] and bool [N]; the head is not computed anywhere else.
        """
        state, weight = self._to_head(self._state(batch))
        return linear_verdicts(state.flatten(0, 1)[places], weight, batch.target.flatten()[places])

    def forward(self, batch: Batch, z_loss: float = 0.0) -> LossSum:
        """The summed loss of a batch; inside forward so that it is compiled together with the model."""
        return linear_loss(*self._to_head(self._state(batch)), batch.target, z_loss)

    def loss_at(self, batch: Batch, places: Tensor, z_loss: float = 0.0) -> LossSum:
        """`forward` where targets are few: places, int64 [N] counted row by row, are those that have one.

        The head, half of the work of a small model, is computed nowhere else. Shapes vary with N: not to be compiled.
        """
        state, weight = self._to_head(self._state(batch))
        return linear_loss(state.flatten(0, 1)[places], weight, batch.target.flatten()[places], z_loss)

    def _embedded(self, ids: Tensor) -> Tensor:
        embedded: Tensor = self.embedding(ids)
        return embedded.to(self.compute_dtype)

    def _state(self, batch: Batch) -> Tensor:
        """The decoder's last states [B, T, D]."""
        encoded = self.encode(batch.source, batch.source_mask, batch.source_documents)
        memory = self.decoder.remember(encoded, batch.source_mask, batch.source_documents)
        embedded = self._embedded(batch.decoder_input)
        state: Tensor = self.decoder(embedded, batch.decoder_positions, memory, documents=batch.target_documents)
        return state

    def _to_head(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """What the logits are the product of: states [B, T, D] and the head's matrix [V, D]."""
        if self.head is not None:
            return state, self.head.weight
        # 1 / D and not its root: the stream still carries the input's own embedding, whose product with
        # itself is D, and which would otherwise make the model predict its input.
        return state / self.config.d_model, self.embedding.weight

    def _logits(self, state: Tensor) -> Tensor:
        state, weight = self._to_head(state)
        return nn.functional.linear(state, weight.to(state.dtype))
