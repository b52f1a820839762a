"""The server's own answers, to requests that it does not take and apps that failed."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from http import HTTPStatus

from httpparser._response cimport Output, write_field, write_number, write_status_line
from fastserve.http._service cimport Service

from httpparser.errors import HttpParserError

__all__ = ("Refusal",)


class Refusal(HttpParserError):
    """A request that the server does not take."""

    def __init__(self, status, message):
        super().__init__(message, code="REFUSED")
        self.status = status


cdef int write_error(Output output, Service service, int status, str text, bint head,
                     object headers=()) except -1:
    """A whole response of the server's own, which closes the connection."""
    cdef bytes body = f"{text or HTTPStatus(status).phrase}\n".encode()
    service.renew()
    write_status_line(output, status)
    cdef bytes name, value
    for name, value in headers:
        write_field(output, name, value)
    write_field(output, b"content-type", b"text/plain; charset=utf-8")
    output.append(b"content-length: ", 16)
    write_number(output, len(body))
    output.append(b"\r\nconnection: close\r\n", 21)
    output.append(PyBytes_AS_STRING(service.both), PyBytes_GET_SIZE(service.both))
    output.append(b"\r\n", 2)
    if not head:
        output.append(PyBytes_AS_STRING(body), len(body))
    return 0
