import django
from channels.generic.websocket import AsyncJsonWebsocketConsumer, WebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
    ROOT_URLCONF=__name__,
    SECRET_KEY="of the tests",
    USE_TZ=True,
)
django.setup()
http = get_asgi_application()


class Room(AsyncJsonWebsocketConsumer):
    """What one client says goes to everybody in the room."""

    groups = ("room",)

    async def connect(self):
        await self.accept("chat" if "chat" in self.scope["subprotocols"] else None)
        await self.channel_layer.group_send("room", {"type": "say", "text": "somebody came"})

    async def receive_json(self, content):
        await self.channel_layer.group_send("room", {"type": "say", "text": content["text"]})

    async def say(self, event):
        await self.send_json({"text": event["text"]})

    async def disconnect(self, code):
        print("app: left with", code, flush=True)


class Threaded(WebsocketConsumer):
    """In a thread."""

    def connect(self):
        if self.scope["query_string"] == b"no":
            self.close()
        else:
            self.accept()

    def receive(self, text_data=None, bytes_data=None):
        if text_data == "bye":
            self.close(4002, "as asked")
        else:
            self.send(text_data=text_data, bytes_data=bytes_data)


urlpatterns = [path("", lambda request: HttpResponse("hello"))]
app = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": URLRouter(
            [path("room", Room.as_asgi()), path("threaded", Threaded.as_asgi())]
        ),
    }
)
