"""Check a release as an index and a user will see it: `make release-check`, some minutes.

Builds the source distribution, and from it the trained wheel, into dist/. Both must pass twine and
name nothing of this machine. The wheel must install into a clean environment without an index;
there the command serves and the parser parses.
"""

import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import archives
import readme

ROOT = readme.ROOT
DIST = ROOT / "dist"
NAME = "fastserve-asgi"
# As it stands in people's container files.
COMMAND = "fastserve web.main:app --host 0.0.0.0 --port 8077 --loop uvloop --http h11"
URL = "http://127.0.0.1:8077/"
APP = """\
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"It works."})
"""
PARSE = r"""
import httpparser
head, end = httpparser.RequestParser().feed(b"GET /a?b HTTP/1.1\r\nHost: c\r\n\r\n")
assert (head.path, head.query, end) == ("/a", b"b", httpparser.END)
"""


def main() -> None:
    sdist, wheel = build()
    run(sys.executable, "-m", "twine", "check", "--strict", str(sdist), str(wheel))
    check_names(sdist, wheel)
    with tempfile.TemporaryDirectory() as folder:
        check_install(wheel, Path(folder))
    say("the release is good")
    if readme.repository() is None:
        say("but [project.urls] in pyproject.toml has no address yet: links in README are relative")


def build() -> tuple[Path, Path]:
    shutil.rmtree(DIST, ignore_errors=True)
    sdist, wheel = files = archives.build(DIST)
    for file in files:
        say(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB")
    return sdist, wheel


def check_names(*archives: Path) -> None:
    words = machine_words()
    found = [f"{name}: {word}" for file in archives for name, word in leaks(file, words)]
    if found:
        sys.exit("release-check: these files name this machine\n" + "\n".join(found))
    say("nothing names this machine")


def machine_words() -> set[str]:
    """What nobody else should read: folders, this host's name, and those of private indexes."""
    settings = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    indexes = set(re.findall(r"https?://(?:[^/@\s']*@)?([^/:\s']+)", settings.stdout))
    # The last one is for the folders in which build works.
    folders = {f"{ROOT}/", f"{Path.home()}/", f"{tempfile.gettempdir()}/build-"}
    hosts = {platform.node(), *indexes} - {"localhost", "pypi.org", "files.pythonhosted.org"}
    return folders | {name for name in hosts if len(name) > 3}  # shorter ones occur by chance


def leaks(archive: Path, words: set[str]) -> Iterator[tuple[str, str]]:
    """(file, word) for each of these words in a file of the archive, as a word of its own."""
    escaped = b"|".join(re.escape(word.encode()) for word in sorted(words))
    pattern = re.compile(rb"(?<![\w.-])(?:%s)(?:(?<=[/-])|(?![\w-]))" % escaped)
    for name, content in members(archive):
        for found in sorted(set(pattern.findall(content))):
            yield name, found.decode()


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            yield from ((name, wheel.read(name)) for name in wheel.namelist())
        return
    with tarfile.open(archive) as sdist:
        for member in sdist:
            if file := sdist.extractfile(member):
                yield member.name, file.read()


def check_install(wheel: Path, folder: Path) -> None:
    """Install from files alone, as behind a firewall, and use what was installed."""
    wheels = folder / "wheels"
    run(sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:",
        "--dest", str(wheels), str(wheel))  # fmt: skip
    run(sys.executable, "-m", "venv", str(folder / "venv"))
    python = folder / "venv" / "bin" / "python"
    run(str(python), "-m", "pip", "install", "--quiet", "--no-index", "--find-links", str(wheels),
        NAME)  # fmt: skip
    run(str(python), "-m", "pip", "check")
    say("installed without an index")
    run(str(python), "-c", PARSE, cwd=folder)
    serve(python.parent, folder)


def serve(commands: Path, folder: Path) -> None:
    (folder / "web").mkdir()
    (folder / "web" / "main.py").write_text(APP)
    program, *arguments = COMMAND.split()
    server = subprocess.Popen(
        [str(commands / program), *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    try:
        seen = ""
        while "running on" not in seen:
            line = server.stderr.readline()
            if not line:
                sys.exit(f"release-check: {COMMAND} failed\n{seen}")
            seen += line
        with urllib.request.urlopen(URL, timeout=10) as response:
            if response.read() != b"It works.":
                sys.exit(f"release-check: {URL} gave something else")
    finally:
        server.terminate()
        server.communicate()
    if server.returncode != 0:
        sys.exit(f"release-check: the server ended with status {server.returncode}")
    say(f"{COMMAND}: serves")


def run(*command: str, cwd: Path = ROOT) -> None:
    result = subprocess.run(command, cwd=cwd)
    if result.returncode != 0:
        sys.exit(f"release-check: failed: {' '.join(command)}")


def say(text: str) -> None:
    print(f"release-check: {text}", flush=True)


if __name__ == "__main__":
    main()
