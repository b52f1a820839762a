"""Messages with the same items: dicts that Python stores in different ways, and other mappings."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

Items = Iterable[tuple[str, Any]]


class Message(dict[Any, Any]):
    pass


class Namespace:
    """Its __dict__ shares its keys with those of others."""


def of_attributes(items: Items) -> dict[Any, Any]:
    made = Namespace()
    for name, value in items:
        setattr(made, name, value)
    return vars(made)


def with_a_gap(items: Items) -> dict[Any, Any]:
    made = {"gone": None, **dict(items)}
    del made["gone"]
    return made


def with_a_gap_behind(items: Items) -> dict[Any, Any]:
    """In the middle of a dict that once was large."""
    made: dict[Any, Any] = {}
    for number, (name, value) in enumerate(items):
        made[name] = value
        made.update({f"{number} {i}": i for i in range(300)})
    for name in [name for name in made if name[0].isdigit()]:
        del made[name]
    return made


def with_a_number_gone(items: Items) -> dict[Any, Any]:
    """Its keys may be of any kind still."""
    made: dict[Any, Any] = {5: None, **dict(items)}
    del made[5]
    return made


SHAPES: dict[str, Callable[[Items], Mapping[Any, Any]]] = {
    "plain": dict,
    "attributes": of_attributes,
    "gap": with_a_gap,
    "gaps behind": with_a_gap_behind,
    "backwards": lambda items: dict(list(items)[::-1]),
    "other names": lambda items: {"".join(list(name)): value for name, value in items},
    "a number": lambda items: {**dict(items), 5: None},
    "a number first": lambda items: {5: None, **dict(items)},
    "a number gone": with_a_number_gone,
    "subclass": Message,
    "mapping": lambda items: MappingProxyType(dict(items)),
}
