# What another package may cimport; docs/parser.md says how.
from httpparser.http2._session cimport (
    CANCEL, ENHANCE_YOUR_CALM, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM,
    BETWEEN_FRAMES, IN_DATA, IN_FIELD_BLOCK, IN_FRAME, IN_PREFACE, Position, Session, Stream,
    sendable,
)
