"""One small API in FastAPI, Starlette, Litestar, Django and Quart.

    pip install fastapi           # or starlette, litestar, django, quart
    fastserve examples.frameworks.fastapi_app:app

    curl -H 'content-type: application/json' -d '{"name": "tea", "price": 3.5}' \\
        http://127.0.0.1:8000/items
    curl http://127.0.0.1:8000/items
    curl http://127.0.0.1:8000/items/1
    curl -X DELETE http://127.0.0.1:8000/items/1
    curl -N 'http://127.0.0.1:8000/count?to=5'            # JSON lines, one after the other
    python -m websockets ws://127.0.0.1:8000/echo

What it shows: the same answers from each framework, all unchanged on fastserve: routes, JSON in and
out, validation (422), a streamed response, a WebSocket, and what runs at the start and the end
(lifespan). One test, tests/examples/test_frameworks.py, plays all of them.

Each keeps its items in the memory of its process: a database belongs there in `lifespan`.
"""
