# Whether a call that may take long has to let other threads go on: to let go of the GIL and take it
# again costs as much as a short call does.

cdef extern from *:
    """
    /* A thread that is being started waits, as for any other. */
    static int has_others(void)
    {
    #ifdef Py_GIL_DISABLED
        return 1;  /* a collection waits for all threads */
    #else
        PyThreadState *own = PyThreadState_Get();
        return PyInterpreterState_ThreadHead(PyThreadState_GetInterpreter(own)) != own
            || PyThreadState_Next(own) != NULL;
    #endif
    }
    """
    bint has_others() noexcept
