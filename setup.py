"""The compiled modules, and README.md as an index shows it; the rest is in pyproject.toml."""

import logging
import os
import platform
import re
import runpy
import shutil
import sys
from copy import copy
from pathlib import Path
from time import perf_counter

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

sys.path.insert(0, str(Path(__file__).parent / "vendor"))
import pin

pin.place()

LLHTTP = "vendor/llhttp"
NGHTTP2 = "vendor/nghttp2"
# The headers are part of the package: httpparser.get_include() is for those who cimport it.
INCLUDE = Path("httpparser/include")
(INCLUDE / "nghttp2").mkdir(parents=True, exist_ok=True)
shutil.copy2(f"{LLHTTP}/include/llhttp.h", INCLUDE)
for header in ("nghttp2.h", "nghttp2ver.h"):
    shutil.copy2(f"{NGHTTP2}/lib/includes/nghttp2/{header}", INCLUDE / "nghttp2")
LLHTTP_SOURCES = [f"{LLHTTP}/src/{name}.c" for name in ("api", "http", "llhttp")]
NGHTTP2_SOURCES = ["httpparser/http2/nghttp2_unit.c"]  # includes those of vendor/nghttp2
LINE_TRACING = bool(os.environ.get("FASTSERVE_LINE_TRACING"))

# SSE4.2 lets llhttp scan URLs and values 16 bytes at a time; httpparser checks for it at import.
x86 = platform.machine().lower() in {"x86_64", "amd64"} and "arm64" not in os.environ.get(
    "ARCHFLAGS", ""
)
BASELINE = ["-march=x86-64-v2"] if x86 and "-march" not in os.environ.get("CFLAGS", "") else []
# Debug information makes compiling a third slower; CFLAGS=-g asks for it.
DEBUG = [] if "-g" in os.environ.get("CFLAGS", "").split() else ["-g0"]
# Calls go straight to their targets: 4% fewer instruction-cache misses on a GET.
DIRECT = ["-fno-plt", "-fno-semantic-interposition"] if sys.platform == "linux" else []
CFLAGS = ["-O2", "-fvisibility=hidden", *DIRECT, *BASELINE, *DEBUG]
# release/archives.py builds a wheel twice: modules built with "record" count what runs, beside the
# objects in build/, and "use" compiles the same C files in the same folder with these counts.
PROFILE = os.environ.get("FASTSERVE_PROFILE", "")
# Functions that did not run are compiled as ever, not for size. gcc would also copy hot loops and
# paths, which costs more instruction-cache misses than it saves instructions.
COUNTED = ["-fprofile-use", "-fprofile-partial-training", "-Wno-missing-profile"]
COMPACT = ["-fno-tracer", "-fno-unroll-loops", "-fno-peel-loops"]
# Where it has seen the usual size, gcc copies with "rep movsq", which takes twice as long as
# memcpy() for a chunk of 1 KB, and six times where the target is not aligned.
CALLED = ["-mmemcpy-strategy=libcall:-1:noalign"] if x86 else []
PROFILES = {
    "record": (["-fprofile-generate", "-fprofile-update=atomic"], ["-fprofile-generate"]),
    "use": ([*COUNTED, *COMPACT, *CALLED, "-flto"], ["-flto", *CALLED]),
    "": ([], []),
}
PROFILE_CFLAGS, PROFILE_LINK = PROFILES[PROFILE]
CFLAGS += PROFILE_CFLAGS
# A wheel has no symbols; builds in place keep theirs, for profilers.
STRIP = {"linux": ["-Wl,-s"], "darwin": ["-Wl,-x"]}.get(sys.platform, [])
# Objects are made by C far more often than by a call in Python, for which alone Cython's new way is
# quicker: without it a GET misses the instruction cache 15 times less.
MACROS: list[tuple[str, str | None]] = [("CYTHON_VECTORCALL_TPNEW", "0")]
if LINE_TRACING:
    MACROS.append(("CYTHON_TRACE_NOGIL", "1"))
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
        depends=[f"{LLHTTP}/SHA256SUMS", f"{NGHTTP2}/SHA256SUMS"],
        extra_compile_args=cflags,
        extra_link_args=[*SANITIZERS, *PROFILE_LINK],
        define_macros=MACROS,
    )


