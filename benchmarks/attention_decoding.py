"""Object attention on a CPU: a training step beside `torch.nn.Transformer`, planes beside tiles, cached decoding.

Run ``python benchmarks/attention_decoding.py`` on a quiet machine. Seconds are CPU seconds of one thread, the two sides
of a row by turns, the best of all rounds. Answers are compared first, gradients too where there are any: with its
geometry at 0 ours is torch's transformer, planes are the fused operator, paths that share a layout are as if each had
its own, and steps that keep what was before are the whole path. A row whose answers differ gets no ratio. A training
step is to take no more than 1.3 times as long as torch's; the exit status is 1 where it does, or where answers differ.
``--quick`` stops after the training steps.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from cogattn.attention import (
    ObjectAttention,
    ObjectDecoder,
    ObjectEncoder,
    ObjectTransformerConfig,
    PointerHead,
    pairs,
)
from cogattn.psychophysics.scanpath.config import NetworkSettings
from cogattn.psychophysics.scanpath.models.batches import LayoutBatch, PathBatch
from cogattn.psychophysics.scanpath.models.network import ScanpathNetwork
from cogattn.running.executors import keep_freed_memory

AGREEMENT = 1e-4  # largest relative error (Frobenius) of a row that is reported
NO_SLOWER = 1 / 1.3  # goal of a training step against torch.nn.Transformer
WIDTH, HEADS, FEEDFORWARD, LAYERS = 128, 4, 256, 2
CONFIG = ObjectTransformerConfig(
    width=WIDTH,
    heads=HEADS,
    feedforward=FEEDFORWARD,
    encoder_layers=LAYERS,
    decoder_layers=LAYERS,
    dropout=0.0,
)

Step = Callable[[], list[Tensor]]


class Ours(nn.Module):
    """Encoder, decoder and pointer, each fixation being the token of the object that it is on."""

    def __init__(self, config: ObjectTransformerConfig) -> None:
        super().__init__()
        self.encoder, self.decoder, self.pointer = (
            ObjectEncoder(config),
            ObjectDecoder(config),
            PointerHead(config),
        )

    def forward(
        self, objects: Tensor, position: Tensor, looked_at: Tensor, features: Tensor | None
    ) -> Tensor:
        encoded = self.encoder(objects, position)
        row = torch.arange(len(objects))[:, None]
        gaze = position.expand(len(objects), -1, -1)[row, looked_at]
        where = self.decoder.look(
            gaze, position, dtype=objects.dtype, pair_features=features, n_layouts=len(objects)
        )
        seen = self.decoder.remember(encoded)
        fixations, _ = self.decoder.extend(encoded[row, looked_at], gaze, seen, where)
        return self.pointer.point(fixations, self.pointer.remember(encoded), where)


class Theirs(nn.Module):
    """The same of torch's own layers, which know no places; weights are those of `ours`."""

    def __init__(self, ours: Ours) -> None:
        super().__init__()
        self.transformer = nn.Transformer(
            WIDTH, HEADS, LAYERS, LAYERS, FEEDFORWARD, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.query, self.key = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        with torch.no_grad():
            self._copy(ours)

    def _copy(self, ours: Ours) -> None:
        self.query.load_state_dict(ours.pointer.query.state_dict())
        self.key.load_state_dict(ours.pointer.key.state_dict())
        self.transformer.encoder.norm.load_state_dict(ours.encoder.norm.state_dict())
        self.transformer.decoder.norm.load_state_dict(ours.decoder.norm.state_dict())
        for mine, other in zip(self.transformer.encoder.layers, ours.encoder.blocks, strict=True):
            copy_layer(mine, (mine.self_attn,), (other.attend,), (other.norm,), other.feedforward.branch)
        for mine, other in zip(self.transformer.decoder.layers, ours.decoder.blocks, strict=True):
            attentions = (mine.self_attn, mine.multihead_attn)
            norms = (other.recall_norm, other.attend_norm)
            copy_layer(mine, attentions, (other.recall, other.attend), norms, other.feedforward.branch)

    def forward(
        self, objects: Tensor, position: Tensor, looked_at: Tensor, features: Tensor | None
    ) -> Tensor:
        encoded = self.transformer.encoder(objects)
        fixations = encoded[torch.arange(len(objects))[:, None], looked_at]
        causal = nn.Transformer.generate_square_subsequent_mask(looked_at.shape[1])
        fixations = self.transformer.decoder(fixations, encoded, tgt_mask=causal, tgt_is_causal=True)
        return self.query(fixations) @ self.key(encoded).mT * WIDTH**-0.5


def copy_layer(
    layer: nn.Module, attentions: Iterable, ours: Iterable, norms: tuple, branch: nn.Sequential
) -> None:
    for peer, module in zip(attentions, ours, strict=True):
        heads = module.projections
        parts = (heads.query, heads.key, heads.value)
        peer.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        peer.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        peer.out_proj.load_state_dict(heads.out.state_dict())
    for i, norm in enumerate((*norms, branch[0])):
        getattr(layer, f"norm{i + 1}").load_state_dict(norm.state_dict())
    layer.linear1.load_state_dict(branch[1].state_dict())
    layer.linear2.load_state_dict(branch[4].state_dict())


def stirred(module: nn.Module, *, geometry: bool = True) -> nn.Module:
    """Give parameters values of their own, so that no part is compared at 0."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if geometry or not any(part in name for part in ("polar", "pair_weight", "area_weight")):
                parameter.add_(0.02 * torch.randn_like(parameter))
    return module


def training(model: nn.Module, leaves: list[Tensor], *inputs: Tensor | None) -> Step:
    """One step without the optimiser: scores, then the gradients of `leaves`."""
    looked_at = inputs[2]
    assert looked_at is not None

    def step() -> list[Tensor]:
        model.zero_grad(set_to_none=True)
        for leaf in leaves:
            leaf.grad = None
        scores = model(*inputs)
        cross_entropy(scores[:, :-1].flatten(0, 1), looked_at[:, 1:].flatten()).backward()
        return [scores.detach(), *(leaf.grad.clone() for leaf in leaves if leaf.grad is not None)]

    return step


def training_rows(rounds: int) -> Iterable[dict]:
    """16 scenes of 84 objects, 40 fixations: with one layout for all, one each, and features of pairs."""
    n_scenes, n_objects, n_fixations = 16, 84, 40
    objects = torch.randn(n_scenes, n_objects, WIDTH, requires_grad=True)
    looked_at = torch.randint(n_objects, (n_scenes, n_fixations))
    for name, n_layouts, n_features in (
        ("one layout", 1, 0), ("a layout each", n_scenes, 0), ("and history", n_scenes, 4),
    ):  # fmt: skip
        ours = stirred(Ours(CONFIG.model_copy(update={"n_pair_features": n_features})), geometry=False)
        theirs = Theirs(ours)
        position = 16 * torch.rand(n_layouts, n_objects, 2)
        features = torch.randn(n_scenes, n_fixations, n_objects, n_features) if n_features else None
        inputs = (objects, position, looked_at, features)
        yield row(
            f"training step, {name} / torch.nn.Transformer",
            training(theirs, [objects], *inputs), training(ours, [objects], *inputs), rounds, goal=NO_SLOWER,
        )  # fmt: skip


def with_rule(step: Step, most_numbers: int) -> Step:
    """Run `step` with planes kept up to so many numbers."""

    def ruled() -> list[Tensor]:
        before, pairs.MOST_NUMBERS = pairs.MOST_NUMBERS, most_numbers
        try:
            return step()
        finally:
            pairs.MOST_NUMBERS = before

    return ruled


def plane_rows(rounds: int) -> Iterable[dict]:
    """An encoder's two layers over objects, forward and backward: what the rule of `pairs` goes by."""
    for n_objects, n_scenes in ((32, 16), (84, 16), (192, 4), (384, 2), (512, 1), (1024, 1)):
        encoder = stirred(ObjectEncoder(CONFIG))
        objects = torch.randn(n_scenes, n_objects, WIDTH, requires_grad=True)
        position = 16 * torch.rand(n_scenes, n_objects, 2)

        def step(encoder=encoder, objects=objects, position=position) -> list[Tensor]:
            objects.grad = None
            encoder.zero_grad(set_to_none=True)
            encoded = encoder(objects, position)
            encoded.square().mean().backward()
            return [encoded.detach(), objects.grad, encoder.blocks[0].attend.geometry.polar.grad]

        name = f"encoder of {n_objects} objects, {n_scenes} scenes: planes / fused"
        yield row(name, with_rule(step, 0), with_rule(step, 2**40), rounds)


def shared_rows(rounds: int) -> Iterable[dict]:
    """A scene that 55 people look at, by 6 fixations each."""
    attend, objects = stirred(ObjectAttention(CONFIG)), torch.randn(1, 192, WIDTH, requires_grad=True)
    of, queries, gaze = (
        torch.zeros(55, dtype=torch.int64),
        torch.randn(55, 7, WIDTH),
        16 * torch.rand(55, 7, 2),
    )
    position = 16 * torch.rand(1, 192, 2)

    def step(share: bool) -> list[Tensor]:
        objects.grad = None
        attend.zero_grad(set_to_none=True)
        layouts = (objects, position) if share else (objects[of], position[of])
        seen = attend(queries, layouts[0], gaze, layouts[1], of=of if share else None)
        seen.square().mean().backward()
        return [seen.detach(), objects.grad, attend.geometry.polar.grad]

    yield row("55 paths: layout shared / copied", lambda: step(False), lambda: step(True), rounds)


def paths(n_paths: int, n_fixations: int, n_objects: int, n_layouts: int) -> PathBatch:
    layouts = LayoutBatch(
        16 * torch.rand(n_layouts, n_objects, 2) - 8, torch.rand(n_layouts, n_objects, 2) + 1,
        torch.randn(n_layouts, n_objects), torch.ones(n_layouts, n_objects, dtype=torch.bool),
        torch.zeros(n_layouts, dtype=torch.int64),
    )  # fmt: skip
    of = torch.arange(n_paths) % n_layouts
    objects = torch.randint(n_objects, (n_paths, n_fixations))
    return PathBatch(layouts, of, objects, torch.zeros(n_paths, dtype=torch.int64))


@torch.inference_mode()
def decoding_rows(rounds: int) -> Iterable[dict]:
    """A path of the study's network fixation by fixation: what was before kept, or seen anew at every step."""
    for n_paths, n_fixations, n_layouts in ((8, 30, 8), (100, 30, 1), (100, 15, 4)):
        network = stirred(ScanpathNetwork(NetworkSettings(), n_features=None)).eval()
        batch = paths(n_paths, n_fixations, 84, n_layouts)

        def kept(network=network, batch=batch) -> list[Tensor]:
            state = network.begin(network.encode(batch.layouts), batch.of)
            scores = [state.scores]
            for objects in batch.objects.T:
                state = network.step(state, objects)
                scores.append(state.scores)
            return [torch.stack(scores, 1)]

        def anew(network=network, batch=batch) -> list[Tensor]:
            scores = []
            for n in range(batch.objects.shape[1] + 1):
                prefix = PathBatch(batch.layouts, batch.of, batch.objects[:, :n], batch.n_given)
                scores.append(network(prefix)[:, -1])
            return [torch.stack(scores, 1)]

        name = f"{n_paths} paths of {n_fixations} over {n_layouts} layouts: cached / anew"
        yield row(name, anew, kept, rounds)


def seconds_of(step: Step) -> tuple[float, list[Tensor]]:
    start = time.process_time()
    answers = step()
    return time.process_time() - start, answers


def row(name: str, theirs: Step, ours: Step, rounds: int, goal: float = 0.0) -> dict:
    """Compare answers, then time both by turns; no ratio, and no goal met, where the answers differ."""
    pairs_of_answers = zip(ours(), theirs(), strict=True)
    error = max(float((a.double() - b.double()).norm() / b.double().norm()) for a, b in pairs_of_answers)
    times = [(seconds_of(ours)[0], seconds_of(theirs)[0]) for _ in range(rounds)]
    mine, other = (1e3 * min(side) for side in zip(*times, strict=True))
    ratio = other / mine if error <= AGREEMENT else None
    met = ratio is not None and ratio >= goal
    shown = "WRONG" if ratio is None else f"{ratio:5.2f}x"
    verdict = f"  >= {goal:.2f}x: {'met' if met else 'MISSED'}" if goal else ""
    print(f"{name:62s} {mine:9.1f} ms {other:9.1f} ms {shown:>7s}  error {error:.0e}{verdict}", flush=True)
    return {
        "case": name, "ours_ms": mine, "theirs_ms": other, "ratio": ratio, "error": error, "goal": goal, "met": met
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="times of each side")
    parser.add_argument("--quick", action="store_true", help="training steps alone")
    parser.add_argument("--json", type=Path, help="file to write the table to")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # both sides, as workers do
    torch.manual_seed(0)
    print(f"{'case':62s} {'ours':>12s} {'theirs':>12s} {'ratio':>7s}")
    tables = (training_rows,) if options.quick else (training_rows, plane_rows, shared_rows, decoding_rows)
    rows = [line for table in tables for line in table(options.rounds)]
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    sys.exit(0 if all(line["met"] for line in rows) else 1)


if __name__ == "__main__":
    main()
