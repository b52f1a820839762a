"""Cases that ask for one of several things that the clause allows.

fastserve's tests hold it to its choice; a server that chooses otherwise conforms just as well.
tests/compat leaves these cases out, and docs/conformance.md lists them.
"""

CHOICES = {
    "RFC 9112 2.2 lets a recipient accept a bare LF as the end of a line and a bare CR as a space;"
    " both are refused": """
        rfc9112-2.2-bare-lf-request-line rfc9112-2.2-bare-lf-field rfc9112-2.2-bare-lf-end
        rfc9112-2.2-bare-cr-request-line rfc9112-2.2-bare-cr-field rfc9112-2.2-bare-cr-name
        rfc9112-7.1.1-extension-bare-cr rfc9112-7.1.2-trailer-bare-lf""",
    "RFC 9112 5.2 lets a server join folded lines; they are refused": """
        rfc9112-5.2-folded rfc9112-5.2-folded-tab rfc9112-5.2-folded-empty rfc9112-6.1-te-folded
        rfc9112-7.1.2-trailer-folded""",
    "RFC 9112 2.2 lets a server skip white space between the request line and the first field;"
    " it is refused": "rfc9112-2.2-space-first rfc9112-2.2-tab-first",
    "RFC 9112 3 lets a server split the request line at any white space; only single spaces are"
    " accepted": """
        rfc9112-3-two-spaces-after-method rfc9112-3-tab-after-method rfc9112-3-space-at-end
        rfc9112-3-two-spaces-before-version rfc9112-3-space-at-start""",
    "RFC 9110 5.5 lets a recipient accept control characters other than CR, LF and NUL; they are"
    " refused": "rfc9110-5.5-bell rfc9110-5.5-escape rfc9110-5.5-delete rfc9110-5.5-vertical-tab",
    "RFC 9112 6.1 and 6.3 let a server prefer Transfer-Encoding if it closes afterwards, and accept a"
    " repeated length; all of this is refused": """
        rfc9112-6.3-te-and-cl rfc9112-6.3-cl-and-te rfc9112-6.3-cl-zero-and-te rfc9112-6.1-te-in-1.0
        rfc9112-6.3-cl-same-twice rfc9112-6.3-cl-list-same""",
    "RFC 9110 8.6 and RFC 9112 7.1 require that large numbers do not overflow; those of more than 64"
    " bits are refused": """
        rfc9110-8.6-cl-overflow-64 rfc9110-8.6-cl-overflow-wraps rfc9110-8.6-cl-endless
        rfc9112-7.1-size-overflow rfc9112-7.1-size-overflow-wraps rfc9112-7.1-size-many-zeros""",
    "RFC 9110 5.6.1.2 and 5.6.3 have recipients accept empty list elements and white space around"
    " the parts of a chunk extension; they are refused where framing depends on them": """
        rfc9112-6.1-te-empty rfc9112-6.1-te-empty-element rfc9112-6.1-te-empty-element-behind
        rfc9112-7.1-size-space-after rfc9112-7.1.1-extension-space""",
    "RFC 9112 7.1.1 lets a recipient ignore all chunk extensions; malformed ones are refused": """
        rfc9112-7.1.1-extension-empty rfc9112-7.1.1-extension-name rfc9112-7.1.1-extension-nul
        rfc9112-7.1.1-extension-two-values rfc9112-7.1.1-extension-behind-quotes""",
    "RFC 9110 6.5.1 lets a recipient ignore trailers; those that would change the framing are"
    " refused": "rfc9110-6.5.1-trailer-content-length rfc9110-6.5.1-trailer-transfer-encoding",
    "RFC 9110 2.5, 9.1 and 15.6.6 let a server support more versions and methods; this server does"
    " not": """
        rfc9110-15.6.6-version-2.0 rfc9110-15.6.6-version-3.0 rfc9110-15.6.6-version-0.9
        rfc9110-15.6.6-version-1.2
        rfc9113-3.2-h2c rfc9112-3-method-too-long rfc9110-9.1-method-lower-case
        rfc9110-9.3.6-connect rfc9110-9.3.6-connect-in-1.0 rfc9110-15.5.22-version""",
    "RFC 9110 10.1.1 lets a server ignore unknown expectations, send 100 although the body has"
    " arrived, and keep the connection after a final status": """
        rfc9110-10.1.1-expect-unknown rfc9110-10.1.1-expect-several
        rfc9110-10.1.1-expect-parameter rfc9110-10.1.1-body-there rfc9110-10.1.1-final-instead""",
    "Each server chooses its limits": "rfc9110-5.4-hundred-fields rfc9112-3-long-target",
    "RFC 9112 9.3 lets a server read all of an unread body, keep HTTP/1.0 connections or not, and"
    " keep the connection after a failure of the app": """
        rfc9112-9.6-unread-large rfc9112-9.6-unread-endless rfc9112-9.3-old-kept
        rfc9112-9.3-old-kept-case rfc9112-9.3.2-pipelined-failed""",
    "RFC 9112 9.5 and 9.6 require neither an answer to half-closed clients nor a lingering"
    " close": """
        rfc9112-9.6-half-closed rfc9112-9.6-half-closed-pipelined rfc9112-9.6-half-closed-stream
        rfc9112-9.5-idle-close rfc9112-9.6-lingering""",
    "RFC 9112 3 does not say when a malformed request is answered": "rfc9112-2-garbage-byte",
    "RFC 9112 4 leaves the reason phrase to the server, and RFC 9110 15 what to do with a status"
    " above 599": "rfc9112-4-reason rfc9112-4-status-unassigned rfc9112-4-status-999",
    "RFC 9110 8.6 and 9.3.2 let a server leave Content-Length out": """
        rfc9110-8.6-send-length-added-empty rfc9110-9.3.2-head-length-added
        rfc9110-8.6-304-length-kept""",
    "RFC 9110 7.8 lets a server ignore Upgrade; an invalid WebSocket handshake is"
    " refused": "rfc9110-9.3.2-head-refused",
    "RFC 9110 15.5 recommends, but does not require, that the content explains an"
    " error": "rfc9110-15.5-refusal-says-why",
    "ASGI does not say what happens to the body of a 204 or 304; it is not sent": """
        rfc9110-15.3.5-204-with-body rfc9110-15.4.5-304-with-body""",
    "ASGI lets a server send the start at once; it waits for the body, so that an app that fails gets"
    " a 500": """
        rfc9110-15.6.1-raise-after-start rfc9110-15.6.1-raise-after-yield
        rfc9110-15.6.1-return-after-start rfc9110-15.6.1-too-short rfc9110-15.6.1-too-long
        asgi-raise-after-end""",
    "ASGI says that messages after the last body are ignored; here they raise, as other messages out"
    " of order do": "asgi-send-start-after-end asgi-send-body-after-end",
    "ASGI lets the server split a body into messages as it likes, and does not mention several or"
    " cancelled calls of receive()": """
        asgi-receive-whole asgi-receive-chunks-joined asgi-receive-after-end-of-body
        asgi-receive-many asgi-receive-cancelled asgi-receive-task""",
    "ASGI leaves the order of field names to the server": "rfc9110-5.3-order",
    "ASGI bodies are byte strings; other buffers are accepted too": """
        asgi-send-bytearray asgi-send-memoryview asgi-send-memoryview-words
        asgi-send-bytearray-changed""",
    "ASGI does not mention context variables": "asgi-contexts",
}
NAMES = frozenset(name for names in CHOICES.values() for name in names.split())
