"""Figures of the rehearsal study."""
