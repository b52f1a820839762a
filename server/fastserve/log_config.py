"""What `log_config` says: a dict or a file, for our loggers or for those of uvicorn.

logging.config and configparser are imported where they are used: most servers need neither.
"""

import copy
import os
from typing import TYPE_CHECKING, Any

from .errors import ConfigError

if TYPE_CHECKING:
    from configparser import RawConfigParser


def plain(value: Any) -> Any:
    """A path as text, a dict or a parser as they are, and an open INI file as a parser.

    Workers get it with the other options, so it has to be picklable. Raises ConfigError.
    """
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, str | dict) or is_parser(value) or value is None:
        return value
    if not hasattr(value, "read"):
        raise ConfigError("log_config", f"must be a file or a dict, not {value!r}")
    import configparser

    parser = configparser.ConfigParser()
    parser.read_file(value)
    return parser


def is_parser(value: object) -> bool:
    """Whether it is configparser's."""
    return hasattr(value, "read_file") and hasattr(value, "sections")


def load(given: Any, use_colors: bool | None) -> None:
    """Configure logging by what `plain` returns. Raises ConfigError."""
    import logging.config

    try:
        source = read(given) if isinstance(given, str) else given
        if is_parser(source):
            rename_sections(source)
            logging.config.fileConfig(source, disable_existing_loggers=False)
        else:
            logging.config.dictConfig(
                {"disable_existing_loggers": False, **with_our_loggers(source, use_colors)}
            )
    except Exception as error:  # logging.config does not document what it raises
        cause = error.__cause__ or error
        name = given if isinstance(given, str) else "it"
        problem = f"cannot load {name}: {type(cause).__name__}: {cause}"
        raise ConfigError("log_config", problem) from error


def read(path: str) -> Any:
    """A dict of a JSON, TOML or YAML file; of other files what configparser makes of them."""
    with open(path) as file:
        text = file.read()
    suffix = os.path.splitext(path)[1]
    if suffix == ".json":
        import json

        return json.loads(text)
    if suffix == ".toml":
        import tomllib

        return tomllib.loads(text)
    if suffix in (".yaml", ".yml"):
        try:
            import yaml  # type: ignore[import-untyped]
        except ImportError:
            raise ImportError(
                "PyYAML is not installed; pip install 'fastserve-asgi[yaml]'"
            ) from None
        return yaml.safe_load(text)
    import configparser

    parser = configparser.ConfigParser()
    parser.read_string(text, source=path)
    return parser


def with_our_loggers(source: dict[str, Any], use_colors: bool | None) -> dict[str, Any]:
    """A copy in which what is said of uvicorn's loggers and formatters is said of ours too."""
    found = copy.deepcopy(source)
    for formatter in found.get("formatters", {}).values():
        if "use_colors" in formatter and use_colors is not None:
            formatter["use_colors"] = use_colors
        for key in ("()", "class"):
            if isinstance(name := formatter.get(key), str):
                formatter[key] = formatter_name(name)
    loggers = found.get("loggers", {})
    messages = [loggers[name] for name in ("uvicorn.error", "uvicorn") if name in loggers]
    if messages:
        loggers.setdefault("fastserve", merged(messages))
    for name in ("access", "asgi"):
        if f"uvicorn.{name}" in loggers:
            loggers.setdefault(f"fastserve.{name}", loggers[f"uvicorn.{name}"])
    return found


def merged(loggers: list[dict[str, Any]]) -> dict[str, Any]:
    """One logger for a logger and its parents, the nearest first."""
    result: dict[str, Any] = {"handlers": [], "propagate": False}
    for each in loggers:
        if "level" in each:
            result.setdefault("level", each["level"])
        result["handlers"] += each.get("handlers", ())
        result["filters"] = [*result.get("filters", ()), *each.get("filters", ())]
        if not each.get("propagate", True):
            return result
    return {**result, "propagate": True}


def rename_sections(parser: "RawConfigParser") -> None:
    """Say of our loggers and formatters what an INI file says of uvicorn's."""
    sections = [parser[name] for name in parser.sections()]
    names = {section.get("qualname") for section in sections}
    ours = {"uvicorn": "fastserve", "uvicorn.access": "fastserve.access"}
    if "uvicorn" not in names:
        ours["uvicorn.error"] = "fastserve"
    for section in sections:
        name = ours.get(section.get("qualname", ""))
        if name is not None and name not in names:
            section["qualname"] = name
        if section.name.startswith("formatter_") and "class" in section:
            section["class"] = formatter_name(section["class"])


def formatter_name(name: str) -> str:
    """uvicorn's formatters are ours, which need no uvicorn."""
    package, _, formatter = name.rpartition(".")
    if package in ("uvicorn.logging", "fastserve.logging"):
        return f"fastserve.formatters.{formatter.replace('Colourized', 'Default')}"
    return name
