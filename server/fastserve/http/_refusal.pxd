from httpparser._response cimport Output
from fastserve.http._service cimport Service

cdef int write_error(Output output, Service service, int status, str text, bint head,
                     object headers=*) except -1
