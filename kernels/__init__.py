"""Tensor operators of the visual field; needs torch and triton alone and knows nothing above it."""

if __name__ == "kernels":
    raise ImportError("this folder installs as cogattn.kernels; use `from cogattn import kernels`")
