"""Names that are safe as files of a folder, whatever clients ask for."""

import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import quote

MAX_BYTES = 200  # file systems allow 255, and copies get a number

# Separators, what Windows does not allow, and all that is invisible.
FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]')


def safe_name(name: str) -> str:
    """A name of one path component, not hidden, of up to MAX_BYTES bytes; never empty."""
    name = unicodedata.normalize("NFC", name).encode("utf-8", "replace").decode()
    name = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    name = FORBIDDEN.sub("_", name).strip(". ")
    stem, suffix = split(name)
    room = MAX_BYTES - len(suffix.encode())
    stem = stem.encode()[:room].decode("utf-8", "ignore").strip(". ")
    return (stem + suffix) or "unnamed"


def split(name: str) -> tuple[str, str]:
    """Stem and suffix; what is long is no suffix."""
    suffix = PurePosixPath(name).suffix
    if len(suffix.encode()) > 20:
        return name, ""
    return name.removesuffix(suffix), suffix


def numbered(name: str, number: int) -> str:
    """photo.jpg as photo (2).jpg."""
    stem, suffix = split(name)
    return f"{stem} ({number}){suffix}"


def disposition(name: str) -> bytes:
    """Content-Disposition of a download. RFC 6266, with RFC 8187 for the name."""
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}".encode()
