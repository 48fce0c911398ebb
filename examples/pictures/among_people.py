"""
Could it be one of the people?
==============================

Two measures of 85 networks and 14 people. A network is placed among the people, never divided by their mean:
:doc:`/people` says what ``p`` and the distance are.
"""

import matplotlib.pyplot as plt

from cogattn.figures import plain_log_ticks
from cogattn.people import persons, place_table
from cogattn.registry import load_study

people = persons("masking")  # a row per person and measure
networks = load_study("masking").published()["subramanian2023-networks"]()
placed = place_table(networks, people, joint=["bandwidth", "centre"])
jointly = placed[placed["measures"] == "bandwidth centre"].set_index("observer")
jointly.loc[
    ["resnet50", "vit_base_patch16_224"], ["distance", "distance_lo", "distance_hi", "p", "power", "n"]
]

# %%
# Circled: networks that both measures together do not tell apart from people, at a power of .6 to find one who is
# three standard deviations off.
wide = {
    name: table.pivot_table(index=column, columns="measure", values="estimate")
    for name, table, column in (("people", people, "person"), ("networks", networks, "observer"))
}
figure, axes = plt.subplots(figsize=(5.5, 4), layout="constrained")
inside = wide["networks"].index.intersection(jointly.index[jointly["p"] > 0.05])
for rows, style, label in (
    (wide["networks"], {"color": "#0072B2", "alpha": 0.35}, "networks"),
    (wide["networks"].loc[inside], {"color": "none", "edgecolors": "black", "s": 80}, "p > .05, jointly"),
    (wide["people"], {"color": "#D55E00"}, "people"),
):
    axes.scatter(rows["centre"], rows["bandwidth"], label=f"{label} ({len(rows)})", **style)
axes.set(xscale="log", yscale="log", xlabel="centre (cycles per image)", ylabel="bandwidth (octaves)")
plain_log_ticks(axes, (5, 10, 20, 40))
plain_log_ticks(axes, (1, 2, 3, 4), axis="y")
axes.legend()
plt.show()
