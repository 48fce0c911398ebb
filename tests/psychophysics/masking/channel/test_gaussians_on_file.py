"""Fits on file are those that the paper's procedure finds, and all that the published people ask for."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.psychophysics.masking.channel import fit, paper_fit
from cogattn.psychophysics.masking.channel.population import population_channel
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.people import read_people

ROWS = list(paper_fit._on_file().items())


@pytest.mark.parametrize(
    ("key", "on_file"), ROWS[::9], ids=lambda value: " ".join(f"{v:g}" for v in value or ())
)
def test_a_fit_on_file_is_found_anew(
    key: tuple[float, ...], on_file: tuple[float, float, float] | None
) -> None:
    upper, *counts = key
    found = paper_fit._fitted(np.array(counts), upper)
    if on_file is None or found is None:
        assert found == on_file
        return
    bands = np.arange(len(counts))
    assert paper_fit._gaussian(bands, *found) == pytest.approx(
        paper_fit._gaussian(bands, *on_file), rel=1e-5, abs=1e-5
    )
    flat = [
        paper_fit._flat(*fit, len(counts), paper_fit._at_bound(fit[0], upper)) for fit in (found, on_file)
    ]
    assert flat[0] == flat[1]
    if not flat[0]:  # else which of many equal Gaussians is found depends on the processor
        assert found == pytest.approx(on_file, rel=1e-6)


def test_published_people_need_no_other_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, ...]] = []
    monkeypatch.setattr(paper_fit, "_fitted", lambda counts, upper: asked.append((upper, *counts)))
    counts = read_people(MaskingConfig()).counts
    fit._fit_once.cache_clear()
    population_channel(
        counts.n_correct, counts.n_trials, counts.noise_sds, estimator="paper", nominal_cpi=counts.nominal_cpi
    )
    fit._fit_once.cache_clear()
    assert asked == []
