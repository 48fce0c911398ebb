"""What a person agrees to before a block begins. Change the text, and its version is another."""

from __future__ import annotations

VERSION = "2026-11-29"
TITLE = "Consent"
TEXT = (
    "**What happens.** You see pictures and answer by keys or buttons, for the minutes that are given above. "
    "You can stop at any moment by closing the page, and take everything back by *Withdraw*.",
    "**Flicker.** Pictures appear and disappear suddenly, some for half a second, some with strong contrast. "
    "Do not take part if you have photosensitive epilepsy or if flicker makes you unwell.",
    "**What is kept**, in the folder of runs on the computer that serves this page and nowhere else: your answers and "
    "their times, how evenly the screen was drawn, when the window was left, the size of your screen and your distance "
    "from it if you give it, the date. No name, no address, no account, no cookie of ours; a random number stands for "
    "you. Until the block is done, this tab keeps a checkpoint, which ends with the tab.",
    "**Withdraw.** As long as you have the address of your sitting (its number is in it) you can delete all of it from "
    "the disk, during the block and afterwards. Copies that somebody has downloaded meanwhile are not reached.",
    "**For labs.** This text is no ethics approval. Whoever measures people with this page needs the approval of their "
    "own ethics committee, and its consent text.",
)
TICK = "I am 18 or older, I have read this, and I want to take part."
