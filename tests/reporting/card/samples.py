"""Cards for tests: every status once, numbers that are easy to know again, and names that try to break out."""

from __future__ import annotations

import math

from cogattn.reporting.card.model import Card, CardRow, JointRow, RunProvenance, SelfCheck

PEOPLE = tuple(
    (f"S{i:02d}", value) for i, value in enumerate((0.9, 1.0, 1.1, 1.2, 1.3, 1.45, 1.6, 1.9), start=1)
)
PLACED = {
    "human": 1.28,
    "human_lo": 1.05,
    "human_hi": 1.6,
    "n_people": 8,
    "rank": 1 / 9,
    "detectable_sd": 3.4,
}
HOSTILE = "<script>alert('x')</script>\" onload=\"alert(1)\x1b[31m&amp;"

ROWS = (
    CardRow(
        study="masking", kind="behaves like", status="outside", measure="bandwidth", label="bandwidth",
        unit="octaves", scale="log", estimate=4.125, lo=3.5, hi=4.75, n=1050, people=PEOPLE, distance=4.25,
        distance_lo=2.5, distance_hi=6.0, p=0.00001, p_holm=0.00003, power=0.85, run="masking/abcdef123456", **PLACED,
    ),
    CardRow(
        study="masking", kind="behaves like", status="inside", measure="centre", label="centre frequency",
        unit="cycles/image", scale="log", estimate=1.5, lo=1.25, hi=math.inf, n=1050, people=PEOPLE, distance=0.75,
        distance_lo=0.0, distance_hi=1.5, p=0.5, p_holm=0.5, power=0.85, run="masking/abcdef123456",
        note="the gain is free", **PLACED,
    ),
    CardRow(
        study="naming", kind="behaves like", status="underpowered", measure="shape_bias", label="shape bias",
        unit="share", scale="share", estimate=0.3125, lo=0.25, hi=0.375, n=1280,
        people=(("P1", 0.96), ("P2", 0.93), ("P3", 0.98)), human=0.957, human_lo=0.94, human_hi=0.97, n_people=3,
        distance=20.0, distance_lo=0.0, distance_hi=40.0, p=0.034, p_holm=0.068, rank=0.25, power=0.21,
        detectable_sd=9.0, worth=2.25, worth_lo=1.125, worth_hi=math.inf, run="naming/0123456789ab",
    ),
    CardRow(
        study="search", kind="behaves like", status="no people", measure="slope", label="slope, target present",
        unit="ms/item", estimate=12.0, lo=10.0, hi=14.0, n=400, human=20.0, run="search/0123456789ab",
    ),
    CardRow(study="scanpath", kind="behaves like", status="not run", note="nothing is stored"),
    CardRow(study="aad", kind="explains people", status="does not apply"),
)  # fmt: skip
CARD = Card(
    observer="tf_efficientnet_lite0",
    store="/home/somebody/runs",
    made="2026-11-29T02:00:00+00:00",
    rows=ROWS,
    joint=(
        JointRow(
            study="masking", measures=("bandwidth", "centre"), distance=4.5, distance_lo=3.0, distance_hi=6.25,
            p=0.00002, rank=1 / 9, power=0.7, n_people=8, run="masking/abcdef123456",
        ),
    ),
    check=(
        SelfCheck(study="masking", measure="bandwidth", label="bandwidth", n=8, outside=0, share=0, lo=0, hi=0.32),
        SelfCheck(study="naming", measure="shape_bias", label="shape bias", n=3, outside=3, share=1, lo=0.44, hi=1),
    ),
    provenance=(
        RunProvenance(
            study="masking", run="masking/abcdef123456", settings='{"seed":0}', matches=True,
            command="cogattn masking --seed 0", started="2026-11-29T01:00:00+00:00", version="0.1.0",
            code="0123456789abcdef", remarks=("Images are drawn, not those that people saw.",),
        ),
    ),
    problems=("search/ffff00001111 must be readable; got no MANIFEST.json",),
)  # fmt: skip
HOSTILE_CARD = Card(
    observer=HOSTILE,
    store=HOSTILE,
    made=HOSTILE,
    rows=(
        CardRow(
            study=HOSTILE, kind="behaves like", status="inside", measure="m", label=HOSTILE, unit=HOSTILE, estimate=1.0,
            lo=0.5, hi=1.5, n=3, people=((HOSTILE, 1.0), ("b", 2.0)), human=1.5, n_people=2, run=HOSTILE, note=HOSTILE,
        ),
    ),
    joint=(
        JointRow(
            study=HOSTILE, measures=(HOSTILE, "m"), distance=1, distance_lo=0, distance_hi=2, p=1, rank=1, power=0.1,
            n_people=2, run=HOSTILE, note=HOSTILE,
        ),
    ),
    check=(SelfCheck(study=HOSTILE, measure="m", label=HOSTILE, n=2, outside=0, share=0, lo=0, hi=0.6),),
    provenance=(
        RunProvenance(
            study=HOSTILE, run=HOSTILE, settings=HOSTILE, matches=False, command=HOSTILE, started=HOSTILE,
            version=HOSTILE, code=HOSTILE, remarks=(HOSTILE,),
        ),
    ),
    problems=(HOSTILE,),
)  # fmt: skip
