"""Options and their values: from text, from the types that programs give, and checked."""

import enum
import os
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from httpparser.http1 import TCHAR

from .errors import ConfigError

ENV_PREFIX = "FASTSERVE_"
NO_LIMIT = "none"  # in text, what None is in a program
BOOLS = {
    **dict.fromkeys(("1", "true", "t", "yes", "y", "on"), True),
    **dict.fromkeys(("0", "false", "f", "no", "n", "off"), False),
}
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


@dataclass(frozen=True)
class Option:
    """One field of Config, for the command line, the environment and the docs."""

    name: str
    type: Any
    default: Any
    help: str
    group: str
    optional: bool
    multiple: bool
    rules: Mapping[str, Any]

    @property
    def flag(self) -> str:
        return "--" + str(self.rules.get("flag", self.name)).replace("_", "-")

    @property
    def env(self) -> str:
        return ENV_PREFIX + self.name.upper()

    @property
    def choices(self) -> tuple[str, ...]:
        return tuple(self.rules.get("choices", ()))

    @property
    def also(self) -> Mapping[str, str]:
        """Other words for some of the choices, of uvicorn or of the ssl module."""
        return dict(self.rules.get("also", {}))

    @property
    def is_common(self) -> bool:
        """Whether `--help` without a group shows it."""
        return bool(self.rules.get("common", False))

    @property
    def in_command(self) -> bool:
        """Whether the command line, the environment and the file have it, not Python alone."""
        return not self.rules.get("python_only", False)


def opt(default: Any, help: str, **rules: Any) -> Any:  # noqa: A002
    """One option and its rules.

    `choices` are words, `also` other words for them, of which the log says `own`; `open` allows
    MODULE:ATTRIBUTE too; `low` and `high` bound a number; `none` is what None means; `commas` and
    `one` are for lists; `read` makes a number of text; `number` is for text that may be a number;
    `env` names a variable that has the default; `common` ones are in the short help; `secret` is
    shown nowhere; `python_only` has no flag.
    """
    return field(default=default, metadata={"help": help, **rules}, repr="secret" not in rules)


def options_of(config: Any, groups: Mapping[str, tuple[str, str]]) -> Iterator[Option]:
    """One for each field that opt() has made; `groups` has the first option of each group."""
    hints = typing.get_type_hints(config)
    group = ""
    for member in fields(config):
        if "help" not in member.metadata:
            continue
        group = groups.get(member.name, (group, ""))[0]
        hint = hints[member.name]
        arguments = typing.get_args(hint)
        yield Option(
            name=member.name,
            type=arguments[0] if arguments else hint,
            default=member.default,
            help=member.metadata["help"],
            group=group,
            optional=isinstance(hint, types.UnionType) or hint is Any,
            multiple=typing.get_origin(hint) is tuple,
            rules=member.metadata,
        )


def parse(option: Option, text: str) -> Any:
    """The value of this option that the text names. Raises ConfigError."""
    if option.type in (int, float):
        if option.optional and text.lower() == NO_LIMIT:
            return None
        if "read" in option.rules:
            return check(option, text)
        try:
            return check(option, option.type(text))
        except ValueError as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(option.name, f"{text!r} is not {KINDS[option.type]}") from None
    if option.type is bool:
        if text.lower() not in BOOLS:
            raise ConfigError(option.name, f"{text!r} is not true or false")
        return BOOLS[text.lower()]
    return check(option, text)


def check(option: Option, value: Any) -> Any:
    """The value in the option's type. Raises ConfigError."""
    if value is None:
        return check_none(option)
    if option.type is Any:
        return value
    if option.multiple:
        return check_list(option, value)
    if isinstance(value, enum.Enum):  # ssl.CERT_REQUIRED and the like
        value = value.value
    if isinstance(value, str) and "read" in option.rules:
        try:
            value = option.rules["read"](value)
        except ValueError as error:
            raise ConfigError(option.name, str(error)) from None
    if option.type is str:
        value = as_text(option, value)
    if option.type is float and type(value) is int:
        value = float(value)
    if type(value) is not option.type:
        shown = type(value).__name__ if "secret" in option.rules else repr(value)
        raise ConfigError(option.name, f"must be {KINDS[option.type]}, not {shown}")
    if option.choices:
        return check_choice(option, value)
    if option.type in (int, float):
        check_range(option, value)
    return value


