"""A fovea as a setting of an observer: in every study, of networks with and without weights."""

from __future__ import annotations

import pytest
import timm
import torch
from pydantic import ValidationError

from cogattn.attention import FoveaConfig, FoveatedTransformer
from cogattn.attention.config import NO_FOVEA
from cogattn.errors import ObserverError
from cogattn.observers import alone
from cogattn.observers.build import build_network
from cogattn.observers.check import check
from cogattn.observers.config import NetworkObserver, ReadoutObserver, TimmObserver
from cogattn.observers.facts import facts_of
from cogattn.observers.live import register, wrapped
from cogattn.observers.observer import Observer
from cogattn.observers.rates import work_of
from cogattn.rehearsal.config import RaisedObserver

FOVEA = FoveaConfig(alpha=2.0, e2_deg=1.0)
NAME = "test_vit"


def observer(fovea: FoveaConfig, name: str = NAME) -> TimmObserver:
    return TimmObserver(models=(name,), weights="random", fovea=fovea)


def test_the_fovea_is_in_the_network_and_the_weights_are_the_same():
    images = torch.rand(2, 3, 160, 160)
    plain = build_network(observer(NO_FOVEA), NAME, seed=0)
    want = FoveatedTransformer(plain.module, FOVEA).eval()
    seen = build_network(observer(FOVEA), NAME, seed=0)
    torch.testing.assert_close(seen.logits(images), want(plain.preprocess(images)))
    assert not torch.allclose(seen.logits(images), plain.logits(images))


def test_without_a_fovea_nothing_is_wrapped():
    assert type(build_network(observer(NO_FOVEA), NAME, seed=0).module) is type(timm.create_model(NAME))


def test_images_are_resized_to_the_fovea_s_size():
    network = build_network(observer(FoveaConfig(image_size=320)), NAME, seed=0)
    assert network.input_size == 320
    assert network.features(torch.rand(1, 3, 64, 64)).shape == (1, 64)
    facts = facts_of(observer(FoveaConfig(image_size=320)), NAME, seed=0)
    assert facts is not None
    assert facts.img_size == 320


def test_gradients_reach_the_images():
    images = torch.rand(1, 3, 160, 160, requires_grad=True)
    build_network(observer(FOVEA), NAME, seed=0).logits(images, differentiable=True).sum().backward()
    assert images.grad.abs().sum() > 0


def test_an_untrained_control_keeps_the_fovea():
    settings = TimmObserver(models=(NAME,), fovea=FOVEA)
    control = Observer(NAME).control(alone.UNTRAINED)
    assert alone.settings_of(settings, NAME, control.variant) == observer(FOVEA)


@pytest.mark.parametrize("kind", [TimmObserver, ReadoutObserver], ids=["timm", "readout"])
@pytest.mark.parametrize(
    ("name", "fovea", "told"),
    [
        ("test_resnet", FOVEA, r"observer\.fovea and the network must fit: .* got ResNet \(test_resnet\)"),
        (NAME, FoveaConfig(first_block=9), "first_block must be one of 6 blocks, from 0; got 9"),
    ],
    ids=["no transformer", "no such block"],
)
def test_what_can_have_no_fovea_is_refused_before_any_work(kind, name: str, fovea, told: str):
    settings: NetworkObserver = kind(models=(name,), weights="random", fovea=fovea)
    with pytest.raises(ObserverError, match=told):
        check(settings)
    check(kind(models=(NAME,), weights="random", fovea=FOVEA))


def test_a_network_that_is_raised_has_none():
    with pytest.raises(ValidationError, match="a network that is raised has no fovea"):
        RaisedObserver(models=(NAME,), fovea=FOVEA)


def test_a_live_one_is_an_observer():
    network = FoveatedTransformer(timm.create_model(NAME), FoveaConfig(alpha=2.0, image_size=192)).eval()
    settings = register(network)
    assert (settings.name, settings.image_size) == (NAME, 192)
    images = torch.rand(2, 3, 192, 192)
    seen = wrapped(network, settings)
    torch.testing.assert_close(seen.logits(images), network(seen.preprocess(images)))


def test_work_grows_with_the_patches():
    wide = FOVEA.model_copy(update={"image_size": 320, "radius_deg": 1.0})
    assert work_of(NAME, wide).macts > 3.9 * work_of(NAME).macts
