"""The server's own messages, to standard error."""

import logging

FORMAT = "%(levelname)s: %(message)s"


def configure(level: str) -> None:
    """Give the "fastserve" logger a handler, unless the program has seen to logging itself."""
    logger = logging.getLogger("fastserve")
    logger.setLevel(level.upper())
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(FORMAT))
        logger.addHandler(handler)
