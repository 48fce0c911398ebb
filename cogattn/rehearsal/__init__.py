"""Power-law rehearsal: a continual-learning harness, and the study of catastrophic interference that it serves."""
