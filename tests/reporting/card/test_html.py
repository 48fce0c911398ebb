"""A card as a page: whole in one file, safe, readable by everybody; looked at in a browser in tests/apps."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from cogattn.reporting.card.axis import Axis
from cogattn.reporting.card.html import page
from cogattn.reporting.card.marks import MARKS
from cogattn.reporting.card.model import STATUSES, Card
from cogattn.reporting.card.places import RIGHT as RIGHT_END
from cogattn.reporting.card.places import Distances
from cogattn.reporting.card.strip import RADIUS, SIDE, strip, swarm
from cogattn.reporting.card.style import sheet
from cogattn.reporting.card.words import FACTS, facts, spoken
from tests.reporting.card.samples import CARD, HOSTILE, HOSTILE_CARD, PEOPLE, ROWS
from tests.reporting.card.seen import deuteranope, lightness_of, linear, luminance_of, rgb_of

VOID = {"meta", "link", "br", "img", "hr"}
SVG = {"svg", "path", "circle", "rect"}


class Reader(HTMLParser):
    """Tags with attributes and the text inside them; complains where tags do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.texts.append(data)
            if {"th", "td"} & set(self._open) and "title" not in self._open:
                self.rows[-1][-1] += data

    def of(self, name: str) -> Iterator[dict[str, str | None]]:
        return (attrs for tag, attrs in self.tags if tag == name)


@pytest.fixture(scope="module")
def read() -> Reader:
    return Reader(page(CARD))


def test_the_page_fetches_nothing_and_runs_nothing() -> None:
    text = page(CARD)
    assert not re.search(r"https?:|//|url\(|@import|<script|<iframe|<object|\son\w+=", text)
    reader = Reader(text)
    links = [
        attrs.get("href") or attrs.get("src") for _, attrs in reader.tags if attrs.keys() & {"href", "src"}
    ]
    assert all(link == "data:," or link.startswith("#") for link in links)
    ids = {attrs["id"] for _, attrs in reader.tags if "id" in attrs}
    assert {link[1:] for link in links if link.startswith("#")} <= ids


def test_text_from_outside_stays_text() -> None:
    reader = Reader(page(HOSTILE_CARD))
    assert "script" not in {tag for tag, _ in reader.tags}
    assert not any(name.startswith("on") for _, attrs in reader.tags for name in attrs)
    assert HOSTILE.replace("\x1b", "\ufffd") in reader.texts
    assert "\x1b" not in page(HOSTILE_CARD)


def test_what_must_be_known_stands_before_the_numbers() -> None:
    text = page(CARD)
    assert text.index("got no MANIFEST.json") < text.index("<table")
    assert text.index("not those that people saw") < text.index("4.12")


def test_every_row_has_its_numbers_under_their_names(read: Reader) -> None:
    heads = [row for row in read.rows if row[2:] == list(FACTS)]
    assert len(heads) == len({row.study for row in ROWS if row.measure})
    for row in (each for each in ROWS if each.measure):
        (cells,) = [cells for cells in read.rows if cells and cells[0].startswith(row.label)]
        assert tuple(cells[2:]) == facts(row)
    assert "4.12 [3.50, 4.75]" in (told := facts(ROWS[0]))
    assert "<\u00a00.001" in told
    labels = [attrs["data-label"] for attrs in read.of("td") if "data-label" in attrs]
    assert labels[: len(FACTS)] == list(FACTS)


def test_every_number_stands_under_its_own_name() -> None:
    assert dict(zip(FACTS, facts(ROWS[2]), strict=True)) == {
        "observer": "0.312 [0.250, 0.375]",
        "n": "1,280",
        "people's mean": "0.957 [0.940, 0.970]",
        "persons": "3",
        "distance (SD of people)": "20.0 [0.0, 40.0]",
        "p": "0.034",
        "p by Holm": "0.068",
        "conformal rank": "0.25",
        "power": "0.21",
        "detectable (SD of people)": "9",
        "worth (people)": "2.25 [1.12, inf]",
    }


