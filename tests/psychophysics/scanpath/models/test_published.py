from __future__ import annotations

import dataclasses
from math import inf

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.testing import assert_close

from cogattn.attention.choosing import following
from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.config import TrainingSettings
from cogattn.psychophysics.scanpath.models import looks
from cogattn.psychophysics.scanpath.models.batches import LayoutBatch, PathBatch
from cogattn.psychophysics.scanpath.models.codes import place_codes, sinusoids
from cogattn.psychophysics.scanpath.models.looks import Looks
from cogattn.psychophysics.scanpath.models.loss import nats, outputs
from cogattn.psychophysics.scanpath.models.published import PublishedNetwork
from cogattn.psychophysics.scanpath.models.training import Stepper

TINY = {"width": 24, "heads": 2, "encoder_layers": 2, "decoder_layers": 2, "feedforward": 16}
CROP = (31, 29)


def network(*, crops: bool = False, seed: int = 0, **sizes: float) -> PublishedNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return PublishedNetwork(rows=3, columns=4, crops=crops, crop_size=CROP, **(TINY | sizes)).eval()


def layouts(
    shapes: tuple[tuple[int, int], ...] = ((3, 4), (2, 3)), targets: tuple[int, ...] = (5, 1)
) -> LayoutBatch:
    n = max(rows * columns for rows, columns in shapes)
    position, present = torch.zeros(len(shapes), n, 2), torch.zeros(len(shapes), n, dtype=torch.bool)
    for i, (rows, columns) in enumerate(shapes):
        cell = torch.arange(rows * columns)
        position[i, : rows * columns] = torch.stack([cell % columns * 2.0, cell // columns * 1.5], -1)
        present[i, : rows * columns] = True
    crops = torch.randint(
        0, 256, (len(shapes), n, 3, *CROP), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )
    size = torch.full_like(position, 1.4) * present[..., None]
    return LayoutBatch(
        position, size, torch.zeros(len(shapes), n), present, torch.tensor(targets), crops=crops
    )


def paths(over: LayoutBatch) -> PathBatch:
    objects = torch.tensor([[3, 5, 3, 0], [4, 0, -1, -1], [11, 6, 5, -1]])
    return PathBatch(over, torch.tensor([0, 1, 0]), objects, torch.zeros(3, dtype=torch.int64))


def test_step_by_step_scores_are_those_of_the_whole_path() -> None:
    net, batch = network(crops=True), paths(layouts())
    with torch.inference_mode():
        whole = net(batch)
        state = net.begin(net.encode(batch.layouts), batch.of)
        assert_close(state.scores, whole[:, 0], atol=1e-5, rtol=1e-5)
        for k in range(4):
            state = net.step(state, batch.objects[:, k].clamp(min=0))
            known = batch.objects[:, k] >= 0
            assert_close(state.scores[known], whole[known, k + 1], atol=1e-5, rtol=1e-5)
    assert whole.shape == (3, 5, 13)


def test_it_is_torchs_transformer_with_tokens_and_pointers_as_published() -> None:
    """The same from torch's own encoder and decoder stacks, put together by the publication's description."""
    net, over = network(), layouts(((3, 4),), (5,))
    objects = torch.tensor([[3, 5, 0]])
    batch = PathBatch(over, torch.tensor([0]), objects, torch.zeros(1, dtype=torch.int64))
    encoder = nn.TransformerEncoder(net.encoder[0], 2, enable_nested_tensor=False)
    decoder = nn.TransformerDecoder(net.decoder[0], 2)
    encoder.layers, decoder.layers = net.encoder, net.decoder
    cell = torch.cat([torch.arange(12), torch.tensor([5])])

    def tokens(row: torch.Tensor, column: torch.Tensor, flag: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.zeros(len(row), 12), place_codes(net.table, row, column, flag, width=12)], -1)

    seen = tokens(cell // 4, cell % 4, (torch.arange(13) == 12).long())
    begin = tokens(torch.tensor([1]), torch.tensor([2]), torch.tensor([0]))
    fixated = tokens(objects[0] // 4, objects[0] % 4, (objects[0] == 5).long())
    with torch.no_grad():
        encoded = encoder(seen[None])
        decoded = decoder(
            torch.cat([begin, fixated])[None] + sinusoids(4, 24), encoded,
            tgt_mask=nn.Transformer.generate_square_subsequent_mask(4),
        )  # fmt: skip
        heads = [
            (query(decoded) @ key(encoded).mT) / 24**0.5
            for query, key in zip(net.queries, net.keys, strict=True)
        ]
        expected = torch.stack(heads, -1) @ net.mix.weight[0]
        scores = net(batch)
    assert scores[0, 0, -1] == -inf
    expected[0, 0, -1] = -inf
    assert_close(scores, expected, atol=1e-5, rtol=1e-5)


def test_a_fixation_knows_nothing_of_later_ones_and_padding_counts_for_nothing() -> None:
    net, batch = network(crops=True), paths(layouts())
    later = batch.objects.clone()
    later[:, 1:] = torch.where(later[:, 1:] >= 0, 2, later[:, 1:])
    with torch.inference_mode():
        whole = net(batch)
        other = net(dataclasses.replace(batch, objects=later))
        alone = net(
            PathBatch(
                layouts(((2, 3),), (1,)), torch.tensor([0]), batch.objects[1:2, :2], torch.zeros(1).long()
            )
        )
    assert_close(whole[:, :2], other[:, :2])
    assert not torch.allclose(whole[0, 2], other[0, 2])
    assert bool((whole[1, :, 6:12] == -inf).all())
    crops = batch.layouts.crops
    assert crops is not None
    same = layouts(((2, 3),), (1,))
    with torch.inference_mode():
        alone = net(
            PathBatch(
                dataclasses.replace(same, crops=crops[1:, :6]), torch.tensor([0]), batch.objects[1:2, :2],
                torch.zeros(1).long(),
            )
        )  # fmt: skip
    assert_close(alone[0, :, :6], whole[1, :3, :6], atol=1e-5, rtol=1e-5)
    assert_close(alone[0, 1:, -1], whole[1, 1:3, -1], atol=1e-5, rtol=1e-5)


def test_the_target_is_told_by_its_place_and_by_a_fixation_on_it() -> None:
    net, batch = network(), paths(layouts())
    with torch.inference_mode():
        told, elsewhere, unknown = (
            net(dataclasses.replace(batch, layouts=layouts(targets=targets)))
            for targets in ((5, 1), (6, 1), (-1, -1))
        )
        memory = net.encode(layouts(targets=(-1, 1)))
        of_target = net.encode(layouts(targets=(5, 1)))
    assert not torch.allclose(told[0, 0, :12], elsewhere[0, 0, :12])
    assert_close(told[1], elsewhere[1])
    assert not torch.allclose(told[0, 0, :12], unknown[0, 0, :12])
    differs = (memory.fixated[0] != of_target.fixated[0]).any(-1)
    assert differs.nonzero().tolist() == [[5]]


def test_without_the_target_the_last_token_is_in_the_middle_and_blank() -> None:
    net, over = network(crops=True, encoder_layers=0), layouts(targets=(-1, 1))
    with torch.inference_mode():
        memory = net.encode(over)
        blank = net.looks(torch.ones(1, 3, *CROP))[0]
    expected = torch.cat([blank, place_codes(net.table, *torch.tensor([1, 2, 1]), width=12)])
    assert_close(memory.encoded[0, -1], expected)
    assert_close(memory.begin[0, :12], blank)
    smaller = place_codes(net.table, *torch.tensor([1, 1, 0]), width=12)  # of 2 rows and 3 columns
    assert_close(memory.begin[1, 12:], smaller)


def test_crops_change_what_is_said_and_are_needed() -> None:
    net, batch = network(crops=True), paths(layouts())
    crops = batch.layouts.crops
    assert crops is not None
    dark = dataclasses.replace(batch.layouts, crops=torch.zeros_like(crops))
    with torch.inference_mode():
        assert not torch.allclose(
            net(batch)[:, 0, :6], net(dataclasses.replace(batch, layouts=dark))[:, 0, :6]
        )
    with pytest.raises(DataError, match="must have crops"):
        net(dataclasses.replace(batch, layouts=dataclasses.replace(batch.layouts, crops=None)))


def test_gradients_reach_every_parameter_with_crops_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    net, batch = network(crops=True), paths(layouts())
    gradients = []
    for at_once in (1000, 4):
        monkeypatch.setattr(looks, "CROPS_AT_ONCE", at_once)
        net.zero_grad()
        torch.log_softmax(net(batch), -1)[:, 1, 2].sum().backward()
        gradients.append(
            [parameter.grad.clone() for parameter in net.parameters() if parameter.grad is not None]
        )
    assert len(gradients[0]) == len(list(net.parameters()))
    for one, other in zip(*gradients, strict=True):
        assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_published_sizes() -> None:
    net = PublishedNetwork(rows=6, columns=14)
    assert (len(net.encoder), len(net.decoder), net.width, net.heads) == (4, 4, 512, 4)
    assert not net.encoder[0].norm_first
    assert net.table.shape == (14, 86)
    assert net.looks is not None
    assert net.looks.linear.in_features == 1440  # 32 channels of 9 x 5


def test_crops_go_through_convolution_rectifier_and_maximum_twice() -> None:
    look, crops = Looks(8, (150, 93)), torch.rand(2, 3, 150, 93)
    first, second = (layer for layer in look.convolutions if isinstance(layer, nn.Conv2d))
    seen = functional.max_pool2d(functional.conv2d(crops, first.weight, first.bias).relu(), 5)
    seen = functional.max_pool2d(functional.conv2d(seen, second.weight, second.bias).relu(), 3)
    assert (seen.shape, first.kernel_size, second.kernel_size) == ((2, 32, 9, 5), (5, 5), (3, 3))
    assert_close(look(crops), look.linear(seen.flatten(1)))


def test_ends_of_other_crops_fit_and_too_small_ones_are_refused() -> None:
    look = Looks(8, (150, 93))
    assert look(torch.rand(2, 3, 150, 93)).shape == (2, 8)
    with pytest.raises(ValueError, match="at least 29"):
        Looks(8, (28, 60))


def test_layouts_that_are_no_grid_or_too_large_a_one_are_refused() -> None:
    net = network()
    with pytest.raises(DataError, match=r"at most 3 x 4.*layout 0 of 1"):
        net.encode(layouts(((2, 5),), (0,)))
    scattered = layouts(((2, 3),), (0,))
    moved = scattered.position.clone()
    moved[0, 4, 1] += 0.6
    with pytest.raises(DataError, match="cells of a grid"):
        net.encode(dataclasses.replace(scattered, position=moved))


@pytest.mark.slow
def test_it_learns_a_path_that_is_always_the_same() -> None:
    net, batch = network(crops=True, dropout=0.0).train(), paths(layouts())
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    follows = torch.cat([batch.objects, torch.full((3, 1), -1)], 1)
    for i, length in enumerate((batch.objects >= 0).sum(1).tolist()):
        follows[i, length] = 12
    for _ in range(150):
        optimiser.zero_grad()
        loss = functional.cross_entropy(net(batch).flatten(0, 1), follows.flatten(), ignore_index=-1)
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.2


def test_in_training_the_class_that_is_never_right_takes_its_share() -> None:
    net, batch = network(dropout=0.0), paths(layouts())
    settings = TrainingSettings(learning_rate=1e-12)
    with torch.no_grad():
        scores, _ = outputs(net, batch)
        plain, n = nats(scores, batch)
    shared, _ = Stepper(net, settings).step(batch)
    rows = scores[following(batch.objects, 12, batch.n_given) >= 0]
    share = torch.logsumexp(torch.cat([rows, torch.zeros(len(rows), 1)], 1), 1) - torch.logsumexp(rows, 1)
    assert n == len(rows) == 12
    assert shared - float(plain) == pytest.approx(float(share.sum()), rel=1e-4)
