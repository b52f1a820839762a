# What another package may cimport; docs/parser.md says how.
from httpparser.http1._fields cimport equal_fold, is_token, parse_length, token_in_list
from httpparser.http1._head cimport RequestHead, ResponseHead
from httpparser.http1._limits cimport Limits
from httpparser.http1._output cimport (
    Output, as_bytes, write_field, write_number, write_status_line,
)
from httpparser.http1._parser cimport CONTINUE, NO_BODY, SWITCH, Parser