def test_the_mean_of_simulated_persons_is_not_called_people_s() -> None:
    simulated = replace(ROWS[0], simulated=True)
    told = Reader(page(replace(CARD, rows=(simulated,))))
    (heads,) = [row[2:] for row in told.rows if row[2:3] == [FACTS[0]]]
    assert heads == ["mean, simulated" if fact == "people's mean" else fact for fact in FACTS]
    assert "people's mean" not in {attrs.get("data-label") for attrs in told.of("td")}


def test_every_table_has_headers_and_keeps_its_roles_where_it_is_stacked(read: Reader) -> None:
    scopes = [attrs.get("scope") for attrs in read.of("th")]
    assert set(scopes) == {"col", "row"}
    assert all(attrs.get("role") == "table" for attrs in read.of("table"))
    assert all(attrs.get("role") == "cell" for attrs in read.of("td"))
    assert all(attrs.get("role") == "row" for attrs in read.of("tr"))


def test_every_status_is_a_word_and_a_shape_of_its_own(read: Reader) -> None:
    assert {row.status for row in ROWS} == set(STATUSES) == set(MARKS)
    for status in STATUSES:
        assert status in read.texts
    assert len({re.sub(r"\s", "", mark.shape) for mark in MARKS.values()}) == len(MARKS)
    assert len({mark.symbol for mark in MARKS.values()}) == len(MARKS)


def test_what_does_not_apply_is_grey(read: Reader) -> None:
    grey = re.findall(r'<tr role="row" class="grey">.*?</tr>', page(CARD), flags=re.DOTALL)
    assert [("not run" in row, "does not apply" in row) for row in grey] == [(True, False), (False, True)]
    assert "nothing is stored" in grey[0]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_tested_statuses_differ_in_lightness_to_deuteranopes_and_on_grey_paper(theme: str) -> None:
    colours = [getattr(MARKS[status], theme) for status in ("inside", "outside", "underpowered")]
    for seen in (deuteranope, lambda rgb: rgb):
        lightness = [lightness_of(seen(linear(rgb_of(colour)))) for colour in colours]
        assert min(abs(a - b) for a, b in itertools.combinations(lightness, 2)) > 12


@pytest.mark.parametrize(("theme", "ground"), [("light", "#ffffff"), ("dark", "#15171a")])
def test_every_icon_stands_out_from_the_page(theme: str, ground: str) -> None:
    for mark in MARKS.values():
        luminance = sorted(
            [luminance_of(linear(rgb_of(getattr(mark, theme)))), luminance_of(linear(rgb_of(ground)))]
        )
        contrast = (luminance[1] + 0.05) / (luminance[0] + 0.05)
        assert contrast >= 2.5
        assert contrast >= 3 or mark is MARKS["underpowered"]


def test_every_figure_says_in_words_what_it_shows(read: Reader) -> None:
    figures = [attrs for attrs in read.of("svg") if attrs.get("class") == "strip"]
    assert len(figures) == 4
    assert all(attrs["role"] == "img" for attrs in figures)
    assert figures[0]["aria-label"] == (
        "bandwidth, on a logarithmic axis, tf_efficientnet_lite0: 4.12 [3.50, 4.75] octaves; 8 people, a dot each: "
        "from 0.9 to 1.9 octaves; people's mean: 1.28 [1.05, 1.60] octaves."
    )
    assert all(attrs.get("aria-hidden") == "true" for attrs in read.of("svg") if attrs.get("class") == "icon")


def test_every_person_is_a_dot_at_the_own_value_on_the_measures_axis() -> None:
    drawn = strip(ROWS[0], "net")
    found = re.findall(r'class="person" cx="([\d.]+)".*?<title>(\w+): ([\d.]+)</title>', drawn)
    assert [(name, float(value)) for _, name, value in found] == list(PEOPLE)
    x = np.array([float(place) for place, _, _ in found])
    logs = np.log([value for _, value in PEOPLE])
    slope, origin = np.polyfit(logs, x, 1)
    assert np.abs(slope * logs + origin - x).max() < 0.1  # equal ratios are equally long
    (diamond,) = re.findall(r'class="observer" d="M([\d.]+)', drawn)
    assert float(diamond) == pytest.approx(slope * math.log(4.125) + origin, abs=0.2)


