"""Pictures as HTML: pixels untouched, fixations and densities over them, text escaped."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from cogattn.apps.dashboard.drawing import drawn
from cogattn.exhibits import Picture, Series, Shown

RNG = np.random.default_rng(0)
GREY, COLOUR = RNG.random((40, 50)), RNG.random((40, 50, 3))


def layers(html: str) -> list[tuple[str, bytes]]:
    found = re.findall(r'src="data:([^;]+);base64,([^"]+)"', html)
    return [(kind, base64.b64decode(data)) for kind, data in found]


@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_pixels_reach_the_browser_as_code_values(pixels: np.ndarray) -> None:
    ((kind, data),) = layers(drawn.pictures([Picture(pixels, "noise")]))
    assert kind == "image/png"
    image = Image.open(io.BytesIO(data))
    assert "srgb" in image.info
    np.testing.assert_array_equal(np.asarray(image), np.round(255 * pixels))


def test_pictures_are_enlarged_by_whole_numbers() -> None:
    first, second = re.findall(r"width:(\d+)px", drawn.pictures([Picture(GREY, "a"), Picture(GREY, "b")]))[
        ::2
    ]
    assert (int(first), int(second)) == (500, 250)


def test_text_is_escaped_wherever_it_stands() -> None:
    hostile = '"><script>alert(1)</script>'
    html = drawn.pictures([Picture(GREY, hostile)]) + drawn.table({hostile: hostile})
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 4


def test_so_many_fixations_are_drawn_as_are_asked_for() -> None:
    part = Picture(GREY, "path", points=np.array([[1.0, 2.0], [30.0, 20.0], [10.0, 5.0]]))
    for number in range(4):
        drawings = [
            data.decode() for kind, data in layers(drawn.pictures([part], n_points=number)) if "svg" in kind
        ]
        assert "".join(drawings).count("<circle") == number
    last = drawings[0]
    assert re.findall(r">(\d)</text>", last) == ["1", "2", "3"]
    assert 'points="1.00,2.00 30.00,20.00 10.00,5.00"' in last


def test_a_density_lies_where_it_is_and_can_be_left_out() -> None:
    weights = np.zeros((4, 5))
    weights[1, 2], weights[3, 4] = 0.75, 0.25
    part = Picture(GREY, "map", weights=weights)
    _, (_, data) = layers(drawn.pictures([part]))
    values = np.asarray(Image.open(io.BytesIO(data)))
    assert (values[..., 3] > 0).tolist() == (weights > 0).tolist()
    assert values[1, 2, 3] > values[3, 4, 3]
    html = drawn.pictures([part])
    assert "15 times an even spread" in html
    assert "highest 50 % from the left and 38 % from the top" in html
    assert len(layers(drawn.pictures([part], density=False))) == 1


def test_lines_differ_by_more_than_colour_and_say_what_they_show() -> None:
    x = np.arange(3.0)
    lines = {name: x * number for number, name in enumerate("abc")}
    told = drawn.chart(Series(x, lines, "time (s)", "EEG (µV)", "Three lines.", marks=(1.0,))).to_dict()
    assert told["description"] == "Three lines."
    marks, drawn_lines = told["layer"]
    assert marks["mark"]["type"] == "rule"
    encoding = drawn_lines["encoding"]
    assert (encoding["x"]["title"], encoding["y"]["title"]) == ("time (s)", "EEG (µV)")
    for channel in ("color", "strokeDash"):
        looks = encoding[channel]["scale"]["range"]
        assert len({str(look) for look in looks}) == 3


def test_without_marks_nothing_is_marked() -> None:
    told = drawn.chart(Series(np.arange(3.0), {"a": np.ones(3)}, "time (s)", "b", "One line.")).to_dict()
    assert [layer["mark"]["type"] for layer in told["layer"]] == ["line"]


@pytest.mark.parametrize(
    ("x", "step"), [(np.arange(9), 1), (np.arange(9) / 4, None)], ids=["counts", "seconds"]
)
def test_only_whole_numbers_have_whole_ticks_alone(x: np.ndarray, step: int | None) -> None:
    (lines,) = drawn.chart(Series(x, {"a": np.ones(9)}, "x", "y", "One line.")).to_dict()["layer"]
    assert lines["encoding"]["x"]["axis"].get("tickMinStep") == step


def test_an_npz_holds_all_arrays_and_facts() -> None:
    part = Picture(COLOUR, "a", points=np.ones((2, 2)), weights=np.full((2, 2), 0.25))
    shown = Shown([part, Series(np.arange(2.0), {"y": np.ones(2)}, "x", "y", "b")], {"n": 3})
    with np.load(io.BytesIO(drawn.npz(shown)), allow_pickle=False) as found:
        np.testing.assert_array_equal(found["picture_1_pixels"], COLOUR)
        np.testing.assert_array_equal(found["picture_1_weights"], part.weights)
        np.testing.assert_array_equal(found["series_2_y"], np.ones(2))
        assert str(found["facts"]) == '{"n": 3}'
