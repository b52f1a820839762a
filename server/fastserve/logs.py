"""Logging of the server's messages: to standard error, or as --log-config says."""

import json
import logging
import logging.config
import tomllib
from pathlib import Path

from .config import Config
from .errors import ConfigError

FORMAT = "%(levelname)s: %(message)s"


def configure(config: Config) -> None:
    """Set up logging, once per process. Raises ConfigError for an invalid `log_config`."""
    if config.log_config is not None:
        return _load(Path(config.log_config))
    logger = logging.getLogger("fastserve")
    logger.setLevel(config.log_level.upper())
    if not logger.hasHandlers():  # otherwise the program has set up logging itself
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(FORMAT))
        logger.addHandler(handler)
    return None


def _load(path: Path) -> None:
    """Load a file by its suffix: .json and .toml with dictConfig, others with fileConfig."""
    readers = {".json": json.loads, ".toml": tomllib.loads}
    try:
        text = path.read_text()
        if read := readers.get(path.suffix):
            logging.config.dictConfig({"disable_existing_loggers": False, **read(text)})
        else:
            logging.config.fileConfig(path, disable_existing_loggers=False)
    except Exception as error:  # logging.config does not document what it raises
        cause = error.__cause__ or error
        problem = f"cannot load {path}: {type(cause).__name__}: {cause}"
        raise ConfigError("log_config", problem) from error
