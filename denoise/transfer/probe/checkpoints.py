"""The checkpoints of a run, from its initial weights on, and what each had cost and learnt."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch

from denoise.feed.data import DenoisingData
from denoise.hub.start import starting_model
from denoise.hub.trained import Trained, load_trained, read_weights, run_config_of
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.train.assembly import build_data, spend, step_seconds
from denoise.train.budget import run_flops
from denoise.train.checkpoint_files import steps_in, why_unusable
from denoise.train.config import RunConfig
from denoise.train.run_folder import RunFolder
from denoise.train.scores import Scores, score
from denoise.transfer.training import on

Weights = dict[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """A run from step 0 to its last checkpoint."""

    trained: Trained
    """The run at its last checkpoint; its model is filled anew for each step."""
    config: RunConfig
    """The run's own values, with the place where its tokens are now."""
    data: DenoisingData
    """The run's own batches: they tell the tokens of a step, and the held-out windows."""
    files: dict[int, Path]
    """The checkpoints that can be read, by step."""
    passed_over: dict[str, str]
    """Those that cannot be, and why."""

    @classmethod
    def of(cls, folder: Path, data: Path | None) -> Checkpoints:
        """All that are there. Raises BadCheckpoint for a run that cannot be read."""
        trained = load_trained(folder, data)
        config = run_config_of(folder)
        config = dataclasses.replace(config, data=str(data or config.data))
        found = steps_in(RunFolder(folder).checkpoints)
        damaged = {step: reason for step, path in found.items() if (reason := why_unusable(path, None)) is not None}
        feed = build_data(config)
        spend(config, feed, step_seconds(config, feed, RunFolder(folder)))
        return cls(
            trained=trained,
            config=config,
            data=feed,
            files={step: path for step, path in found.items() if step not in damaged},
            passed_over={str(step): reason for step, reason in damaged.items()},
        )

    @property
    def steps(self) -> tuple[int, ...]:
        """0, and the step of every checkpoint."""
        return (0, *self.files)

    def weights(self, step: int) -> Weights:
        """The weights after some steps; of none, those that the run began with."""
        if step == 0:
            return starting_model(self.config, self.trained.tokenizer).state_dict()
        return read_weights(self.files[step])[1]

    def tokens(self, step: int) -> int:
        """Encoder and decoder tokens that the first `step` steps cost."""
        return self.data.tokens_before(step)

    def flops_share(self, step: int) -> float:
        """Share of the run's operations that they cost."""
        phases, model, size = self.data.phases, self.config.model, self.data.vocab.size
        begun = [
            phase._replace(num_steps=min(phase.num_steps, step - phase.first_step))
            for phase in phases
            if phase.first_step < step
        ]
        return run_flops(model, size, begun) / run_flops(model, size, phases)

    @torch.inference_mode()
    def held_out(self, model: EncoderDecoder) -> Scores:
        """The run's own evaluation of a model."""
        device = next(model.parameters()).device
        token_bytes = torch.from_numpy(self.data.store.tokenizer.token_bytes.astype("int64")).to(device)
        batches, scores = self.data.held_out_batches(), Scores.zero(device)
        for number in range(len(batches)):
            batch = on(device, batches[number])
            scores = scores + score(model.token_nats(batch.for_model()), batch, token_bytes)
        return scores


def digest_of(weights: Weights) -> str:
    """SHA-256, in hex, of all weights and their names."""
    digest = sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
