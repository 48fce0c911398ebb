"""
How many people is it worth?
============================

Nine simulated people name 400 pictures in 16 categories, right in 70 % of cases and else at random. What a further
person answers is predicted from n others, and what remains open is counted in bits. An observer is worth as many
people as leave the same.
"""

import matplotlib.pyplot as plt
import numpy as np

from cogattn.people import worth

rng = np.random.default_rng(0)
shown = rng.integers(16, size=400)


def answers(n: int, attends: float) -> np.ndarray:
    """Return answers (n, 400) of people who name what is shown with probability `attends`."""
    return np.where(rng.random((n, 400)) < attends, shown, rng.integers(16, size=(n, 400)))


people = answers(9, 0.7)
observers = {f"attends {share:.0%}": answers(1, share)[0] for share in (0.0, 0.35, 0.7, 1.0)}
found = {name: worth(one, people, n_alternatives=16) for name, one in observers.items()}

# %%
# The curve is the people's own; each observer lies on it where it leaves as many bits open.
figure, axes = plt.subplots(figsize=(6, 3.8), layout="constrained")
curve = found["attends 70%"].curve
axes.plot(curve, "o-", color="#D55E00", label="n people")
for (name, of), colour in zip(found.items(), ("#000000", "#56B4E9", "#0072B2", "#009E73"), strict=True):
    ends = [max(of.lo, 0), min(of.hi, len(curve) - 1)]
    axes.plot(ends, [of.bits] * 2, color=colour, linewidth=3, alpha=0.4)
    at = min(max(of.worth, 0), len(curve) - 1)
    axes.plot(
        at, of.bits, "D", color=colour, label=f"{name}: worth {of.worth:.2f} [{of.lo:.2f}, {of.hi:.2f}]"
    )
axes.set(xlabel="people from whom one more is predicted", ylabel="bits left open")
axes.legend()
plt.show()
