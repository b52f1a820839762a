"""What an app raises because its client has gone."""

from asyncio import CancelledError


def is_of_disconnect(error: BaseException | None) -> bool:
    """Whether it says only that the client has gone; frameworks wrap what `send()` raised."""
    while error is not None:
        if isinstance(error, (OSError, CancelledError)):
            return True
        if isinstance(error, BaseExceptionGroup):
            return all(is_of_disconnect(part) for part in error.exceptions)
        error = error.__cause__ or error.__context__
    return False
