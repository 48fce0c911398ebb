"""The dashboard: what ran, a model among people, stimuli, studies started from a form, and a person measured.

It computes nothing heavy: the command line is started detached, and the store is read.
"""
