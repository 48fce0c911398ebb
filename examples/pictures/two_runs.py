"""
Two runs side by side
=====================

Two runs of the smallest study there is, with other settings: in what do they differ, and by how much do the
observers? `cogattn compare` prints the same.
"""

import matplotlib.pyplot as plt

import cogattn

STUDY = "cogattn.testing.coin:CoinStudy"
runs = [
    cogattn.run(STUDY, coins={"kind": "loaded", "heads": heads}, workers=1, progress=False)
    for heads in ((0.5, 0.6), (0.5, 0.7))
]
found = cogattn.compare(*runs)
found.settings.head()

# %%
# The observers of both, with their intervals:
values = found.values
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
for place, row in enumerate(values.to_dict("records")):
    colour = f"C{list(values['source'].unique()).index(row['source'])}"
    axes.plot([row["lo"], row["hi"]], [place] * 2, color=colour)
    axes.plot(row["estimate"], place, "o", color=colour)
axes.set_yticks(range(len(values)), values["observer"] + ", " + values["source"].str[-4:])
axes.set_xlabel(f"{row['label']} ({row['unit']})")
plt.show()

# %%
# And the differences between them:
found.differences[["first", "second", "kind", "estimate", "lo", "hi", "n", "p"]]