def test_simulated_persons_are_hollow_squares_and_said_to_be_simulated() -> None:
    row = replace(ROWS[0], simulated=True)
    drawn = strip(row, "net")
    assert "<circle" not in drawn
    squares = re.findall(r'class="person simulated" x="([\d.]+)".*?<title>(\w+): [\d.]+</title>', drawn)
    dots = re.findall(r'class="person" cx="([\d.]+)"', strip(ROWS[0], "net"))
    assert [name for _, name in squares] == [name for name, _ in PEOPLE]
    assert [float(x) + SIDE / 2 for x, _ in squares] == pytest.approx([float(x) for x in dots], abs=0.1)
    assert ".simulated{fill:none" in sheet()
    assert ">simulated</text>" in drawn
    assert "8 simulated persons, a hollow square each" in drawn
    assert "people" not in spoken(row, "net")
    whole = page(replace(CARD, rows=(row,)))
    assert "each of 8 simulated persons" in whole
    assert "simulated persons are hollow squares" in whole.partition("<svg")[0]


def test_distances_share_one_axis_that_cuts_nothing_off() -> None:
    axis = Distances.of(ROWS[:3])
    assert axis.end > 40
    places = [axis.at(distance) for distance in (0, 0.75, 4.25, 20, 40)]
    assert places == sorted(set(places))
    assert places[-1] < RIGHT_END
    assert axis.ticks()[:2] == [0, 1]
    for far in (axis, Distances(5000.0)):
        places = [far.at(tick) for tick in far.ticks()]
        assert len(places) >= 4
        assert min(b - a for a, b in itertools.pairwise(places)) >= 18
    drawn = axis.draw(ROWS[0])
    assert "4.25 [2.50, 6.00] SD of people" in drawn
    assert MARKS["outside"].shape in drawn


def test_an_interval_without_end_is_an_arrow() -> None:
    assert 'class="open"' in strip(ROWS[1], "net")
    assert 'class="open"' not in strip(ROWS[0], "net")


def test_dots_do_not_cover_each_other_while_there_is_room() -> None:
    places = [10.0, 10.5, 11.0, 30.0, 10.2]
    moved = swarm(places)
    ends = list(zip(places, moved, strict=True))
    assert min(math.dist(a, b) for a, b in itertools.combinations(ends, 2)) >= 2 * RADIUS - 1e-9
    assert moved[3] == 0


@pytest.mark.parametrize(
    ("values", "log", "ticks"),
    [
        ((0.2, 0.9), False, [0.2, 0.4, 0.6, 0.8]),
        ((0.9, 40.0), True, [1, 3, 10, 30]),
        ((1.0, 4.0), True, [1, 2]),
        ((5.0, 5.0), False, [4.6, 4.8, 5.0, 5.2, 5.4]),
    ],
    ids=["share", "wide log", "narrow log", "one value"],
)
def test_ticks_are_round_and_inside(values: tuple[float, ...], log: bool, ticks: list[float]) -> None:
    axis = Axis.around(values, left=0, right=100, log=log)
    found = axis.ticks()
    assert 2 <= len(found) <= 6
    assert all(axis.low <= tick <= axis.high for tick in found)
    assert set(ticks) <= set(found) or found == pytest.approx(ticks)


def test_an_empty_card_is_a_page() -> None:
    assert "no run" in page(Card(observer="x", store="", made="", rows=ROWS[4:])).lower()
    Reader(page(Card(observer="x", store="", made="", rows=())))


def test_where_the_store_is_is_not_told() -> None:
    assert "/home/somebody" not in page(CARD)
