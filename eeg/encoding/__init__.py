"""Encoding models: what an audio front end, a network among them, explains of listeners' EEG beyond the envelope."""
