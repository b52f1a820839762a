"""The server's own messages: to standard error, or as a file of the user's says."""

import json
import logging
import logging.config
import tomllib
from pathlib import Path

from .config import Config
from .errors import ConfigError

FORMAT = "%(levelname)s: %(message)s"


def configure(config: Config) -> None:
    """Set logging up once per process. Raises ConfigError for a bad `log_config`."""
    if config.log_config is not None:
        return _load(Path(config.log_config))
    logger = logging.getLogger("fastserve")
    logger.setLevel(config.log_level.upper())
    if not logger.hasHandlers():  # else the program has seen to logging itself
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(FORMAT))
        logger.addHandler(handler)
    return None


def _load(path: Path) -> None:
    """By its suffix: JSON and TOML are for dictConfig, anything else is for fileConfig."""
    readers = {".json": json.loads, ".toml": tomllib.loads}
    try:
        text = path.read_text()
        if read := readers.get(path.suffix):
            logging.config.dictConfig({"disable_existing_loggers": False, **read(text)})
        else:
            logging.config.fileConfig(path, disable_existing_loggers=False)
    except Exception as error:  # what logging.config raises is not documented
        cause = error.__cause__ or error
        problem = f"{path} cannot be used: {type(cause).__name__}: {cause}"
        raise ConfigError("log_config", problem) from error
