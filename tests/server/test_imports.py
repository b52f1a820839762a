"""Which way the arrows point: who may import whom."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"httpparser": ROOT / "httpparser", "fastserve": ROOT / "server" / "fastserve"}
# Python and Cython: `import a.b`, `from a import b`, `cimport a`, `from .a cimport b`.
STATEMENT = re.compile(
    r"^\s*(?:from\s+(?P<source>[.\w]+)\s+c?import\s+(?P<names>[^#]+)|c?import\s+(?P<whole>[^#]+))",
    re.MULTILINE,
)
# Files that are pure: bytes in, events or bytes out.
SANS_IO = ("http/_framing", "http/_response", "http/h11", "http/parsers", "websocket/_protocol",
           "websocket/deflate", "websocket/denial", "websocket/events", "websocket/handshake")  # fmt: skip


def sources():
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*")):
            if path.suffix in {".py", ".pyx", ".pxd", ".pyi"}:
                parts = path.relative_to(folder).with_suffix("").parts
                yield path, ".".join([package, *parts]).removesuffix(".__init__")


SOURCES = dict(sources())


def absolute(source, module, is_package):
    """The module that a relative import means."""
    dots = len(source) - len(source.lstrip("."))
    if not dots:
        return source
    parts = module.split(".")
    parts = parts[: len(parts) - dots + is_package]
    return ".".join([*parts, *filter(None, [source.lstrip(".")])])


def imported_by_python(path, module):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            name = absolute(source, module, path.stem == "__init__")
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)


def imported_by_cython(path, module):
    for match in STATEMENT.finditer(path.read_text()):
        if match["whole"]:
            yield from (name.split()[0] for name in match["whole"].split(",") if name.split())
        else:
            name = absolute(match["source"], module, False)
            yield name
            words = re.findall(r"\w+", match["names"])
            yield from (f"{name}.{word}" for word in words)


def imports(path):
    by = imported_by_python if path.suffix in {".py", ".pyi"} else imported_by_cython
    return set(by(path, SOURCES[path]))


def importers_of(target):
    return {
        SOURCES[path]
        for path in SOURCES
        if any(name == target or name.startswith(f"{target}.") for name in imports(path))
    }


def test_the_parser_knows_nothing_of_the_server():
    assert not {name for name in importers_of("fastserve") if name.startswith("httpparser")}


@pytest.mark.parametrize("library", ["asyncio", "uvloop", "socket"])
def test_the_parser_does_no_io(library):
    assert not {name for name in importers_of(library) if name.startswith("httpparser")}


def test_what_is_sans_io_stays_so():
    pure = {f"fastserve.{name.replace('/', '.')}" for name in SANS_IO}
    assert not pure & (importers_of("asyncio") | importers_of("uvloop"))


def test_only_the_module_entry_point_imports_the_command():
    assert importers_of("fastserve.cli") <= {"fastserve.__main__"}


def test_only_the_way_in_imports_the_supervisor():
    # The package's run(), which the command calls too, imports it when it is called.
    assert importers_of("fastserve.supervisor") == {"fastserve"}


def test_click_is_for_the_command_alone():
    assert importers_of("click") == {"fastserve.cli"}


def test_no_file_is_past_900_lines():
    long = {str(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert {path: count for path, count in long.items() if count > 900} == {}


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("from ._headers cimport intern, cached", {"p._headers", "p._headers.intern"}),
        ("cimport cython", {"cython"}),
        ("import asyncio", {"asyncio"}),
        ("    from asyncio import Task  # why", {"asyncio", "asyncio.Task"}),
        ("from . cimport llhttp", {"p", "p.llhttp"}),
        ("from .. import config", {"config"}),
    ],
)
def test_cython_imports_are_seen(tmp_path, line, names):
    path = tmp_path / "_parser.pyx"
    path.write_text(f"# why\n{line}\n")
    assert names - {"config"} <= set(imported_by_cython(path, "p._parser"))
