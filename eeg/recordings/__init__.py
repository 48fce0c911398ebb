"""EEG recordings: readers, alignment to sound, montages, envelopes, simulated listeners."""
