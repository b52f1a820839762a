"""examples/files: names and ranges, and the whole as clients see it."""

import contextlib
import os
import socket
import time
import unicodedata

import httpx
import pytest
from serving import WAIT

from examples.files.names import MAX_BYTES, disposition, numbered, safe_name
from examples.files.ranges import NotSatisfiable, parse_range

CONTENT = bytes(range(256)) * 4000


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("photo.jpg", "photo.jpg"),
        ("grüße aus köln.txt", "grüße aus köln.txt"),
        (unicodedata.normalize("NFD", "köln"), "köln"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/", "unnamed"),
        ("..", "unnamed"),
        (" . ", "unnamed"),
        ("folder/", "folder"),
        (".bashrc", "bashrc"),
        ("a\x00b\nc\x7f", "a_b_c_"),
        ('a:b*c?"<d>|', "a_b_c___d__"),
        ("evil\u202egpj.exe", "evil_gpj.exe"),
        ("\ud800", "_"),
        ("x" * 500 + ".tar", "x" * (MAX_BYTES - 4) + ".tar"),
        ("ü" * 500, "ü" * (MAX_BYTES // 2)),
        ("a." + "b" * 500, ("a." + "b" * 500)[:MAX_BYTES]),
    ],
)
def test_safe_names(name, safe):
    assert safe_name(name) == safe
    assert safe_name(safe) == safe


def test_numbered_names():
    assert numbered("photo.jpg", 2) == "photo (2).jpg"
    assert numbered("README", 3) == "README (3)"


def test_disposition():
    assert disposition("a b.txt") == b"attachment; filename*=UTF-8''a%20b.txt"


@pytest.mark.parametrize(
    ("value", "size", "part"),
    [
        (b"bytes=0-0", 10, (0, 1)),
        (b"bytes=2-5", 10, (2, 4)),
        (b"Bytes=2-", 10, (2, 8)),
        (b"bytes=-3", 10, (7, 3)),
        (b"bytes=-30", 10, (0, 10)),
        (b"bytes=5-100", 10, (5, 5)),
        (b"bytes=5-2", 10, None),
        (b"bytes=-", 10, None),
        (b"bytes=0-1,4-5", 10, None),
        (b"lines=0-1", 10, None),
        (b"bytes=a-b", 10, None),
        (b"bytes=0-" + b"9" * 5000, 10, None),
        (b"bytes=10-", 10, NotSatisfiable),
        (b"bytes=-0", 10, NotSatisfiable),
        (b"bytes=0-", 0, NotSatisfiable),
    ],
)
def test_ranges(value, size, part):
    if part is NotSatisfiable:
        with pytest.raises(NotSatisfiable):
            parse_range(value, size)
    else:
        assert parse_range(value, size) == part


@pytest.fixture(scope="module")
def files(serve, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    command = serve("examples.files:app", FILES_FOLDER=str(folder), FILES_MAX_BYTES="2000000")
    command.folder = folder
    return command


def names(files):
    return {entry["name"] for entry in files.client.get("/files").json()["files"]}


def test_up_and_down(files):
    response = files.client.put("/files/gr%C3%BC%C3%9Fe%20an%20alle.bin", content=CONTENT)
    assert response.status_code == 201
    assert response.json()["name"] == "grüße an alle.bin"
    download = files.client.get(response.headers["location"])
    assert (download.status_code, download.content) == (200, CONTENT)
    assert download.headers["content-security-policy"] == "sandbox"
    assert download.headers["content-disposition"].startswith("attachment; ")
    head = files.client.head(response.headers["location"])
    assert (head.headers["content-length"], head.content) == (str(len(CONTENT)), b"")
    assert "grüße an alle.bin" in names(files)
    assert files.client.delete(response.headers["location"]).status_code == 204
    assert files.client.delete(response.headers["location"]).status_code == 404
    assert files.client.get(response.headers["location"]).status_code == 404


def test_no_file_is_replaced(files):
    stored = [files.client.put("/files/twice.txt", content=text).json() for text in ("a", "b", "c")]
    assert [each["name"] for each in stored] == ["twice.txt", "twice (2).txt", "twice (3).txt"]
    assert [files.client.get(each["url"]).text for each in stored] == ["a", "b", "c"]


def test_an_unsafe_name_stays_in_the_folder(files):
    response = files.client.put("/files/..%2f..%2fescaped.txt", content=b"x")
    assert response.json()["name"] == "escaped.txt"
    assert (files.folder / "escaped.txt").exists()


def test_nothing_outside_of_the_folder_is_served(files):
    (files.folder.parent / "outside.txt").write_text("secret")
    (files.folder / "link.txt").symlink_to(files.folder.parent / "outside.txt")
    (files.folder / ".hidden").write_text("secret")
    os.mkfifo(files.folder / "pipe")
    paths = ("..%2foutside.txt", "link.txt", ".hidden", "pipe", ".uploads", "a%00b", "")
    for path in paths:
        assert files.client.get(f"/files/{path}").status_code == 404, path
    assert names(files).isdisjoint({"link.txt", ".hidden", "pipe", ".uploads"})


def test_a_part(files):
    url = files.client.put("/files/part.bin", content=CONTENT).json()["url"]
    response = files.client.get(url, headers={"range": "bytes=1000-1999"})
    assert (response.status_code, response.content) == (206, CONTENT[1000:2000])
    assert response.headers["content-range"] == f"bytes 1000-1999/{len(CONTENT)}"
    last = files.client.get(url, headers={"range": "bytes=-5"})
    assert last.content == CONTENT[-5:]
    beyond = files.client.get(url, headers={"range": f"bytes={len(CONTENT)}-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(CONTENT)}"
    several = files.client.get(url, headers={"range": "bytes=0-1,4-5"})
    assert (several.status_code, several.content) == (200, CONTENT)


def test_validators(files):
    url = files.client.put("/files/valid.bin", content=CONTENT).json()["url"]
    etag = files.client.get(url).headers["etag"]
    assert files.client.get(url, headers={"if-none-match": etag}).status_code == 304
    for condition, status in ((etag, 206), ('"old"', 200)):
        headers = {"range": "bytes=0-0", "if-range": condition}
        assert files.client.get(url, headers=headers).status_code == status


def test_a_download_goes_on_where_it_broke_off(files):
    url = files.client.put("/files/resumed.bin", content=CONTENT).json()["url"]
    with files.client.stream("GET", url) as response:
        got = next(response.iter_raw(1000))
        etag = response.headers["etag"]
    headers = {"range": f"bytes={len(got)}-", "if-range": etag}
    assert got + files.client.get(url, headers=headers).content == CONTENT


def test_a_file_has_a_limit(files):
    address = ("127.0.0.1", int(files.url.rpartition(":")[2]))
    with socket.create_connection(address, WAIT) as client:  # told before it sends the body
        client.sendall(b"PUT /files/big HTTP/1.1\r\nHost: a\r\nContent-Length: 2000001\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 413 ")
    with contextlib.suppress(httpx.TransportError):  # refused while the client still sends
        response = files.client.put("/files/big", content=iter([CONTENT] * 100))
        assert response.status_code == 413
    assert "big" not in names(files)
    assert list((files.folder / ".uploads").iterdir()) == []


def test_the_folder_has_a_limit(serve):
    command = serve("examples.files:app", FILES_MAX_TOTAL="15")
    assert command.client.put("/files/a", content=b"1234567890").status_code == 201
    response = command.client.put("/files/b", content=b"1234567890")
    assert (response.status_code, response.json()["error"]) == (507, "the folder is full")
    assert names(command) == {"a"}


def test_an_upload_that_breaks_off_leaves_nothing(files):
    address = ("127.0.0.1", int(files.url.rpartition(":")[2]))
    uploads = files.folder / ".uploads"

    def wait_for(count):
        deadline = time.monotonic() + WAIT
        while len(list(uploads.iterdir())) != count:
            assert time.monotonic() < deadline

    with socket.create_connection(address, WAIT) as client:
        head = b"PUT /files/broken HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
        client.sendall(head + bytes(500_000))
        wait_for(1)
        assert "broken" not in names(files)
    wait_for(0)
    assert "broken" not in names(files)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/nothing", 404),
        ("POST", "/files", 405),
        ("POST", "/files/a", 405),
        ("PUT", "/files/", 404),
    ],
)
def test_statuses(files, method, path, status):
    assert files.client.request(method, path).status_code == status


def test_workers_share_a_folder(serve, tmp_path):
    command = serve("examples.files:app", "--workers", "2", FILES_FOLDER=str(tmp_path))
    for number in range(8):  # each on a connection of its own, to either worker
        url = f"{command.url}/files/shared.txt"
        response = httpx.put(url, content=b"%d" % number, timeout=WAIT, trust_env=False)
        assert response.status_code == 201
    assert len(names(command)) == 8
