"""Whether this processor can run the other modules, which are built for x86-64-v2."""

__all__ = ()

cdef extern from *:
    """
    #if defined(__x86_64__)
    #define FASTSERVE_CPU_OK() \\
        (__builtin_cpu_init(), \\
         __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"))
    #else
    #define FASTSERVE_CPU_OK() 1
    #endif
    """
    bint cpu_ok "FASTSERVE_CPU_OK"()


if not cpu_ok():
    raise ImportError(
        "httpparser is built for x86-64-v2 and this processor has no SSE4.2: build it for this "
        'machine with CFLAGS="-march=native" pip install --no-binary fastserve-asgi fastserve-asgi'
    )
