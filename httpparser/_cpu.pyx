# cython: subinterpreters_compatible = own_gil
# distutils: define_macros = CYTHON_USE_MODULE_STATE=1
"""Whether the other modules can run here: on this processor, in this interpreter.

This module itself loads in every interpreter, so that it can say why the others do not.
"""

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
    #define FASTSERVE_IN_MAIN() (PyInterpreterState_Get() == PyInterpreterState_Main())
    """
    bint cpu_ok "FASTSERVE_CPU_OK"()
    bint in_main "FASTSERVE_IN_MAIN"()


if not in_main():
    raise ImportError(
        "httpparser works in the main interpreter only: import it there, not in a sub-interpreter"
    )
if not cpu_ok():
    raise ImportError(
        "httpparser is built for x86-64-v2 and this processor has no SSE4.2: build it for this "
        'machine with CFLAGS="-march=native" pip install --no-binary fastserve-asgi fastserve-asgi'
    )
