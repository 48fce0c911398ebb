from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.baselines.saliency import Saliency, saliency_of, spectral_residual
from cogattn.psychophysics.scanpath.config import ScanpathConfig
from cogattn.psychophysics.scanpath.splitting import Split


def odd_one_out(height: int = 240, width: int = 320) -> np.ndarray:
    """Clouds everywhere, with black bars where object 11 of `make_layout` is."""
    image = gaussian_filter(np.random.default_rng(4).normal(size=(height, width)), 9, mode="wrap")
    image = 128 + 30 * image / image.std()
    image[40:80, 120:160][np.arange(40) % 20 < 10] = 0
    return np.clip(image, 0, 255).astype(np.uint8)


def test_what_differs_from_the_rest_is_salient(make_layout) -> None:
    layout = make_layout("a", n_objects=48, picture=odd_one_out())
    assert saliency_of(layout).argmax() == 11
    assert saliency_of(layout).sum() == pytest.approx(1)


def test_residual_turns_with_the_image() -> None:
    image = np.random.default_rng(0).normal(size=(64, 48)).cumsum(axis=0)
    np.testing.assert_allclose(
        spectral_residual(image[::-1, ::-1]), spectral_residual(image)[::-1, ::-1], atol=1e-8
    )
    np.testing.assert_allclose(spectral_residual(image.T), spectral_residual(image).T, atol=1e-8)


def test_saliency_counts_as_far_as_people_go_by_it(path_set, make_layout) -> None:
    layouts = {name: make_layout(name, n_objects=48, picture=odd_one_out()) for name in "abcd"}
    rng = np.random.default_rng(0)
    chances = saliency_of(layouts["a"]) ** 1.5
    given = [
        (name, str(person), rng.choice(48, 30, p=chances / chances.sum()))
        for name in "abcd"
        for person in range(8)
    ]
    data = path_set(*given, layouts=layouts)
    numbers = np.arange(32)
    split = Split(numbers[:16], numbers[16:24], numbers[24:])
    fitted = Saliency().fit(data, split, ScanpathConfig())
    assert fitted.weights[0] == pytest.approx(1.5, abs=0.3)
    (one,) = fitted.predict(data, [data.paths[-1]])
    assert np.exp(one.log_p[0])[11] == pytest.approx((chances / chances.sum())[11], abs=0.05)


def test_a_scene_without_an_image_is_refused(path_set) -> None:
    data = path_set(("a", "p", [0, 1]))
    with pytest.raises(DataError, match=r"must have an image.*\(a\)"):
        Saliency().fit(data, Split(np.arange(1), np.arange(1), np.arange(1)), ScanpathConfig())
    assert Saliency.needs_images
