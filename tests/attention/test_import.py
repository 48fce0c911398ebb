"""Settings of the attention modules are known without torch."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_the_package_and_its_settings_load_without_torch():
    code = """
import sys, cogattn, cogattn.attention
cogattn.attention.ObjectTransformerConfig(width=64, heads=4)
assert "torch" not in sys.modules
cogattn.attention.FovealAttention
assert "torch" in sys.modules
"""
    subprocess.run([sys.executable, "-P", "-c", code], check=True)
