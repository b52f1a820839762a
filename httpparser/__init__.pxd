# What another package may cimport; docs/parser.md says how.
from httpparser._core cimport CONTINUE, NO_BODY, SWITCH, Limits, Parser, Sink
from httpparser._head cimport RequestHead, ResponseHead
