"""For packages that `cimport httpparser`."""

from pathlib import Path

__all__ = ["get_include"]


def get_include() -> str:
    """The folder of the C header that an extension needs among its `include_dirs`."""
    return str(Path(__file__).parent / "include")
