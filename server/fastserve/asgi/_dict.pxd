# A dict's items one after the other, without a call for each.
from cpython.object cimport PyObject

cdef extern from *:
    """
    #if CYTHON_COMPILING_IN_CPYTHON && !defined(Py_GIL_DISABLED) && PY_VERSION_HEX < 0x03100000
    #ifndef Py_BUILD_CORE
    #define Py_BUILD_CORE 1
    #endif
    #undef _PyGC_FINALIZED /* 3.12's headers make a function of that macro */
    #include "internal/pycore_dict.h"

    /* Whether a dict is what these headers say: 1, or -1, or 0 when nobody has looked yet. A later
       Python of the same minor version would not change it, but nobody has promised that. */
    static int fastserve_dicts_known = 0;

    static Py_ssize_t fastserve_entry(PyDictObject *dict, Py_ssize_t at, PyObject **key,
                                      PyObject **value)
    {
        PyDictUnicodeEntry *entries = DK_UNICODE_ENTRIES(dict->ma_keys);
        while (at < dict->ma_keys->dk_nentries) {
            *key = entries[at].me_key;
            *value = entries[at++].me_value;
            if (*value != NULL)
                return at;
        }
        return 0;
    }

    static int fastserve_look_at_dict(PyObject *made, PyObject *key, PyObject *value)
    {
        PyDictObject *dict = (PyDictObject *)made;
        PyObject *found, *with;
        if (PyDict_SetItem(made, key, value) < 0)
            return 0;
        return dict->ma_values == NULL && DK_IS_UNICODE(dict->ma_keys)
            && dict->ma_keys->dk_nentries == 1
            && fastserve_entry(dict, 0, &found, &with) == 1 && found == key && with == value
            && fastserve_entry(dict, 1, &found, &with) == 0 ? 1 : -1;
    }

    CYTHON_UNUSED static int fastserve_next_of_any(PyObject *dict, Py_ssize_t *at, PyObject **key,
                                                   PyObject **value)
    {
        PyObject *made, *name;
        if (fastserve_dicts_known == 0) {
            made = PyDict_New();
            name = PyUnicode_FromString("name");
            if (made != NULL && name != NULL)
                fastserve_dicts_known = fastserve_look_at_dict(made, name, Py_None);
            Py_XDECREF(made);
            Py_XDECREF(name);
            if (fastserve_dicts_known == 0)
                PyErr_Clear(); /* no memory: at another time */
        }
        return PyDict_Next(dict, at, key, value);
    }

    static inline int fastserve_next(PyObject *object, Py_ssize_t *at, PyObject **key,
                                     PyObject **value)
    {
        PyDictObject *dict = (PyDictObject *)object;
        Py_ssize_t next;
        if (fastserve_dicts_known <= 0 || dict->ma_values != NULL || !DK_IS_UNICODE(dict->ma_keys))
            return fastserve_next_of_any(object, at, key, value);
        next = fastserve_entry(dict, *at, key, value);
        *at = next;
        return next != 0;
    }
    #else
    #define fastserve_next PyDict_Next
    #endif
    """
    # As PyDict_Next(): 0 at the end; what it gives is borrowed; the dict must not change meanwhile.
    bint next_item "fastserve_next"(dict, Py_ssize_t *, PyObject **, PyObject **) noexcept
