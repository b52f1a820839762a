from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from httpparser.http1._fields cimport Facts
from httpparser.http1._head cimport RequestHead
from httpparser.http1._limits cimport Limits
from httpparser.http1._output cimport Output
from httpparser.http2.nghttp2 cimport nghttp2_nv, nghttp2_session

# Where the input stops: nothing to wait for, or something that must not take for ever.
cdef enum Position:
    BETWEEN_FRAMES
    IN_PREFACE
    IN_FIELD_BLOCK  # between its frames, or in one of them
    IN_DATA
    IN_FRAME

cdef enum:
    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    REFUSED_STREAM = 7
    CANCEL = 8
    ENHANCE_YOUR_CALM = 11

# How often something may happen: a bucket that is looked at again when it is empty.
cdef struct Bucket:
    int64_t left
    int64_t rate  # a second
    uint64_t second  # when it was filled

# One stream of a session.
cdef class Stream:
    cdef Session session  # owned until the stream is closed
    cdef readonly int32_t id
    cdef object owner  # owned until the stream is closed: its user's
    cdef readonly bint closed
    cdef readonly bint ended  # the peer's END_STREAM has arrived
    cdef uint64_t received  # bytes of content
    cdef size_t unconsumed  # of them, those for which the window was not opened again
    cdef int32_t window  # as large as it was made last; 0: as SETTINGS has it

    # The head that is kept for the first of the body.
    cdef int status
    cdef list fields  # owned: pairs, checked; None: no head is kept
    cdef bint has_date
    cdef bint has_server
    cdef bint answered  # a final head was sent
    cdef list kept, kept_extra  # owned: its fields, until it is a frame

    # What waits for the window, the priority and the transport.
    cdef bytes first  # owned: sent next, from `at` on; None: nothing waits
    cdef Py_ssize_t at
    cdef object rest  # owned: a deque of those behind it; None until there is one
    cdef readonly size_t unsent  # bytes of all
    cdef uint64_t sent  # bytes that have become frames
    cdef bint finished  # nothing is added any more
    cdef list trailers  # owned: sent at the end
    cdef bint waiting  # nghttp2 asks again once there is more
    cdef bint tunnel  # the peer goes on after our end. RFC 8441 5
    cdef bint wants_room  # on_room() is called when fewer than `room` bytes wait

    cdef int64_t keep_head(self, int status, object headers) except? -2
    cdef int drop_head(self) except -1
    cdef int send_head(self, bint has_body, int64_t length=*) except -1
    cdef int inform(self, int status, list fields) except -1
    cdef int send(self, bytes data, bint more) except -1
    cdef int send_trailers(self, list fields) except -1
    cdef int copy_to(self, Output out, size_t length) except -1
    cdef size_t load(self) noexcept
    cdef int consume(self, size_t count) except -1
    cdef int grow_window(self, int32_t size) except -1
    cdef int reset(self, uint32_t code) except -1
    cdef bint is_blocked(self) noexcept

cdef class Session:
    cdef nghttp2_session *session  # owned; NULL before setup()
    cdef readonly set streams  # those that are open
    cdef Limits limits
    cdef bint client
    cdef readonly str reason  # why the session was ended; None: it was not
    cdef uint32_t code  # that goes with it
    cdef int32_t last_id  # of the streams that the peer has begun
    cdef int32_t skipped_from, skipped_to  # those that it left out last
    cdef bint failed  # nothing more is read
    cdef bint lost  # nor written
    cdef bint busy  # inside nghttp2
    cdef uint64_t sent  # bytes of content
    cdef int32_t reset_id  # of the last stream that the peer has reset
    cdef uint64_t whole  # frames that were read to their end
    cdef int problem  # nghttp2's, with a frame of this input; 0: none

    # Options of setup().
    cdef list default_fields  # owned by the user: added to each response
    cdef size_t field_block
    cdef size_t room  # see Stream.wants_room
    cdef Bucket resets
    cdef Bucket frames  # those that ask for nothing

    # The field block that is being read.
    cdef Stream block_stream
    cdef size_t block_frames  # bytes of its frames
    cdef size_t block_size  # as SETTINGS_MAX_HEADER_LIST_SIZE counts. RFC 9113 6.5.2
    cdef size_t block_count
    cdef size_t block_most  # bytes that it may have
    cdef object block_error  # owned: it is past a limit
    cdef bytes path, authority, host, cookie, protocol  # owned
    cdef str method
    cdef int block_status
    cdef Py_ssize_t cookie_at
    cdef list fields  # owned
    cdef Facts facts
    cdef bint has_priority

    cdef Output out  # owned by the caller of produce()
    cdef size_t out_limit  # of produce()

    cdef int setup(self, bint client, Limits limits, dict options) except -1
    cdef int check_begun(self) except -1
    cdef int execute(self, const char *data, size_t length) except -1
    cdef bint produce(self, Output out, size_t limit) except -1
    cdef Position position(self) noexcept
    cdef bint is_over(self) noexcept
    cdef bint wants_write(self) noexcept
    cdef bint is_window_shut(self) noexcept
    cdef size_t queued(self) noexcept
    cdef int terminate(self, uint32_t code, str reason) except -1
    cdef int announce_shutdown(self) except -1
    cdef int shut_down(self) except -1
    cdef int ping(self) except -1
    cdef list in_order(self)
    cdef Stream open(self, list fields, bint has_body)
    cdef int close(self) except -1

    # To be overridden. They may use streams; they may not feed or produce.
    cdef int on_request(self, Stream stream, RequestHead head) except -1
    cdef int on_refused(self, Stream stream, object error) except -1
    cdef int on_response(self, Stream stream, int status, list headers) except -1
    cdef int on_data(self, Stream stream, const char *at, size_t length) except -1
    cdef int on_trailers(self, Stream stream, list trailers) except -1
    cdef int on_end(self, Stream stream) except -1
    cdef int on_room(self, Stream stream) except -1
    cdef int on_closed(self, Stream stream, uint32_t code) except -1
    cdef int on_goaway(self, int32_t last_stream_id, uint32_t code) except -1
    cdef int on_pong(self) except -1

    # The rest is the session's own.
    cdef int begin_block(self, Stream stream, list fields, size_t most) except -1
    cdef int add_field(self, const char *name, size_t name_length, const char *value,
                       size_t value_length) except -1
    cdef int add_pseudo(self, const char *name, size_t name_length, const char *value,
                        size_t value_length) except -1
    cdef int end_request_block(self, Stream stream, bint ended) except -1
    cdef RequestHead make_head(self)
    cdef int count_frame(self, int kind, size_t length, int flags, int32_t id) except? -902
    cdef int submit(self, Stream stream, int status, list fields, bint final, bint has_body,
                    int64_t length) except -1
    cdef int fail(self, uint32_t code, str reason) except? -902

cdef int fill_fields(nghttp2_nv *to, list fields, bint kept, bint skip_date=*,
                     bint skip_server=*) except -1
cdef list sendable(object headers)
