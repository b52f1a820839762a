"""The reference of a package's Python interface: `python docs/make_api.py httpparser`.

Names are those of `__all__`. Signatures come from the type stubs of the compiled modules and from
the source of the others, docstrings from the objects.
"""

import ast
import enum
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MODULES = {
    "fastserve": "The server, to be used from Python. [Testing and embedding](../embedding.md) has "
    "examples.",
    "httpparser": "HTTP/1.1 without I/O. [The guide](../parser.md) has examples.",
    "httpparser.http2": "HTTP/2 without I/O. [The guide](../parser.md#http2) has examples.",
}
PACKAGES = tuple({name.partition(".")[0] for name in MODULES})
WIDTH = 80
Function = ast.FunctionDef | ast.AsyncFunctionDef


def definition(value: Any) -> ast.ClassDef | Function | None:
    """Where a class or function is written: in its module's stub, or in the module itself."""
    if value.__module__.partition(".")[0] not in PACKAGES:
        return None
    file = Path(importlib.import_module(value.__module__).__file__ or "")
    stub = file.with_name(file.name.partition(".")[0] + ".pyi")
    tree = ast.parse((stub if stub.exists() else file).read_text())
    each = (node for node in tree.body if isinstance(node, ast.ClassDef | Function))
    return next((node for node in each if node.name == value.__name__), None)


def signature(function: Function, name: str) -> str:
    """As it is called: without self, and a line for each parameter where one line is too long."""
    parts = list(parameters(function.args))
    if parts and parts[0].partition(":")[0] in ("self", "cls"):
        del parts[0]
    returns = unquoted(function.returns) or "None"
    arrow = "" if returns == "None" else f" -> {returns}"
    start = "await " if isinstance(function, ast.AsyncFunctionDef) else ""
    line = f"{start}{name}({', '.join(parts)}){arrow}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{start}{name}(", *(f"    {part}," for part in parts), f"){arrow}"])


def parameters(given: ast.arguments) -> Iterator[str]:
    plain = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
    for at, (one, default) in enumerate(zip(plain, defaults, strict=True), 1):
        yield parameter(one, default)
        if at == len(given.posonlyargs):
            yield "/"
    if given.vararg:
        yield f"*{parameter(given.vararg, None)}"
    elif given.kwonlyargs:
        yield "*"
    for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield parameter(one, default)
    if given.kwarg:
        yield f"**{parameter(given.kwarg, None)}"


def parameter(one: ast.arg, default: ast.expr | None) -> str:
    text = unquoted(one.annotation, f"{one.arg}: ") or one.arg
    if default is None:
        return text
    return f"{text}{' = ' if one.annotation else '='}{ast.unparse(default)}"


def unquoted(annotation: ast.expr | None, before: str = "") -> str:
    return before + ast.unparse(annotation).strip("'\"") if annotation else ""


def words(value: Any) -> str:
    """The docstring, without the line in which Cython puts a signature."""
    text = inspect.getdoc(value) or ""
    first, _, rest = text.partition("\n")
    name = re.escape(getattr(value, "__name__", ""))
    return rest.strip() if re.match(rf"(\w+\.)?{name}(\(|: )", first) else text


def code(text: str) -> list[str]:
    return ["```python", text, "```", ""]


def members(cls: type) -> tuple[dict[str, str], dict[str, Function]]:
    """The public attributes with their types and the methods, those of base classes included."""
    attributes: dict[str, str] = {}
    methods: dict[str, Function] = {}
    for base in cls.__mro__:
        node = definition(base)
        for each in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                attributes.setdefault(each.target.id, unquoted(each.annotation))
            elif isinstance(each, Function):
                marks = {ast.unparse(mark).rpartition(".")[2] for mark in each.decorator_list}
                if marks & {"property", "cached_property"}:
                    attributes.setdefault(each.name, unquoted(each.returns))
                elif not marks & {"setter", "overload"}:
                    methods.setdefault(each.name, each)
    return (
        {name: kind for name, kind in attributes.items() if not name.startswith("_")},
        {name: node for name, node in methods.items() if not name.startswith("_")},
    )


def attribute_row(cls: type, name: str, kind: str) -> str:
    value = inspect.getattr_static(cls, name, None)
    text = words(value) if hasattr(value, "__get__") else ""
    cells = [f"`{name}`", f"`{kind}`", text.replace("\n", " ")]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def about_function(name: str, value: Any) -> Iterator[str]:
    node = definition(value)
    yield from (f"### {name}", "")
    yield from code(signature(node, name) if isinstance(node, Function) else f"{name}()")
    yield from (words(value), "")


def about_class(cls: type) -> Iterator[str]:
    yield from (f"### {cls.__name__}", "")
    node = definition(cls)
    if issubclass(cls, enum.Enum):
        yield from (words(cls), "")
        yield from (f"- `{cls.__name__}.{name}`" for name in cls.__members__)
        yield ""
        return
    body = node.body if isinstance(node, ast.ClassDef) else []
    begins = [each for each in body if isinstance(each, Function) and each.name == "__init__"]
    if begins:
        yield from code(signature(begins[0], cls.__name__))
    if issubclass(cls, BaseException):
        yield from (f"A {' and '.join(f'`{base.__name__}`' for base in cls.__bases__)}.", "")
    yield from (words(cls), "")
    yield from about_members(cls)


def about_members(cls: type) -> Iterator[str]:
    if issubclass(cls, BaseException) and cls.__bases__[0].__module__ == cls.__module__:
        return  # as the exception that it is based on
    attributes, methods = members(cls)
    if cls.__name__ == "Config":
        yield from ("Its attributes are the [options](../options.md).", "")
    elif attributes:
        yield from ("| attribute | type | |", "| --- | --- | --- |")
        yield from (attribute_row(cls, name, kind) for name, kind in attributes.items())
        yield ""
    for name, method in methods.items():
        yield from (f"#### {cls.__name__}.{name}", "")
        yield from code(signature(method, name))
        yield from (words(getattr(cls, name, None)), "")


def page(name: str) -> str:
    module = importlib.import_module(name)
    public = {each: getattr(module, each) for each in module.__all__}
    classes = {each: value for each, value in public.items() if inspect.isclass(value)}
    errors = {each: cls for each, cls in classes.items() if issubclass(cls, BaseException)}
    functions = {each: value for each, value in public.items() if inspect.isroutine(value)}
    constants = public.keys() - classes.keys() - functions.keys()
    lines = [f"# {name}", "", MODULES[name], ""]
    if functions:
        lines += ["## Functions", ""]
        for each, value in functions.items():
            lines += about_function(each, value)
    lines += ["## Classes", ""]
    for each in sorted(classes.keys() - errors.keys()):
        lines += about_class(classes[each])
    if errors:
        lines += ["## Exceptions", ""]
        for error in errors.values():
            lines += about_class(error)
    lines += ["## Constants", "", "| name | value |", "| --- | --- |"]
    lines += [f"| `{each}` | `{public[each]!r}` |" for each in sorted(constants)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(sys.argv[1]), end="")
