"""
Forgetting, with and without rehearsal
======================================

A small network learns five permutations of scikit-learn's digits one after the other. A quarter as many old items as
new ones are shown again: none, of all past tasks alike, or by a power law of their age (:doc:`rehearsal
</rehearsal>`).
"""

import matplotlib.pyplot as plt

import cogattn

run = cogattn.run(
    "rehearsal",
    schedules=("none", "uniform", "power:1"),
    n_tasks=(5,),
    n_seeds=3,
    n_test=200,
    n_bins=2,
    training={"n_new": 400},
    workers=1,
    progress=False,
)

# %%
# Accuracy in the first task, after each of the five:
matrix = run.tables["matrix"].query("task == 1 and after >= 1")
figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
for schedule, rows in matrix.groupby("observer", sort=False):
    axes.errorbar(rows["after"], rows["score"], rows["se"], marker="o", capsize=3, label=schedule)
axes.set(xlabel="tasks learnt", ylabel="accuracy in the first task", xticks=range(1, 6), ylim=(0, 1))
axes.legend(title="rehearsal")
plt.show()

# %%
# What is averaged over tasks has its interval over networks, here three:
forgetting = run.summary.query("measure == 'forgetting'")
forgetting[["observer", "estimate", "lo", "hi", "n"]]
