"""The Triton kernels where blocks are skipped: unequal tiles, several scenes, a radius per head, ties.

On lattices in spatial order, where about half of the blocks lie beyond the radius, and where the radius is a
distance of the lattice, so that a tie decides about many pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from cogattn.kernels import Layout, foveal_attention, spatial_order
from cogattn.kernels.foveal_attention.call import make_call
from cogattn.kernels.foveal_attention.triton import launch
from cogattn.kernels.foveal_attention.triton.tiling import Tiling, splits, tiling

pytestmark = pytest.mark.usefixtures("fresh_memory_holds_nan")

ON_GPU = torch.cuda.is_available()


def slowly(*cases):
    """Cases that the interpreter takes seconds for and that others of the fast suite stand for."""
    return [pytest.param(*(c if isinstance(c, tuple) else (c,)), marks=pytest.mark.slow) for c in cases]


DTYPE = torch.float32 if ON_GPU else torch.float64  # the interpreter is exact in float64
TILES = {"64 x 32": (64, 32), "64 x 16": (64, 16), "16 x 64": (16, 64)}
RADII = {"none": None, "one": [2.0], "rising": [2.0, 5.0], "falling": [5.0, 2.0]}


def ordered_lattice(wide, high, corner=0.0):
    place = corner + torch.cartesian_prod(torch.arange(float(wide)), torch.arange(float(high)))
    return place[spatial_order(place)]


@pytest.fixture
def scenes(make_problem):
    """Two images, 96 gazes and 144 keys on lattices of other shapes; padding and parameters per head."""

    def build(radius, kind="smooth", dtype=DTYPE):
        problem = make_problem(bias=kind, dtype=dtype, n_queries=96, n_keys=144)
        gaze = torch.stack([ordered_lattice(12, 8), ordered_lattice(6, 16, 2.0)])
        place = torch.stack([ordered_lattice(12, 12), ordered_lattice(9, 16)])
        with torch.no_grad():
            problem.tensors["query_position"].copy_(gaze)
            problem.tensors["key_position"].copy_(place)
        problem.settings["radius"] = None if radius is None else torch.tensor(radius)
        return problem

    return build


@pytest.fixture
def tiles_of(monkeypatch):
    """Make all three kernels use tiles of so many queries and keys."""

    def use(queries, keys):
        monkeypatch.setattr(launch, "_tiling", lambda *_: Tiling(queries, keys, 4, 1))

    return use


def call_of(problem):
    arguments = {
        n: t.detach() if isinstance(t, torch.Tensor) else t for n, t in problem.placed("triton").items()
    }
    defaults = {"log_weight": None, "table": None, "extent_deg": 1.0, "scale": None, "precision": "ieee"}
    return make_call(**(defaults | arguments))


@pytest.mark.parametrize(
    ("tile", "radius"),
    [("16 x 64", "falling"), *slowly(*((tile, "one") for tile in TILES), ("64 x 32", "rising"))],
)
def test_skipped_blocks_change_neither_output_nor_gradients(scenes, tiles_of, assert_agree, tile, radius):
    problem = scenes(RADII[radius])
    tiles_of(*TILES[tile])
    truth = problem.answers(foveal_attention, "reference")
    assert_agree(problem.answers(foveal_attention, "triton"), truth)


@pytest.mark.parametrize("tile", [(16, 64), (64, 16)], ids=str)
def test_all_blocks_are_visited_where_none_is_skipped(make_problem, tiles_of, assert_agree, tile):
    problem = make_problem(dtype=DTYPE, batch=1, heads=1, n_queries=40, n_keys=60)
    tiles_of(*tile)
    truth = problem.answers(foveal_attention, "reference")
    assert_agree(problem.answers(foveal_attention, "triton"), truth)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_splits", "radius"), [(2, "falling"), *slowly((2, "none"), (4, "none"), (4, "falling"))]
)
def test_split_keys_change_neither_output_nor_gradients(
    scenes, tiles_of, monkeypatch, assert_agree, n_splits, radius
):
    """With a radius some splits hold no key of a query, or no block at all."""
    problem = scenes(RADII[radius])
    tiles_of(64, 32)
    monkeypatch.setattr(launch, "_splits", lambda *_: n_splits)
    truth = problem.answers(foveal_attention, "reference")
    assert_agree(problem.answers(foveal_attention, "triton"), truth)


@pytest.mark.parametrize(
    ("n_queries", "n_keys", "kept", "n_programs", "expected"),
    [
        pytest.param(16, 16384, 1.0, 32, 16, id="16 gazes on 16,384 patches: four programs a processor"),
        pytest.param(16, 16384, 0.05, 32, 2, id="few blocks kept: four of them a split"),
        pytest.param(16, 96, 1.0, 1, 1, id="too few keys"),
        pytest.param(4096, 4096, 1.0, 1024, 1, id="enough programs"),
    ],
)
def test_few_queries_on_many_keys_are_split(n_queries, n_keys, kept, n_programs, expected):
    tile = tiling("forward", 64, torch.bfloat16, n_queries)
    assert splits(tile, n_keys, kept, n_programs, n_processors=132) == expected


def numbers_of_sequences(lengths):
    return torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))[None]


def some_pairs(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(5)) < 0.6


SEQUENCES = (numbers_of_sequences([20, 40, 36]), numbers_of_sequences([50, 34, 60]))
PAIRS = {
    "causal": {"causal": True},
    "sequences": {"sequences": SEQUENCES},
    "causal sequences of each image": {
        "causal": True,
        "sequences": tuple(torch.cat([ids, ids.flip(1)]) for ids in SEQUENCES),
    },
    "mask": {"mask": some_pairs(2, 2, 96, 144)},
    "shared mask": {"mask": some_pairs(1, 1, 96, 144)},
}


def with_log_sum(**arguments):
    """Output and log-sum-exp side by side, 0 for the log-sum-exp of a query without keys."""
    out, log_sum = foveal_attention(**arguments, return_lse=True)
    return torch.cat([out, log_sum.masked_fill(log_sum.isinf(), 0.0)[..., None]], -1)


ENOUGH = ("causal sequences of each image", "mask")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pairs", "radius"),
    [
        *((p, "none") for p in ENOUGH),
        *slowly(*((p, "none") for p in PAIRS if p not in ENOUGH), ("causal", "falling")),
    ],
)
def test_hidden_pairs_and_the_log_sum_have_the_references_gradients(
    scenes, tiles_of, assert_agree, pairs, radius
):
    problem = scenes(RADII[radius])
    where = problem.placed("triton")["q"].device
    problem.settings |= {
        name: tuple(t.to(where) for t in value) if isinstance(value, tuple) else value
        for name, value in PAIRS[pairs].items()
    }
    tiles_of(64, 32)
    truth = problem.answers(with_log_sum, "reference")
    assert_agree(problem.answers(with_log_sum, "triton"), truth)


@pytest.mark.slow
def test_the_log_sum_of_split_keys_has_the_references_gradients(scenes, tiles_of, monkeypatch, assert_agree):
    problem = scenes(RADII["rising"])
    tiles_of(64, 32)
    monkeypatch.setattr(launch, "_splits", lambda *_: 2)
    assert_agree(problem.answers(with_log_sum, "triton"), problem.answers(with_log_sum, "reference"))


def grouped(make_problem):
    """Four heads of queries, two to each head of keys, with parameters and radii of their own."""
    problem = make_problem(bias="log", dtype=DTYPE, heads=4, n_queries=20, n_keys=40)
    for name in ("k", "v"):
        problem.tensors[name] = problem.tensors[name].detach()[:, ::2].clone().requires_grad_()
    problem.settings["radius"] = torch.linspace(2.0, 6.0, 4, dtype=DTYPE)
    return problem


@pytest.mark.slow
def test_heads_that_share_keys_have_the_references_gradients(make_problem, monkeypatch, assert_agree):
    """And no kernel is told of keys repeated for each head of queries."""
    seen, kernel = [], launch.key_side_kernel

    class Watched:
        def __getitem__(self, grid):
            return lambda **told: seen.append(told["k_ptr"].shape) or kernel[grid](**told)

    monkeypatch.setattr(launch, "key_side_kernel", Watched())
    problem = grouped(make_problem)
    got = problem.answers(foveal_attention, "triton")
    assert seen == [(2, 2, 40, 16)]
    assert_agree(got, problem.answers(foveal_attention, "reference"))


def test_heads_that_share_keys_have_lists_of_their_own(make_problem, tiles_of, assert_agree):
    problem = make_problem(bias="none", dtype=DTYPE, batch=1, n_queries=32, n_keys=32, weighted=False)
    line = torch.stack([2 * torch.arange(32), torch.zeros(32)], -1)[None].to(DTYPE)
    problem.tensors |= {"query_position": line, "key_position": line}
    for name in ("k", "v"):
        problem.tensors[name] = problem.tensors[name].detach()[:, :1].clone().requires_grad_()
    problem.settings["radius"] = torch.tensor([1.0, 90.0])  # the first sees no neighbouring block
    tiles_of(16, 16)
    truth = problem.answers(foveal_attention, "reference")
    assert_agree(problem.answers(foveal_attention, "triton"), truth)


def test_lists_are_kept_for_their_tiles_and_their_number_of_queries(scenes):
    call = call_of(scenes([2.0]))
    gaze, place = call.query_position[:, :1], call.key_position
    scene = Layout(gaze, place, radius=2.0)
    shapes = [
        launch.visits(call._replace(q=call.q[:, :, :n]), scene, Tiling(*tile, 4, 1)).index.shape[2:]
        for n, tile in ((96, (16, 64)), (96, (32, 16)), (40, (16, 64)), (96, (16, 64)))
    ]
    assert shapes == [(6, 3), (3, 9), (3, 3), (6, 3)]


def test_images_of_one_scene_have_lists_of_their_own_where_their_padding_differs(scenes):
    call = call_of(scenes([2.0]))
    weight = torch.zeros_like(call.log_weight)
    weight[1, :100] = -torch.inf
    one = call._replace(
        query_position=call.query_position[:1], key_position=call.key_position[:1], log_weight=weight
    )
    count = launch.visits(one, one.scene, Tiling(16, 16, 4, 1)).count
    assert count.shape[0] == 2
    assert count[1].sum() < count[0].sum()


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("pairs", "most"), [("causal", 0.75), ("sequences", 0.7)])
def test_blocks_of_hidden_pairs_are_skipped(scenes, pairs, most, transposed):
    problem = scenes(None)
    problem.settings |= PAIRS[pairs]
    call = call_of(problem)
    lists = launch.visits(call, call.scene, Tiling(16, 16, 4, 1), transposed=transposed)
    assert lists.count.sum() < most * lists.index.numel()


@pytest.mark.parametrize("n_dims", [3, *slowly(1)])
def test_positions_of_one_and_three_coordinates(make_problem, assert_agree, n_dims):
    problem = make_problem(bias="log", radius=3.0, dtype=DTYPE)
    for name in ("query_position", "key_position"):
        plane = problem.tensors[name].detach()
        moved = torch.cat([plane, plane.flip(-2)], -1)[..., :n_dims].contiguous()
        problem.tensors[name] = moved.requires_grad_()
    truth = problem.answers(foveal_attention, "reference")
    assert_agree(problem.answers(foveal_attention, "triton"), truth)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("tile", TILES)
def test_the_scenes_skip_blocks_and_differ(scenes, tile, transposed):
    """Else the test above would pass without lists, or with those of one image for both."""
    call = call_of(scenes([2.0]))
    lists = launch.visits(call, call.scene, Tiling(*TILES[tile], 4, 1), transposed=transposed)
    assert lists.count.sum() < 0.9 * lists.index.numel()
    assert not torch.equal(lists.count[0], lists.count[1])


@pytest.mark.parametrize("kind", ["log", *slowly("smooth", "gauss")])
def test_bfloat16_gradients_are_recentred(make_problem, kind):
    """The rows of dS sum to 0 only after delta's correction: it reaches alpha, e2 and the gaze."""
    problem = make_problem(bias=kind, dtype=torch.bfloat16, n_queries=64, n_keys=64, weighted=False)
    truth = problem.answers(foveal_attention, "reference")
    got = problem.answers(foveal_attention, "triton")
    bound = 1e-2 if ON_GPU else 1e-4  # the interpreter multiplies in float32
    for name in ("alpha", "e2", "query_position"):
        torch.testing.assert_close(
            got[name], truth[name], rtol=bound, atol=bound * float(truth[name].abs().max())
        )


