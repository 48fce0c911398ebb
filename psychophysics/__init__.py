"""Studies of seeing: models and people before the same displays."""

if __name__ == "psychophysics":
    raise ImportError(
        "this folder installs as cogattn.psychophysics; use `from cogattn import psychophysics`"
    )
