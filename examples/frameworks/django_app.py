"""Django: `fastserve examples.frameworks.django_app:app`.

Django's ASGI application knows HTTP alone. `app` gives it that, answers lifespan events and serves
the WebSocket; a larger project would use Channels.
"""

import asyncio
import json

from django.conf import settings
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

from .items import Items, problems

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="for this example; it signs nothing",
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)

# After settings, which it reads.
from django.core.asgi import get_asgi_application  # noqa: E402

items = Items()


def not_found(request, exception=None):
    return JsonResponse({"detail": "there is no such item"}, status=404)


def not_allowed(*methods):
    return HttpResponse(status=405, headers={"allow": ", ".join(methods)})


async def all_items(request):
    if request.method == "GET":
        return JsonResponse(items.all(), safe=False)
    if request.method != "POST":
        return not_allowed("GET", "POST")
    try:
        item = json.loads(request.body)
    except ValueError:
        return JsonResponse({"detail": "the body is not JSON"}, status=422)
    if found := problems(item):
        return JsonResponse({"detail": found}, status=422)
    return JsonResponse(items.add(item["name"], item["price"]), status=201)


async def one_item(request, number):
    if request.method == "DELETE":
        return HttpResponse(status=204) if items.remove(number) else not_found(request)
    if request.method != "GET":
        return not_allowed("GET", "DELETE")
    item = items.get(number)
    return JsonResponse(item) if item else not_found(request)


async def count(request):
    to = request.GET.get("to", "")
    if not (to.isdecimal() and 1 <= int(to[:5]) <= 1000):
        return JsonResponse({"detail": "to must be a number from 1 to 1000"}, status=422)

    async def lines():
        for number in range(1, int(to) + 1):
            yield json.dumps({"count": number}) + "\n"
            await asyncio.sleep(0)

    return StreamingHttpResponse(lines(), content_type="application/x-ndjson")


urlpatterns = [
    path("items", all_items),
    path("items/<int:number>", one_item),
    path("count", count),
]
handler404 = not_found
django = get_asgi_application()


async def app(scope, receive, send):
    kinds = {"http": django, "websocket": echo, "lifespan": lifespan}
    await kinds[scope["type"]](scope, receive, send)


async def echo(scope, receive, send):
    await receive()
    if scope["path"] != "/echo":
        return await send({"type": "websocket.close"})  # answered with 403
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event.get("text") or ""})
    return None


async def lifespan(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    print("stopped", flush=True)
    await send({"type": "lifespan.shutdown.complete"})
