"""Hooks of the documentation site (mkdocs.yml).

The pages are read in the repository too, so they link to files outside of docs/ by their path in
it. Here each such file becomes a page of the site: Markdown as it is, source with its colours, a
folder as a list. A link to a file that is not there is a warning, an error with `--strict`.
The reference of the Python interface is made from the packages (docs/make_api.py).
"""

import logging
import posixpath
import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = "docs"
COPIES = "repository"  # the site's folder of what lies outside of docs/
PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")  # in the site whether linked or not
IMAGES = {".svg", ".png", ".webp"}
LANGUAGES = {
    ".py": "python", ".pyx": "cython", ".pxd": "cython", ".pyi": "python", ".html": "html",
    ".js": "javascript", ".css": "css", ".json": "json", ".toml": "toml", ".yml": "yaml",
    ".yaml": "yaml", ".sh": "bash", ".conf": "nginx", ".cfg": "text", ".service": "ini",
    ".socket": "ini", ".txt": "text", ".lua": "lua", ".c": "c", ".h": "c",
}  # fmt: skip
NAMES = {"Dockerfile": "docker", "Caddyfile": "nginx"}
LARGEST = 200_000  # bytes of a file that is shown

FENCE = re.compile(r"^(?P<mark>```+|~~~+).*?^(?P=mark)[ \t]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<=\]\()(?P<to>[^)\s#]+)(?P<part>#[^)\s]*)?(?=\))")
FILE_NAME = re.compile(r"\[(?P<text>[\w./-]+\.md)\]\((?P<to>[^)\s#]+\.md)(?P<part>#[^)\s]*)?\)")
TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
CODE_IN_TABLE = re.compile(r"`[^`\n]*`")

log = logging.getLogger("mkdocs.hooks.make_site")


def path_of(file: File) -> str:
    """The path in the repository of a page's source."""
    if file.src_uri.startswith(f"{COPIES}/"):
        return file.src_uri.removeprefix(f"{COPIES}/")
    return f"{DOCS}/{file.src_uri}"


def target(link: str, source: str) -> str | None:
    """The path in the repository of what a link of the file `source` shows."""
    if ":" in link or link.startswith("/"):
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    return f"{path}/README.md" if (ROOT / path / "README.md").exists() else path


def place(path: str) -> str:
    """Where the site has a file of the repository."""
    if path.startswith(f"{DOCS}/"):
        return path.removeprefix(f"{DOCS}/")
    if path.endswith(".md") or Path(path).suffix in IMAGES:
        return f"{COPIES}/{path}"
    return f"{COPIES}/{path}.md"  # a page that shows it


def outside_of_code(text: str, change) -> str:
    """The text with `change` done to what is not a block of code."""
    done, at = [], 0
    for block in FENCE.finditer(text):
        done += [change(text[at : block.start()]), block[0]]
        at = block.end()
    return "".join([*done, change(text[at:])])


def links(text: str, source: str) -> set[str]:
    """The files outside of docs/ that a page links to."""
    found: set[str] = set()

    def note(part: str) -> str:
        for link in LINK.finditer(part):
            path = target(link["to"], source)
            if path is not None and not path.startswith((f"{DOCS}/", "..")):
                found.add(path)
        return part

    outside_of_code(text, note)
    return found


def language(path: Path) -> str | None:
    """What colours a file has; None if it has no page."""
    for name, known in NAMES.items():
        if name in path.name.split("."):
            return known
    return LANGUAGES.get(path.suffix)


def is_shown(path: Path) -> bool:
    known = path.suffix == ".md" or language(path) is not None
    return known and path.stat().st_size <= LARGEST


def children(folder: Path) -> list[Path]:
    """What a page for a folder lists."""
    hidden = (".", "__")
    found = [path for path in folder.iterdir() if not path.name.startswith(hidden)]
    found = [path for path in found if is_shown(path) or (path.is_dir() and children(path))]
    return sorted(found, key=lambda path: (path.is_dir(), path.name))


def heading(path: Path) -> str:
    """What a file is for: the first line of its docstring."""
    text = path.read_text() if path.suffix == ".py" else ""
    words = re.match(r'"""(.+?)(?:"""|$)', text, re.MULTILINE)
    return f": {words[1]}" if words else ""


def content(path: str) -> str:
    """The page for a file or a folder of the repository."""
    place = ROOT / path
    front = "---\nsearch:\n  exclude: true\n---\n"
    if place.is_dir():
        lines = [
            f"- [{child.name}{'/' * child.is_dir()}]({place.name}/{child.name}){heading(child)}"
            for child in children(place)
        ]
        # The page stands beside the folder, so the links begin with the folder's name.
        return f"{front}# {path}/\n\n" + "\n".join(lines) + "\n"
    text = place.read_text()
    if place.suffix == ".md":
        return text
    fence = "`" * 5
    return f"{front}# {path}\n\n{fence}{language(place)}\n{text.rstrip()}\n{fence}\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the reference, and every file that is linked to, and what those link to in turn."""
    sys.path.insert(0, str(ROOT / DOCS))
    import make_api

    for name in make_api.MODULES:
        files.append(File.generated(config, f"api/{name}.md", content=make_api.page(name)))
    waiting = set(PAGES)
    for file in list(files.documentation_pages()):
        waiting |= links(file.content_string, path_of(file))
    known: set[str] = set()
    while waiting:
        path = waiting.pop()
        place_in_site, real = place(path), ROOT / path
        if path in known or files.get_file_from_path(place_in_site):
            continue
        known.add(path)
        if not real.exists():
            continue  # on_page_markdown says so
        if real.suffix in IMAGES:
            files.append(File.generated(config, place_in_site, abs_src_path=str(real)))
            continue
        text = content(path)
        files.append(File.generated(config, place_in_site, content=text))
        if real.suffix == ".md" or real.is_dir():
            waiting |= links(text, path)
    return files


def titled(link: re.Match[str], source: str, files: Files) -> str:
    """A link whose text is a file's name, with the title of the page instead."""
    path = target(link["to"], source)
    file = files.get_file_from_path(place(path)) if path else None
    title = TITLE.search(file.content_string) if file else None
    text = title[1] if title else link["text"]
    return f"[{text}]({link['to']}{link['part'] or ''})"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to where the site has what they mean, and be called by its title."""
    source = path_of(page.file)

    def resolved(link: re.Match[str]) -> str:
        path = target(link["to"], source)
        if path is None:
            return link[0]
        there = place(path)
        if files.get_file_from_path(there) is None:
            log.warning("%s links to %s, which is not there", source, path)
            return link[0]
        relative = posixpath.relpath(there, posixpath.dirname(page.file.src_uri) or ".")
        return relative + (link["part"] or "")

    def changed(part: str) -> str:
        part = FILE_NAME.sub(lambda link: titled(link, source, files), part)
        # GitHub needs "\\|" in a table's code; Python-Markdown would show the backslash.
        part = CODE_IN_TABLE.sub(lambda code: code[0].replace("\\|", "|"), part)
        return LINK.sub(resolved, part)

    return outside_of_code(markdown, changed)


def on_post_build(config: MkDocsConfig) -> None:
    """Give the report, which is a page of its own, a way back."""
    report = Path(config.site_dir) / "report.html"
    link = '<p class="back"><a href="index.html">fastserve documentation</a></p>'
    report.write_text(report.read_text().replace("<!-- site -->", link))
