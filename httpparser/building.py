"""For packages that `cimport httpparser`."""

import os.path

__all__ = ["get_include"]


def get_include() -> str:
    """The folder of the C header that an extension needs among its `include_dirs`."""
    return os.path.join(os.path.dirname(__file__), "include")
