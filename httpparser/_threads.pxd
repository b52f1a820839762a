# What differs between a CPython with a GIL and one without.
from cpython.object cimport PyObject
from cpython.pycapsule cimport (
    PyCapsule_GetContext, PyCapsule_GetPointer, PyCapsule_New, PyCapsule_SetContext,
)
from libc.stdint cimport uint8_t
from libc.stdlib cimport calloc, free

cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    #define HTTPPARSER_ACQUIRE(flag) (!__atomic_exchange_n((flag), 1, __ATOMIC_ACQUIRE))
    #define HTTPPARSER_RELEASE(flag) __atomic_store_n((flag), 0, __ATOMIC_RELEASE)
    static __thread void *httpparser_table __attribute__((unused));
    #define HTTPPARSER_TABLE(shared) httpparser_table
    #define HTTPPARSER_SET_TABLE(table) (httpparser_table = (table))
    #if PY_VERSION_HEX >= 0x030F0000
    #define HTTPPARSER_SET_IMMORTAL(object) ((void) PyUnstable_SetImmortal(object))
    #else
    #define HTTPPARSER_SET_IMMORTAL(object) Py_SET_REFCNT((object), (Py_ssize_t) UINT32_MAX + 1)
    #endif
    #else
    #define HTTPPARSER_ACQUIRE(flag) (*(flag) ? 0 : (*(flag) = 1))
    #define HTTPPARSER_RELEASE(flag) (*(flag) = 0)
    #define HTTPPARSER_TABLE(shared) ((void *) (shared))
    #define HTTPPARSER_SET_TABLE(table) ((void) (table))
    #define HTTPPARSER_SET_IMMORTAL(object) ((void) (object))
    #endif
    """
    # One call at a time: false if the flag is set already, by a callback or another thread.
    bint acquire "HTTPPARSER_ACQUIRE"(uint8_t *flag) noexcept nogil
    void release "HTTPPARSER_RELEASE"(uint8_t *flag) noexcept nogil
    # A module's cache: `shared` with a GIL; without one, this thread's, NULL before new_table().
    void *table_of_thread "HTTPPARSER_TABLE"(void *shared) noexcept nogil
    void set_table "HTTPPARSER_SET_TABLE"(void *table) noexcept nogil
    # No reference to it is counted any more: threads that count the same object wait for the cache
    # line it lies in. Only at import, for what lives as long as the process. It is to be a local
    # variable, or 3.15 sees a second reference and does nothing. For a str use sys.intern(), which
    # does the same without the GIL; Cython does so for those that are identifiers, and for bytes.
    void set_immortal "HTTPPARSER_SET_IMMORTAL"(object) noexcept

cdef extern from "Python.h":
    PyObject *PyThreadState_GetDict()  # borrowed; NULL: no thread of Python's

ctypedef void (*clear_function)(void *table) noexcept


cdef inline void *new_table(size_t size, clear_function clear) noexcept:
    """An empty table for this thread; NULL without memory. At the thread's end it is freed, after
    `clear` has let go of what it holds."""
    cdef PyObject *owner = PyThreadState_GetDict()
    cdef void *table = NULL if owner == NULL else calloc(1, size)
    if table == NULL:
        return NULL
    try:
        capsule = PyCapsule_New(table, NULL, end_table)
    except MemoryError:
        free(table)
        return NULL
    try:
        PyCapsule_SetContext(capsule, <void *> clear)
        (<dict> owner)[f"httpparser.{<size_t> clear:x}"] = capsule
    except MemoryError:
        return NULL  # freed with its capsule
    set_table(table)
    return table


cdef inline void end_table(object capsule) noexcept:
    cdef void *table = PyCapsule_GetPointer(capsule, NULL)
    # At the end of the process, and in a forked one, another thread frees it.
    if table_of_thread(NULL) == table:
        set_table(NULL)
    (<clear_function> PyCapsule_GetContext(capsule))(table)
    free(table)