MODULES = [
    extension("httpparser._cpu", cflags=["-O2"]),  # runs on any processor, to say what is missing
    extension("httpparser.http1._limits"),
    extension("httpparser.http1._fields"),
    extension("httpparser.http1._head"),
    extension("httpparser.http1._parser", LLHTTP_SOURCES),
    extension("httpparser.http1._events"),
    extension("httpparser.http1._output"),
    extension("httpparser.httptools._parser", LLHTTP_SOURCES),
    extension("httpparser.httptools._url"),
    extension("httpparser.http2._session", NGHTTP2_SOURCES),
    extension("httpparser.http2._events"),
    extension("fastserve.asgi._current"),
    extension("fastserve.asgi._task"),
    extension("fastserve.asgi._address"),
    extension("fastserve.asgi._counters"),
    extension("fastserve.asgi._entry"),
    extension("fastserve.asgi._files"),
    extension("fastserve.asgi._copies"),
    extension("fastserve.asgi._transport"),
    extension("fastserve.asgi._socket"),
    extension("fastserve.asgi._tls"),
    extension("fastserve.asgi._service"),
    extension("fastserve.asgi._exchange"),
    extension("fastserve.http1._writer"),
    extension("fastserve.http1._connection"),
    extension("fastserve.http2._connection"),
    extension("fastserve.websocket._inbox"),
    extension("fastserve.websocket._protocol"),
    extension("fastserve.websocket._session"),
]

CYTHONIZED = None if LINE_TRACING else "build/cython"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class BuildModules(build_ext):
    """Compile on all cores, and say what is being done: `pip install --verbose` shows it."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or CORES

    def run(self) -> None:
        self.for_others = not (self.inplace or self.editable_mode)
        if self.for_others and DEBUG:
            for module in self.extensions:
                module.extra_link_args.extend(STRIP)
        super().run()

    def build_extensions(self) -> None:
        if self.for_others:  # this Python's folders, where nothing is that the modules need
            linker = self.compiler.linker_so
            linker[:] = [word for word in linker if not word.startswith("-Wl,-rpath")]
        # The largest first: the last ones then end at about the same time.
        self.extensions.sort(key=lambda module: -sum(map(os.path.getsize, module.sources)))
        self.announce(f"Building {len(self.extensions)} modules on {CORES} cores", logging.INFO)
        start = perf_counter()
        super().build_extensions()
        self.announce(f"Built them in {perf_counter() - start:.0f} s", logging.INFO)

    def build_extension(self, ext: Extension) -> None:
        # llhttp's sources are part of several modules. Each module has a folder for its objects, so
        # that none links what another is just writing.
        command = copy(self)
        command.build_temp = os.path.join(self.build_temp, ext.name)
        start = perf_counter()
        super(BuildModules, command).build_extension(ext)
        self.announce(f"built {ext.name} in {perf_counter() - start:.1f} s", logging.INFO)


def cythonized() -> list[Extension]:
    if PROFILE == "use":  # the C files that were compiled to count: Cython might write others
        for module in MODULES:
            module.sources = [
                re.sub(r"^(.*)\.pyx$", rf"{CYTHONIZED}/\1.c", file) for file in module.sources
            ]
        return MODULES
    return cythonize(
        MODULES,
        build_dir=CYTHONIZED,
        nthreads=CORES,
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


if __name__ == "__main__":  # not in the processes that cythonize() starts
    release = runpy.run_path("release/readme.py")
    setup(
        long_description=release["for_index"](),
        long_description_content_type="text/markdown",
        cmdclass={"build_ext": BuildModules},
        ext_modules=cythonized(),
    )