@dataclass
class Emulated:
    """What `create_inline_asm` returns: the output registers, here one."""

    result: object

    def get_result(self, _):
        return self.result


PTX = {
    "mul.rn.f32": np.multiply,
    "add.rn.f32": np.add,
    "lg2.approx.f32": np.log2,
    "rcp.approx.ftz.f32": np.reciprocal,
}


def run_ptx(text, inputs):
    """Register $0 after the instructions of `text`, with `inputs` in $1, $2; others are not known here."""
    registers = {f"${i}": values for i, values in enumerate(inputs, 1)}
    for line in text.strip("{} ").split(";"):
        name, _, operands = line.strip().partition(" ")
        if name and name != ".reg":
            target, *sources = operands.replace(" ", "").split(",")
            registers[target] = PTX[name](*(registers[source] for source in sources))
    return registers["$0"]


@pytest.fixture
def emulated_instructions(monkeypatch):
    """Run the kernels' inline assembly in the interpreter, as a GPU would, up to its rounding."""
    interpreter = pytest.importorskip("triton.runtime.interpreter")

    def create(builder, text, constraints, values, types, is_pure, pack):
        assert constraints == ",".join(["=f", *"f" * len(values)])
        with np.errstate(divide="ignore"):
            result = run_ptx(text, [value.data for value in values])
        return Emulated(interpreter.TensorHandle(result, types[0].scalar))

    monkeypatch.setattr(interpreter.InterpreterBuilder, "create_inline_asm", create)
    monkeypatch.setattr(launch, "FAST", True)


