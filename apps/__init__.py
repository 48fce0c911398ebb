"""Programs over the studies: they reach them through the registry only."""

if __name__ == "apps":
    raise ImportError("this folder installs as cogattn.apps; use `from cogattn import apps`")
