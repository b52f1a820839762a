"""What all of them serve."""

import itertools


class Items:
    """In memory, by their numbers."""

    def __init__(self) -> None:
        self._items: dict[int, dict] = {}
        self._numbers = itertools.count(1)

    def add(self, name: str, price: float) -> dict:
        item = {"id": next(self._numbers), "name": name, "price": price}
        self._items[item["id"]] = item
        return item

    def all(self) -> list[dict]:
        return list(self._items.values())

    def get(self, number: int) -> dict | None:
        return self._items.get(number)

    def remove(self, number: int) -> bool:
        """Whether it was there."""
        return self._items.pop(number, None) is not None


def problems(item: object) -> list[str]:
    """Why this JSON is not an item; for the frameworks that leave validation to others."""
    if not isinstance(item, dict):
        return ["an item is a JSON object"]
    found = []
    name, price = item.get("name"), item.get("price")
    if not isinstance(name, str) or not 1 <= len(name) <= 100:
        found.append("name must be a text of 1 to 100 characters")
    if isinstance(price, bool) or not isinstance(price, int | float) or not price >= 0:
        found.append("price must be a number from 0 on")
    return found
