"""A few rounds of the fuzz targets, the same ones each time."""

import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).parents[1] / "fuzz" / "fuzz_frames.py"
spec = importlib.util.spec_from_file_location("fuzz_frames", FILE)
assert spec is not None
assert spec.loader is not None
fuzz_frames = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fuzz_frames)


@pytest.mark.parametrize("hundred", range(3))
def test_rounds(hundred: int) -> None:
    for seed in range(100 * hundred, 100 * hundred + 100):
        fuzz_frames.run(seed)
