"""
The card of a network of your own
=================================

One study's run of the network that ``own_network.py`` makes, and the card that is read from it: measure by measure,
where is the network among people? Studies that were not run are on the card and say so. Takes some 20 s of one core.
On the command line a whole card is ``cogattn card own_network:by_heart --run``, with the settings that a card has.
"""

from __future__ import annotations

import matplotlib.pyplot as plt

import cogattn

NETWORK = "own_network:by_heart"


def main() -> None:
    """Run, read the card, print its rows and draw those that were placed among people."""
    cogattn.run(
        "masking",
        observer=NETWORK,
        images={"n_images": 64, "size": 64},
        noise={"n_bands": 5, "sds": (0, 0.08, 0.16, 0.32)},
        design={"kind": "crossed"},
        channel={"n_bootstrap": 100},
        workers=1,
        progress=False,
    )
    card = cogattn.Card.of(NETWORK, any_settings=True)
    print(card.table[["study", "measure", "status", "estimate", "distance", "p"]].to_string(index=False))
    print(card.counts)
    draw(card)


def draw(card: cogattn.Card) -> None:
    """Draw distances from people's means, in their standard deviations."""
    placed = card.table.dropna(subset="distance")
    _, axes = plt.subplots(figsize=(7, 0.6 + 0.4 * len(placed)), layout="constrained")
    axes.errorbar(
        placed["distance"],
        range(len(placed)),
        xerr=[placed["distance"] - placed["distance_lo"], placed["distance_hi"] - placed["distance"]],
        fmt="o",
        color="#0072B2",
    )
    axes.axvline(0, color="#D55E00")
    axes.set_yticks(range(len(placed)), placed["label"] + ": " + placed["status"])
    axes.set_xlabel("distance from people's mean (their SDs)")
    plt.show()


if __name__ == "__main__":
    main()
