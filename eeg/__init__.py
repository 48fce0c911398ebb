"""Studies of listening: what the brain follows, from multichannel EEG."""

if __name__ == "eeg":
    raise ImportError("this folder installs as cogattn.eeg; use `from cogattn import eeg`")