@pytest.mark.slow
@pytest.mark.skipif(ON_GPU, reason="the other tests run the instructions themselves")
@pytest.mark.parametrize("kind", ["log", *slowly("smooth")])
def test_inline_assembly_computes_what_the_portable_functions_do(
    scenes, tiles_of, assert_agree, emulated_instructions, kind
):
    problem = scenes([2.0], kind, torch.float32)
    tiles_of(64, 32)
    truth = problem.answers(foveal_attention, "reference")
    assert_agree(problem.answers(foveal_attention, "triton"), truth)


@pytest.mark.parametrize("parameter", ["alpha", "e2", "radius"])
def test_a_number_is_worth_the_tensor_that_holds_it(make_problem, assert_agree, parameter):
    """Numbers reach the kernels as arguments, tensors as pointers."""
    arguments = make_problem(bias="log", radius=2.5, batch=1, dtype=torch.float32, n_queries=40).placed(
        "triton"
    )
    arguments = {n: t.detach() if isinstance(t, torch.Tensor) else t for n, t in arguments.items()}
    arguments |= {"alpha": 1.25, "e2": 0.75}
    as_tensor = torch.tensor([arguments[parameter]], device=arguments["q"].device)
    assert torch.equal(
        foveal_attention(**arguments, impl="triton"),
        foveal_attention(**(arguments | {parameter: as_tensor}), impl="triton"),
    )


@pytest.mark.parametrize("wide", ["heads", "rows"])
def test_offsets_pass_two_to_the_31(make_problem, wide):
    """Views of four gigabytes that nobody touches but where the kernel reads."""
    arguments = make_problem(heads=3, batch=1, n_queries=5, n_keys=17, dtype=torch.float16).placed("triton")
    arguments = {n: t.detach() if isinstance(t, torch.Tensor) else t for n, t in arguments.items()}
    torch.utils.deterministic.fill_uninitialized_memory = False
    room = torch.empty(2**31 + 2**12, dtype=torch.float16, device=arguments["k"].device)
    strides = (0, 2**30, 16, 1) if wide == "heads" else (0, 16, 2**27, 1)
    spread = room.as_strided(arguments["k"].shape, strides)
    spread.copy_(arguments["k"])
    got = foveal_attention(**(arguments | {"k": spread}), impl="triton")
    assert torch.equal(got, foveal_attention(**arguments, impl="triton"))
