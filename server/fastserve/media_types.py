"""The Content-Type of a file, by its name: the same on every machine."""

import functools
import mimetypes

# What Python's table lacks in some version, or has otherwise than browsers want it.
TYPES = {
    ".avif": "image/avif",
    ".geojson": "application/geo+json",
    ".gz": "application/gzip",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".m4a": "audio/mp4",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".otf": "font/otf",
    ".rtf": "application/rtf",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "text/xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zst": "application/zstd",
}
UNKNOWN = "application/octet-stream"
TEXTS = {"image/svg+xml", "application/wasm", UNKNOWN}
TEXT_SUFFIXES = ("json", "xml", "yaml", "javascript")

_TABLE = mimetypes.MimeTypes()  # without the files of this machine


def media_type(name: str) -> str:
    """With the charset, which is UTF-8, of text."""
    dot = name.rfind(".")
    return of_suffix(name[dot:].lower() if dot > 0 else "")


@functools.lru_cache(256)
def of_suffix(suffix: str) -> str:
    found = TYPES.get(suffix) or _TABLE.types_map[True].get(suffix, UNKNOWN)
    return f"{found}; charset=utf-8" if found.startswith("text/") else found


@functools.lru_cache(256)
def is_compressible(kind: str) -> bool:
    """Whether a compressed copy of such a file can be of use: pictures and archives are so."""
    kind = kind.partition(";")[0]
    return kind.startswith("text/") or kind in TEXTS or kind.endswith(TEXT_SUFFIXES)
