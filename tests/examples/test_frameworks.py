"""examples/frameworks: the same client meets each of them."""

import importlib.util
import json
import signal

import pytest
from websockets.sync.client import connect

FRAMEWORKS = ("fastapi", "starlette", "litestar", "django", "quart")
TEA = {"name": "tea", "price": 3.5}


@pytest.fixture(scope="module", params=FRAMEWORKS)
def api(request, serve):
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"not installed: {request.param}")
    return serve(f"examples.frameworks.{request.param}_app:app")


def test_items_come_and_go(api):
    assert api.client.get("/items").json() == []
    created = api.client.post("/items", json=TEA)
    assert (created.status_code, created.json()) == (201, {"id": 1, **TEA})
    assert api.client.post("/items", json={"name": "milk", "price": 1}).json()["id"] == 2
    assert api.client.get("/items/1").json() == {"id": 1, **TEA}
    assert [item["name"] for item in api.client.get("/items").json()] == ["tea", "milk"]
    deleted = api.client.delete("/items/1")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert [item["name"] for item in api.client.get("/items").json()] == ["milk"]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_item(api, method):
    response = api.client.request(method, "/items/999")
    assert (response.status_code, response.json()["detail"]) == (404, "there is no such item")


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"name": "tea"},
        {"name": "", "price": 1},
        {"name": "tea", "price": -1},
        {**TEA, "name": 7},
    ],
)
def test_an_item_that_is_not_valid(api, item):
    before = api.client.get("/items").json()
    response = api.client.post("/items", json=item)
    assert response.status_code == 422
    assert response.json()["detail"]
    assert api.client.get("/items").json() == before


def test_a_method_that_is_not_allowed(api):
    assert api.client.put("/items", json=TEA).status_code == 405


def test_a_stream(api):
    with api.client.stream("GET", "/count?to=5") as response:
        assert response.headers["content-type"].startswith("application/x-ndjson")
        assert [json.loads(line)["count"] for line in response.iter_lines()] == [1, 2, 3, 4, 5]
    assert api.client.get("/count?to=many").status_code == 422
    assert api.client.get("/count?to=100000").status_code == 422


def test_a_websocket(api):
    with connect(api.url.replace("http", "ws") + "/echo", proxy=None) as socket:
        for text in ("one", "zwölf", "x" * 100_000):
            socket.send(text)
            assert socket.recv() == text


def test_it_is_told_to_stop(api):
    """The last test: it ends the server."""
    api.client.close()
    api.signal(signal.SIGTERM)
    assert api.wait() == 0
    assert "stopped" in api.stdout
    assert not [line for line in api.stderr if "ERROR" in line or "Traceback" in line]
