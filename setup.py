"""The compiled modules; everything else is in pyproject.toml."""

import os
import platform
import shutil
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

sys.path.insert(0, str(Path(__file__).parent / "vendor" / "llhttp"))
import pin

pin.place()

LLHTTP = "vendor/llhttp"
# The header is part of the package: httpparser.get_include() is for those who cimport it.
INCLUDE = Path("httpparser/include")
INCLUDE.mkdir(exist_ok=True)
shutil.copyfile(f"{LLHTTP}/include/llhttp.h", INCLUDE / "llhttp.h")
LLHTTP_SOURCES = [f"{LLHTTP}/src/{name}.c" for name in ("api", "http", "llhttp")]
LINE_TRACING = bool(os.environ.get("FASTSERVE_LINE_TRACING"))

# SSE4.2 lets llhttp scan URLs and values 16 bytes at a time; httpparser checks for it at import.
x86 = platform.machine().lower() in {"x86_64", "amd64"} and "arm64" not in os.environ.get(
    "ARCHFLAGS", ""
)
BASELINE = ["-march=x86-64-v2"] if x86 and "-march" not in os.environ.get("CFLAGS", "") else []
CFLAGS = ["-O2", "-fvisibility=hidden", *BASELINE]
SANITIZERS = ["-fsanitize=address,undefined"] if os.environ.get("FASTSERVE_SANITIZE") else []
if SANITIZERS:  # every finding is fatal, and assertions are on
    CFLAGS += [
        *SANITIZERS,
        "-fno-sanitize-recover=all",
        "-fno-omit-frame-pointer",
        "-g",
        "-O1",
        "-UNDEBUG",
    ]
if os.environ.get("FASTSERVE_FUZZING"):  # with clang: what runs is reported to libFuzzer
    CFLAGS += ["-fsanitize=fuzzer-no-link", "-O1"]


def extension(
    module: str, sources: list[str] | None = None, cflags: list[str] = CFLAGS
) -> Extension:
    folder = "server/" if module.startswith("fastserve") else ""
    return Extension(
        module,
        [f"{folder}{module.replace('.', '/')}.pyx", *(sources or [])],
        include_dirs=[str(INCLUDE)],
        extra_compile_args=cflags,
        extra_link_args=SANITIZERS,
        define_macros=[("CYTHON_TRACE_NOGIL", "1")] if LINE_TRACING else [],
    )


MODULES = [
    extension("httpparser._cpu", cflags=["-O2"]),  # runs on any processor, to say what is missing
    extension("httpparser.http1._head"),
    extension("httpparser.http1._parser", LLHTTP_SOURCES),
    extension("httpparser.http1._events"),
    extension("httpparser.http1._output"),
    extension("httpparser.httptools._parser", LLHTTP_SOURCES),
    extension("httpparser.httptools._url"),
    extension("fastserve.asgi._waiting"),
    extension("fastserve.asgi._task"),
    extension("fastserve.asgi._service"),
    extension("fastserve.asgi._exchange"),
    extension("fastserve.http1._writer"),
    extension("fastserve.http1._connection"),
    extension("fastserve.websocket._protocol"),
    extension("fastserve.websocket._session"),
]

setup(
    ext_modules=cythonize(
        MODULES,
        build_dir=None if LINE_TRACING else "build/cython",
        include_path=[".", "server"],
        compiler_directives={
            "language_level": 3,
            "freethreading_compatible": True,
            "embedsignature": True,
            "binding": False,
            "boundscheck": False,
            "wraparound": False,
            "initializedcheck": False,
            "auto_pickle": False,
            "linetrace": LINE_TRACING,
        },
    )
)
