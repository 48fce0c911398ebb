"""How a search runs: look, weigh what is seen, choose where to look next, until the target or no hope is left.

A searcher says what it sees; the rules of looking are the same for all, so that a control differs from a
model in one thing only. From gaze f_t the log posterior of the target's place x is

    l_t(x) = sum_{s <= t} memory^(t - s) e_s(x) + log p(|x - f_t|) - I_t(x)

with the searcher's evidence e (a log likelihood ratio), a prior p of saccade length, and an inhibition I of
visited places. The next fixation is drawn from ``softmax(l_t / temperature)``, or is its maximum at
temperature 0. A fixation on the target (`places`) ends the search; there is no further recognition, as in the
reference.

References
----------
Gupta, Zhang, Wu, Wolfe, Kreiman (2021), NeurIPS 34: maximum, no memory, no length prior, endless inhibition.
Najemnik, Geisler (2005), Nature 434, 387-391: sums of evidence over fixations.
Zhang et al. (2022), PLoS Comput. Biol. 18, e1009662: inhibition that fades to a floor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit, logsumexp

from cogattn.errors import DataError
from cogattn.psychophysics.search.config import RulesSettings
from cogattn.psychophysics.search.displays.display import Display
from cogattn.psychophysics.search.searchers.places import Places
from cogattn.vision.retina import visibility
from cogattn.vision.scenes.scene import Scene

Array = NDArray[np.float64]


class View(Protocol):
    """What a searcher sees of one scene."""

    def evidence(self, gaze_deg: Array) -> Array:
        """Return log likelihood ratios that the target is at each place.

        Parameters
        ----------
        gaze_deg : array, shape (n_gazes, 2)
            Where it looks, one row for each of several independent searches.

        Returns
        -------
        array, shape (n_gazes, n_places)
            Target there against no target there, in nats; 0 where nothing can be told.
        """
        ...


class Searcher(Protocol):
    """Anything that can look for a scene's target."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def begin(self, scene: Scene, places: Places, rng: np.random.Generator) -> View:
        """Take in a scene once; `rng` is the searcher's own noise."""
        ...

    def __hash__(self) -> int:
        """Return what tells it in a cache."""
        ...


@dataclass(frozen=True, eq=False)
class Search:
    """One finished search.

    Parameters
    ----------
    fixations_deg : array, shape (n, 2)
        Where it looked, the start excluded.
    outcome : {"found", "absent", "limit"}
        Ended on the target, by giving up, or by running out of places.
    least_hope : float
        The lowest `hope` in nats at which it went on; infinite if it gave up at once.
    """

    fixations_deg: Array
    outcome: str
    least_hope: float = np.inf

    @property
    def n_fixations(self) -> int:
        """Number of saccades."""
        return len(self.fixations_deg)


def search(
    searcher: Searcher,
    scene: Scene,
    *,
    rules: RulesSettings,
    rng: np.random.Generator,
    places: Places | None = None,
    n_searches: int = 1,
    start_deg: Array | None = None,
    limit: int | None = None,
    give_up: float | None = None,
) -> list[Search]:
    """Search a scene several times, independently.

    Parameters
    ----------
    searcher : Searcher
        Who looks.
    scene : Scene
        A drawn display, or any other scene together with its `places`.
    rules : RulesSettings
        How to choose.
    rng : numpy.random.Generator
        Draws fixations (and the searcher's noise).
    places : Places, optional
        Where to look and where the target is found; the grid of a display when absent.
    n_searches : int
        At temperature 0 and without noise they are all alike.
    start_deg : array, shape (2,) or (n_searches, 2), optional
        Where they start, the middle when absent; neither tested for the target nor held back.
    limit : int, optional
        Saccades at most; what `rules` say when absent.
    give_up : float, optional
        `hope` in nats below which a search ends; what ``rules.quit_below`` says when absent.

    Returns
    -------
    list of Search

    Raises
    ------
    DataError
        If a scene that is no drawn display comes without places.
    """
    if places is None:
        if not isinstance(scene, Display):
            raise DataError(
                f"places must be given for a scene that is no drawn display; got none ({scene.name})"
            )
        places = Places.of(scene, pitch_deg=rules.pitch_deg)
    view = searcher.begin(scene, places, rng)
    start = np.zeros(2) if start_deg is None else np.asarray(start_deg, dtype=float)
    return look(
        view,
        places,
        rules=rules,
        rng=rng,
        start_deg=np.broadcast_to(start, (n_searches, 2)),
        limit=_fixations_at_most(rules, places.n_cells) if limit is None else limit,
        give_up=give_up,
    )


