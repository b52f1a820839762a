"""What `httptools` 0.9 exports: `from httpparser import httptools`."""

import sys

from .. import __version__
from . import parser
from ._url import URL
from .parser import *  # noqa: F403 - as httptools does; `parser` lists them

__all__ = ["URL", "__version__", "install_as_httptools", "parser"]
__all__ += parser.__all__


def install_as_httptools() -> None:
    """Make `import httptools`, and the modules below it, give this package from now on.

    Call it before anything imports httptools: what was imported earlier does not change.
    """
    sys.modules["httptools"] = sys.modules[__name__]
    sys.modules["httptools.parser"] = parser
    for name in ("errors", "parser", "protocol", "url_parser"):
        sys.modules[f"httptools.parser.{name}"] = getattr(parser, name)
