"""Made-up orders as JSON lines, one in a thousand of them bad.

python -m examples.pipeline.sample 1000000 | gzip > orders.jsonl.gz
"""

import itertools
import json
import random
import sys
from collections.abc import Iterator

BAD = ['{"id": 1, "amount"', '{"id": 2}', "[]", '{"id": 3, "amount": "much", "currency": "EUR"}']


def orders(count: int) -> Iterator[str]:
    """About 270 bytes each, with their line feeds."""
    chance = random.Random(1)
    for number in range(1, count + 1):
        if number % 1000 == 0:
            yield chance.choice(BAD) + "\n"
            continue
        day, second = chance.randrange(1, 29), chance.randrange(60)
        order = {
            "id": number,
            "time": f"2026-10-{day:02}T12:30:{second:02}+02:00",
            "email": f"Customer{chance.randrange(100_000)}@example.org",
            "amount": f"{chance.randrange(100_000) / 100:.2f}",
            "currency": chance.choice(["CHF", "EUR", "GBP", "USD"]),
            "items": [chance.randrange(1000) for _ in range(12)],
            "note": "please leave it with the neighbours if nobody answers the door",
        }
        yield json.dumps(order) + "\n"


if __name__ == "__main__":
    lines = orders(int(sys.argv[1]))
    while some := "".join(itertools.islice(lines, 1000)):
        sys.stdout.write(some)