def look(
    view: View,
    places: Places,
    *,
    rules: RulesSettings,
    rng: np.random.Generator,
    start_deg: Array,
    limit: int,
    give_up: float | None = None,
) -> list[Search]:
    """Search what was taken in, once from each start (n_searches, 2), for `limit` saccades at most; see `search`."""
    gaze = np.array(start_deg, dtype=float)
    belief = np.zeros((len(gaze), len(places.points_deg)))
    visits = np.full(belief.shape, np.inf)  # fixations since each place was visited
    paths: list[list[Array]] = [[] for _ in gaze]
    outcomes = [""] * len(gaze)
    least = np.full(len(gaze), np.inf)
    give_up = float(logit(rules.quit_below or 0.0)) if give_up is None else give_up
    running = np.arange(len(gaze))
    while len(running):
        belief[running] = rules.memory * belief[running] + view.evidence(gaze[running])
        held_back = inhibition(visits[running], rules)
        hopes = hope(belief[running] - held_back)
        ended = np.where(hopes < give_up, "absent", np.where(np.isneginf(hopes), "limit", ""))
        for index, outcome in zip(running, ended, strict=True):
            outcomes[index] = outcome
        going = ended == ""
        running, held_back = running[going], held_back[going]
        least[running] = np.minimum(least[running], hopes[going])
        if not len(running):
            break
        worth = priority(belief[running], held_back, gaze[running], places, rules)
        chosen = choose(worth, rules.temperature, rng)
        gaze[running] = places.points_deg[chosen]
        visits[running] += 1
        visits[running] = np.where(places.closed_by(gaze[running]), 0, visits[running])
        for index, place in zip(running, chosen, strict=True):
            paths[index].append(gaze[index].copy())
            if places.on_target[place]:
                outcomes[index] = "found"
            elif len(paths[index]) >= limit:
                outcomes[index] = "limit"
        running = np.array([index for index in running if not outcomes[index]], dtype=int)
    return [
        Search(np.array(path).reshape(-1, 2), outcome, float(lowest))
        for path, outcome, lowest in zip(paths, outcomes, least, strict=True)
    ]


def _fixations_at_most(rules: RulesSettings, n_cells: int) -> int:
    """The number of grid cells unless another is set; never more where no cell may be visited again.

    After the last one such a search still says that nothing is left.
    """
    if rules.max_fixations is None:
        return n_cells + (rules.inhibition is None)
    return min(rules.max_fixations, n_cells) if rules.inhibition is None else rules.max_fixations


def inhibition(visits: Array, rules: RulesSettings) -> Array:
    """Return how much each visited place is held back, in nats.

    Parameters
    ----------
    visits : array, shape (..., n_places)
        Fixations since the last visit, 0 for the present one, infinite where there was none.
    rules : RulesSettings
        ``inhibition`` in nats, None for an endless one; ``inhibition_decay`` per fixation, down to
        ``inhibition_floor`` of it.
    """
    visited = np.isfinite(visits)
    if rules.inhibition is None:
        return np.where(visited, np.inf, 0.0)
    kept = np.maximum(rules.inhibition_decay ** np.where(visited, visits, 0), rules.inhibition_floor)
    return np.where(visited, rules.inhibition * kept, 0.0)


def hope(log_posterior: Array) -> Array:
    """Return the log odds, in nats, that the target is at a place not yet excluded, even odds beforehand.

    Parameters
    ----------
    log_posterior : array, shape (..., n_places)
        Log likelihood ratio of target against no target at each place; minus infinity where it cannot be.

    Returns
    -------
    array, shape (...)
        Minus infinity where no place is left.
    """
    return logsumexp(log_posterior, axis=-1) - np.log(log_posterior.shape[-1])


def priority(belief: Array, held_back: Array, gaze_deg: Array, places: Places, rules: RulesSettings) -> Array:
    """Return what each place is worth a fixation, in nats up to a constant.

    Parameters
    ----------
    belief : array, shape (n, n_places)
        Evidence kept so far.
    held_back : array, shape (n, n_places)
        Inhibition of each place.
    gaze_deg : array, shape (n, 2)
        Where each search looks.
    places, rules
        As in `search`.
    """
    worth = belief - held_back
    if rules.look == "elm":
        worth = expected_information(worth, places, e2_deg=rules.e2_deg) - held_back
    return worth + saccade_log_prior(gaze_deg, places, rules)


def expected_information(log_posterior: Array, places: Places, *, e2_deg: float) -> Array:
    """Return the log of what each place is worth looking at: the posterior as visible from there.

    Parameters
    ----------
    log_posterior : array, shape (n, n_places)
        Of the target's place, up to a constant.
    places : Places
        Where.
    e2_deg : float
        Eccentricity at which visibility is halved; what is learned goes with its square, as d' squared does.

    References
    ----------
    Najemnik, Geisler (2009), Vision Research 49, 1286-1294: entropy limit minimisation (ELM).
    """
    probability = next_fixation_density(log_posterior, 1.0)
    distance = np.linalg.norm(places.points_deg[:, None] - places.points_deg, axis=-1)
    return np.log(probability @ visibility(distance, e2_deg=e2_deg) ** 2)


def saccade_log_prior(gaze_deg: Array, places: Places, rules: RulesSettings) -> Array | float:
    """Return log prior of each place by its distance from gaze: exponential in length; 0 where none is set."""
    if rules.saccade_scale_deg is None:
        return 0.0
    distance = np.linalg.norm(places.points_deg - gaze_deg[:, None], axis=-1)
    return -distance / rules.saccade_scale_deg


def choose(log_posterior: Array, temperature: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return a place for each row: drawn from the posterior at a temperature, ties at random at 0."""
    noise = rng.random(log_posterior.shape)
    if temperature == 0:
        best = log_posterior.max(axis=1, keepdims=True)
        return np.where(log_posterior == best, noise, -1).argmax(axis=1)
    return (log_posterior / temperature - np.log(-np.log(noise))).argmax(axis=1)  # Gumbel's trick


def next_fixation_density(log_posterior: Array, temperature: float) -> Array:
    """Return the probability of each place to be looked at next, rows summing to 1; see `choose`."""
    if temperature == 0:
        best = log_posterior == log_posterior.max(axis=1, keepdims=True)
        return best / best.sum(axis=1, keepdims=True)
    scaled = log_posterior / temperature
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
