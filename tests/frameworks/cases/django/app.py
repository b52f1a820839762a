import asyncio

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import ensure_csrf_cookie

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DEBUG=False,
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.middleware.http.ConditionalGetMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of the tests",
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    USE_TZ=True,
)
django.setup()


@ensure_csrf_cookie
def hello(request):
    return HttpResponse("hello", content_type="text/plain")


def whence(request):
    return JsonResponse(
        {
            "method": request.method,
            "path": request.get_full_path(),
            "secure": request.is_secure(),
            "address": request.META["REMOTE_ADDR"],
            "header": request.headers.get("X-Some", ""),
        }
    )


def count(request):
    request.session["count"] = request.session.get("count", 0) + 1
    return JsonResponse({"count": request.session["count"]})


def upload(request):
    sizes = {name: file.size for name, file in request.FILES.items()}
    return JsonResponse({**sizes, **request.POST.dict()})


async def stream(request):
    async def lines():
        for number in range(100):
            await asyncio.sleep(0)
            yield f"line {number}\n"

    return StreamingHttpResponse(lines(), content_type="text/plain")


def file(request):
    return FileResponse(open("requirements.txt", "rb"), content_type="text/plain")


def fail(request):
    raise RuntimeError("on purpose")


urlpatterns = [
    path("", hello),
    path("whence/", whence),
    path("count", count),
    path("upload", upload),
    path("stream", stream),
    path("file", file),
    path("fail", fail),
]
app = get_asgi_application()
