# llhttp's C interface, in the header's order, as far as it is used.
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint64_t

cdef extern from "llhttp.h":
    int LLHTTP_VERSION_MAJOR
    int LLHTTP_VERSION_MINOR
    int LLHTTP_VERSION_PATCH

    ctypedef struct llhttp_t:
        int32_t error
        const char *reason
        const char *error_pos
        void *data
        void *_current  # where the state machine is
        uint64_t content_length
        uint8_t type
        uint8_t method
        uint8_t http_major
        uint8_t http_minor
        uint16_t lenient_flags
        uint8_t upgrade
        uint8_t finish
        uint16_t flags
        uint16_t status_code
        uint8_t initial_message_completed

    ctypedef enum llhttp_errno_t:
        HPE_OK
        HPE_INVALID_METHOD
        HPE_INVALID_URL
        HPE_INVALID_VERSION
        HPE_INVALID_STATUS
        HPE_CB_MESSAGE_BEGIN
        HPE_CB_HEADERS_COMPLETE
        HPE_CB_MESSAGE_COMPLETE
        HPE_PAUSED
        HPE_PAUSED_UPGRADE
        HPE_PAUSED_H2_UPGRADE
        HPE_USER
        HPE_CB_HEADER_VALUE_COMPLETE

    ctypedef enum llhttp_flags_t:
        F_CONNECTION_KEEP_ALIVE
        F_CONNECTION_CLOSE
        F_CHUNKED
        F_CONTENT_LENGTH
        F_SKIPBODY

    ctypedef enum llhttp_lenient_flags_t:
        LENIENT_HEADERS
        LENIENT_CHUNKED_LENGTH
        LENIENT_KEEP_ALIVE
        LENIENT_TRANSFER_ENCODING
        LENIENT_VERSION
        LENIENT_DATA_AFTER_CLOSE
        LENIENT_OPTIONAL_LF_AFTER_CR
        LENIENT_OPTIONAL_CRLF_AFTER_CHUNK
        LENIENT_OPTIONAL_CR_BEFORE_LF
        LENIENT_SPACES_AFTER_CHUNK_SIZE

    ctypedef enum llhttp_type_t:
        HTTP_REQUEST
        HTTP_RESPONSE

    ctypedef enum llhttp_finish_t:
        HTTP_FINISH_SAFE
        HTTP_FINISH_SAFE_WITH_CB
        HTTP_FINISH_UNSAFE

    ctypedef enum llhttp_method_t:
        HTTP_DELETE
        HTTP_GET
        HTTP_HEAD
        HTTP_POST
        HTTP_PUT
        HTTP_CONNECT
        HTTP_OPTIONS
        HTTP_PATCH
        HTTP_QUERY

    ctypedef int (*llhttp_data_cb)(llhttp_t *, const char *at, size_t length) except -1
    ctypedef int (*llhttp_cb)(llhttp_t *) except -1

    ctypedef struct llhttp_settings_t:
        llhttp_cb on_message_begin
        llhttp_data_cb on_protocol
        llhttp_data_cb on_url
        llhttp_data_cb on_status
        llhttp_data_cb on_header_field
        llhttp_data_cb on_header_value
        llhttp_data_cb on_chunk_extension_name
        llhttp_data_cb on_chunk_extension_value
        llhttp_cb on_headers_complete
        llhttp_data_cb on_body
        llhttp_cb on_message_complete
        llhttp_cb on_status_complete
        llhttp_cb on_header_value_complete
        llhttp_cb on_chunk_extension_name_complete
        llhttp_cb on_chunk_extension_value_complete
        llhttp_cb on_chunk_header
        llhttp_cb on_chunk_complete

    void llhttp_init(llhttp_t *parser, llhttp_type_t type, const llhttp_settings_t *settings)
    void llhttp_reset(llhttp_t *parser)
    void llhttp_settings_init(llhttp_settings_t *settings)
    llhttp_errno_t llhttp_execute(llhttp_t *parser, const char *data, size_t length) except *
    bint llhttp_should_keep_alive(const llhttp_t *parser)
    void llhttp_resume(llhttp_t *parser)
    void llhttp_resume_after_upgrade(llhttp_t *parser)
    const char *llhttp_get_error_reason(const llhttp_t *parser)
    const char *llhttp_get_error_pos(const llhttp_t *parser)
    const char *llhttp_errno_name(llhttp_errno_t error)
    const char *llhttp_method_name(llhttp_method_t method)