def check_none(option: Option) -> Any:
    """As in uvicorn, None is the default of a list or a switch, and no limit otherwise."""
    if option.optional:
        return None
    if option.multiple:
        return ()
    if "none" in option.rules:
        return option.rules["none"]
    if option.type in (int, float) and option.rules.get("low", 0) == 0 and option.name != "port":
        return option.type(0)
    raise ConfigError(option.name, f"must be {KINDS[option.type]}, not None")


def as_text(option: Option, value: Any) -> Any:
    """Paths are strings, lists of addresses too, and numbers may stand for a choice."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, list | tuple | set) and option.rules.get("commas"):
        return ",".join(map(str, value))
    if type(value) is int and (str(value) in option.also or option.rules.get("number")):
        return str(value)
    return value


def check_choice(option: Option, value: str) -> str:
    word = value.lower()
    word = option.also.get(word, word)
    if word in option.choices:
        return word
    if option.rules.get("open") and ":" in value:  # MODULE:ATTRIBUTE
        return value
    shown = ", ".join(option.choices)
    if option.rules.get("open"):
        shown += " or MODULE:ATTRIBUTE"
    raise ConfigError(option.name, f"{value!r} is not one of {shown}")


def check_list(option: Option, value: Any) -> tuple[str, ...]:
    if isinstance(value, str | os.PathLike) and option.rules.get("one"):
        value = (value,)
    is_list = isinstance(value, list | tuple | set)
    items = [item_text(item) for item in value] if is_list else [None]
    if not all(isinstance(item, str) for item in items):
        raise ConfigError(option.name, f"must be a list of strings, not {value!r}")
    return tuple(map(str, items))


def item_text(item: Any) -> Any:
    """Paths, and (name, value) of a header, as strings."""
    if isinstance(item, os.PathLike):
        return os.fspath(item)
    if isinstance(item, tuple | list) and len(item) == 2:
        if all(isinstance(part, str) for part in item):
            return ":".join(item)
        if all(isinstance(part, bytes) for part in item):
            return b":".join(item).decode("latin-1")
    return item


def check_range(option: Option, value: float) -> None:
    low, high = option.rules.get("low", 0), option.rules.get("high")
    if high is None and isinstance(value, int) and value > LARGEST:
        high = LARGEST
    if not low <= value < float("inf") or (high is not None and value > high):
        wanted = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ConfigError(option.name, f"{value} is out of range; it must be {wanted}")


LARGEST = sys.maxsize  # whole number: more has no room in C
SIZE_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def parse_size(text: str) -> int:
    """Bytes, from "512M" and the like. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,15}) ?([kmg]?)(?:i?b)?", text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is not a size, as 512M or 536870912 are")
    return int(match[1]) * SIZE_UNITS[match[2]]


def parse_threads(text: str) -> int:
    """A number, or "auto". Raises ValueError."""
    if text.lower() == "auto":
        from .cpus import usable_cpus

        return usable_cpus()
    if not re.fullmatch(r"\d{1,9}", text):
        raise ValueError(f"{text!r} is neither a whole number nor auto")
    return int(text)


def parse_mode(text: str) -> int:
    """Permissions in octal. Raises ValueError."""
    if not re.fullmatch(r"(0o)?[0-7]{1,4}", text):
        raise ValueError(f"{text!r} is not an octal mode, as 660 is")
    return int(text, 8)


FIELD_NAME = re.compile(TCHAR + "+")  # RFC 9110 5.1


def parse_header(line: str) -> tuple[bytes, bytes]:
    """Split "Name:Value" into a lower-case name and a value. Raises ConfigError."""
    name, colon, text = line.partition(":")
    value = text.strip(" \t")
    if not colon or FIELD_NAME.fullmatch(name) is None:
        raise ConfigError("headers", f"{line!r} does not have the form Name:Value")
    try:
        encoded = value.encode("latin-1")
    except UnicodeEncodeError:
        raise ConfigError("headers", f"{line!r} has characters outside Latin-1") from None
    # RFC 9110 5.5: CR, LF and NUL are invalid and dangerous.
    if any((byte < 0x20 and byte != 0x09) or byte == 0x7F for byte in encoded):
        raise ConfigError("headers", f"{line!r} has control characters in its value")
    if name.lower() in {"content-length", "transfer-encoding", "connection"}:
        raise ConfigError("headers", f"{name} is set by the server; remove it")
    return name.lower().encode(), encoded
