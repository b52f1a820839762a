"""A message, and its position in its channel."""

import json
import re
from typing import NamedTuple

from examples.push.settings import MAX_NAME, MAX_TEXT

NAMES = {
    "channel": re.compile(rf"[\w.-]{{1,{MAX_NAME}}}", re.ASCII),  # part of an id, of an address
    "user": re.compile(rf"[\w.-]{{1,{MAX_NAME}}}"),
}


class Invalid(ValueError):
    """What the client sent cannot be used; the text says why."""


class Unavailable(Exception):
    """Redis does not answer; the client should try again later."""


class Position(NamedTuple):
    """Messages of a channel are numbered without gaps within an epoch.

    A new epoch begins when Redis no longer has the channel.
    """

    epoch: int  # milliseconds since 1970
    number: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.number}"

    @classmethod
    def parse(cls, text: object) -> "Position":
        found = isinstance(text, str) and re.fullmatch(r"([0-9]{1,15})-([0-9]{1,15})", text)
        if not found:
            raise Invalid("a position looks like 1764140363000-17")
        return cls(int(found[1]), int(found[2]))


START = Position(0, 0)


class Message:
    """Encoded once, however many clients it is sent to."""

    __slots__ = ("json", "position")

    def __init__(self, channel: str, position: Position, user: str, text: str, time: int) -> None:
        self.position = position
        fields = {"channel": channel, "id": str(position), "user": user, "text": text, "time": time}
        self.json = encode("message", **fields)


def encode(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"))


def checked_name(name: object, what: str = "channel") -> str:
    if not isinstance(name, str) or not NAMES[what].fullmatch(name):
        raise Invalid(f"the name of a {what} has 1 to {MAX_NAME} letters, digits and . _ -")
    return name


def checked_text(text: object) -> str:
    if not isinstance(text, str) or not text.strip():
        raise Invalid("a message needs a text")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # JSON can name half of a surrogate pair
        raise Invalid("a message is Unicode text") from None
    if size > MAX_TEXT:
        raise Invalid(f"a message has at most {MAX_TEXT} bytes")
    return text
