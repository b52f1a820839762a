"""Standing in for httptools in code that imports it by name."""

import sys

__all__ = ["install_as_httptools"]


def install_as_httptools() -> None:
    """Make `import httptools`, and the modules below it, give httpparser from now on.

    Call it before anything imports httptools: what has been imported already stays as it is.
    """
    import httpparser

    from . import _compat, _url, errors, parser, protocol

    sys.modules["httptools"] = httpparser
    sys.modules["httptools.parser"] = parser
    sys.modules["httptools.parser.errors"] = errors
    sys.modules["httptools.parser.parser"] = _compat
    sys.modules["httptools.parser.protocol"] = protocol
    sys.modules["httptools.parser.url_parser"] = _url
