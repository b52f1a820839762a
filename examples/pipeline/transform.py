"""What happens to a record. It runs in the processes of the pool, on a batch of lines at a time."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

MAX_LINE = 1 << 20  # bytes
MAX_ERRORS = 20  # that are described; all are counted
MAX_AMOUNT = 10**12
CURRENCIES = {"CHF", "EUR", "GBP", "JPY", "USD"}
# A secret of your own keeps others from finding an address by trying many.
PEPPER = b"examples.pipeline"


@dataclass
class Result:
    """What came of a batch. Line numbers count from 1 at the beginning of the batch."""

    output: bytes = b""
    lines: int = 0
    records: int = 0
    bad: int = 0
    errors: list[tuple[int, str]] = field(default_factory=list)


def transform(record: dict) -> dict:
    """An order without its customer's address, with time and money in one form.

    Raises ValueError or KeyError for a record that cannot be used.
    """
    try:
        amount = Decimal(str(record["amount"]))
    except ArithmeticError:
        raise ValueError("amount is not a number") from None
    if not (amount.is_finite() and 0 <= amount < MAX_AMOUNT):
        raise ValueError(f"amount must be from 0 to {MAX_AMOUNT}")
    if record["currency"] not in CURRENCIES:
        raise ValueError("unknown currency")
    time = datetime.fromisoformat(record["time"])
    if time.tzinfo is None:
        raise ValueError("time has no time zone")
    customer = record["email"].strip().lower().encode()
    return {
        "id": record["id"],
        "time": time.astimezone(UTC).isoformat(),
        "customer": hashlib.blake2b(customer, key=PEPPER, digest_size=8).hexdigest(),
        "cents": int(amount * 100),
        "currency": record["currency"],
    }


def transform_batch(batch: bytes) -> Result:
    """The output lines of a batch of input lines."""
    result = Result()
    output = []
    for line in batch.split(b"\n"):
        result.lines += 1
        if not line.strip():
            continue
        try:
            output.append(transform_line(line))
        except Exception as error:  # the data of others can fail in any way
            result.bad += 1
            if len(result.errors) < MAX_ERRORS:
                result.errors.append((result.lines, reason(error)))
    if batch.endswith(b"\n"):
        result.lines -= 1  # split() has an empty piece after the last line feed
    result.records = len(output)
    if output:
        output.append(b"")
    result.output = b"\n".join(output)
    return result


def transform_line(line: bytes) -> bytes:
    if len(line) > MAX_LINE:
        raise ValueError(f"longer than {MAX_LINE} bytes")
    record = json.loads(line)
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    return json.dumps(transform(record), separators=(",", ":")).encode()


def reason(error: Exception) -> str:
    """In a few words, with nothing of the record in it beyond a name."""
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg}, column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    if type(error) is ValueError and len(str(error)) < 100:
        return str(error)
    return f"cannot be used ({type(error).__name__})"
