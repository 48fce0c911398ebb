"""Shapes of the gain: half heights, slopes, and what each is when it is not asked to be anything else."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.psychophysics.masking.channel.gains import GAINS, Free, GainName
from cogattn.psychophysics.masking.channel.likelihood import Cells, ChannelModel, channel_parameters
from cogattn.psychophysics.masking.stimuli.noise import octave_spectra, pyramid_spectra

SDS = np.array([0, 0.01, 0.02, 0.04, 0.08, 0.16])
OWN: dict[GainName, tuple[float, ...]] = {
    "log-gaussian": (),
    "asymmetric": (-0.8,),
    "free": (-0.2, -0.5, -0.9, 0.3),
}


def parameters(gain: GainName, *, own: tuple[float, ...] | None = None) -> np.ndarray:
    shared = channel_parameters(2.3, 24.0, 60.0, steepness=0.8, top_accuracy=0.9)
    return np.concatenate([shared, OWN[gain] if own is None else own])[None]


def gain_at(model: ChannelModel, theta: np.ndarray, octaves: np.ndarray) -> np.ndarray:
    return np.exp(model.gain.log_gain(theta, octaves)[0][0])


@pytest.mark.parametrize("gain", GAINS)
@pytest.mark.parametrize("spectra", [pyramid_spectra(), octave_spectra()], ids=["pyramid", "octave"])
def test_the_gain_is_half_its_maximum_half_a_bandwidth_about_the_centre(gain, spectra) -> None:
    model, theta = ChannelModel.of(spectra, 16, gain), parameters(gain)
    (log_bandwidth, center, log_peak), width = model.features(theta)[0][0], np.exp(theta[0, 0])
    fine = np.linspace(0, 8, 20_001)
    curve = gain_at(model, theta, fine)
    above = fine[curve >= curve.max() / 2]
    assert (np.diff(above) < 1e-3).all()
    assert np.exp(log_bandwidth) == pytest.approx(np.ptp(above), rel=1e-3)
    assert center == pytest.approx((above[0] + above[-1]) / 2, abs=1e-3)
    assert log_peak == pytest.approx(theta[0, 2] + np.log(curve.max()) / 2, abs=1e-4)
    if gain == "asymmetric":
        mode = fine[curve.argmax()]
        assert (above[-1] - mode) / (mode - above[0]) == pytest.approx(np.exp(-0.8), rel=1e-2)
        assert np.ptp(above) == pytest.approx(width, rel=1e-3)


@pytest.mark.parametrize("gain", GAINS)
def test_slopes_are_those_of_finite_differences(gain: GainName) -> None:
    model, cells, theta, step = (
        ChannelModel.of(octave_spectra(), 16, gain),
        Cells.grid(SDS, 7),
        parameters(gain),
        1e-6,
    )
    slopes, by_features = model.slopes(theta, cells)[1], model.features(theta)[1]
    for j in range(theta.shape[1]):
        up, down = theta + step * np.eye(theta.shape[1])[j], theta - step * np.eye(theta.shape[1])[j]
        numerical = (model.slopes(up, cells)[0] - model.slopes(down, cells)[0]) / (2 * step)
        assert slopes[..., j] == pytest.approx(numerical, abs=1e-7)
        numerical = (model.features(up)[0] - model.features(down)[0]) / (2 * step)
        assert by_features[..., j] == pytest.approx(numerical, abs=0.01)  # the top is at a point of a grid


@pytest.mark.parametrize("gain", ["asymmetric", "free"])
def test_without_parameters_of_its_own_a_gain_is_the_log_gaussian(gain: GainName) -> None:
    theta = parameters(gain, own=(0.0,) * len(OWN[gain]))
    plain = ChannelModel.of(octave_spectra()).accuracy(theta[0, :5], SDS)
    assert ChannelModel.of(octave_spectra(), 16, gain).accuracy(theta[0], SDS) == pytest.approx(
        plain, rel=1e-12
    )


def test_the_free_gain_s_own_part_holds_no_parabola_and_has_the_third_derivative_that_it_is_called_by() -> (
    None
):
    gain = Free.over(np.arange(1.0, 8.0), np.array([0.5, 8.0]))
    knots = np.arange(1.0, 8.0)
    deviation = gain.deviation(knots)
    assert np.polyfit(knots, deviation, 2) == pytest.approx(0, abs=1e-9)
    assert np.diff(deviation, n=3, axis=0) == pytest.approx(np.eye(4), abs=1e-9)
    beyond = gain.deviation(np.array([7.0, 8.0, 9.0]))
    assert np.diff(beyond, n=2, axis=0) == pytest.approx(0, abs=1e-9)


def test_a_gain_that_does_not_fall_to_half_has_no_width() -> None:
    model = ChannelModel.of(octave_spectra(), 16, "free")
    wide = np.concatenate([channel_parameters(19.0, 24.0, 60.0, steepness=1, top_accuracy=0.9), np.zeros(4)])
    bandwidth, center, peak = model.features(wide[None])[0][0]
    assert np.isnan([bandwidth, center]).all()
    assert np.exp(peak) == pytest.approx(60, rel=1e-4)


def test_with_three_bands_the_free_gain_is_the_log_gaussian() -> None:
    model = ChannelModel.of(octave_spectra(3, 14.0), 16, "free")
    theta = channel_parameters(2.0, 28.0, 60.0, steepness=1, top_accuracy=0.9)[None]
    assert model.parameters == ChannelModel.of(octave_spectra(3, 14.0)).parameters
    assert model.features(theta)[0][0] == pytest.approx(theta[0, :3])
