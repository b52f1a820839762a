"""One section of fields as it arrives: spans first, `(name, value)` pairs when it is complete.

Within one piece of input a token is a pointer and a length; only what a piece of input cuts in two
is copied, into one growing buffer, so that the cost is linear in any split. Each limit is checked
while the field still arrives.
"""

from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from httpparser._head cimport no_facts, note
from httpparser._headers cimport UPGRADE, Kind, field as pair_of
from httpparser._limits cimport Limits, fields_too_large
from httpparser.llhttp cimport llhttp_t

__all__ = ("Section",)

cdef enum:
    ROOM_KEPT = 4096  # a buffer or table that has grown past this is not kept for the next message


cdef class Section:
    """The tokens of a head or of trailers, whichever is being read."""

    def __dealloc__(self):
        free(self.carry)
        free(self.grown)

    cdef int begin_section(self) except -1:
        """The first name of a section, where nothing else has announced one."""
        return 0

    cdef void forget_fields(self) noexcept:
        self.headers = None
        self.upgrade = None
        no_facts(&self.facts)
        self.field_count = 0
        self.section_length = 0
        self.name_length = 0
        self.value_length = 0
        self.carry_name = 0
        self.carry_length = 0
        if self.carry_room > ROOM_KEPT:
            free(self.carry)
            self.carry = NULL
            self.carry_room = 0

    cdef void use_table(self, Field *table, size_t room) noexcept:
        """The caller's table for the spans of this input, unless one has grown past it."""
        if self.grown == NULL:
            self.fields = table
            self.field_room = room
        else:
            self.fields = self.grown

    cdef void leave_table(self) noexcept:
        self.fields = NULL
        if self.grown != NULL and self.field_room * sizeof(Field) > ROOM_KEPT:
            free(self.grown)
            self.grown = NULL

    cdef int suspend_fields(self, uint64_t here) except -1:
        """The input ends inside a section: keep what it began, refuse what grew too long."""
        self.flush_fields()
        if self.name_length:
            self.carry_field()
        if self.carry_name:
            self.check_field(here - self.field_start)
        return 0

    cdef int flush_fields(self) except -1:
        cdef list pairs
        if self.field_count:
            pairs = self.take_fields()
            self.headers = pairs
        return 0

    cdef int carry_over(self, const char *at, size_t length) except -1:
        cdef size_t needed = self.carry_length + length, room
        cdef char *grown
        if needed > self.carry_room:
            room = needed * 2 if needed > 128 else 256
            grown = <char *> realloc(self.carry, room)
            if grown == NULL:
                raise MemoryError
            self.carry = grown
            self.carry_room = room
        if length:
            memcpy(self.carry + self.carry_length, at, length)
        self.carry_length = needed
        return 0

    cdef int carry_field(self) except -1:
        self.carry_over(self.name, self.name_length)
        self.carry_name = self.name_length
        self.field_end = self.field_start + self.name_length
        if self.value != NULL:
            self.field_end = offset_of(self, self.value) + self.value_length
            self.carry_over(self.value, self.value_length)
        self.name_length = 0
        self.value_length = 0
        return 0

    cdef int end_field(self) except -1:
        """A name and its value are complete."""
        cdef Field *entry
        if self.carry_name:
            if self.headers is None:
                self.headers = []
            self.count_field(self.field_end - self.field_start)
            self.headers.append(
                self.take(self.carry, self.carry_name, self.carry + self.carry_name,
                          self.carry_length - self.carry_name)
            )
            self.carry_name = 0
            self.carry_length = 0
            return 0
        if self.value == NULL:
            self.value = self.name + self.name_length
        self.count_field(self.value - self.name + self.value_length)
        if self.field_count == self.field_room:
            self.grow_fields()
        entry = &self.fields[self.field_count]
        self.field_count += 1
        entry.name = self.name
        entry.name_length = self.name_length
        entry.value = self.value
        entry.value_length = self.value_length
        self.name_length = 0
        self.value_length = 0
        return 0

    cdef int grow_fields(self) except -1:
        cdef size_t room = self.field_room * 2
        cdef Field *grown = <Field *> realloc(self.grown, room * sizeof(Field))
        if grown == NULL:
            raise MemoryError
        if self.grown == NULL:
            memcpy(grown, self.fields, self.field_count * sizeof(Field))
        self.grown = self.fields = grown
        self.field_room = room
        return 0

    cdef int count_field(self, uint64_t length) except -1:
        """One more field line of this length, without its CRLF."""
        cdef Limits limits = self.limits
        cdef size_t count = self.field_count
        if length > limits.field:
            raise fields_too_large("field", limits.field)
        self.section_length += length + 2
        if self.phase == TRAILERS:
            if self.section_length > limits.trailers:
                raise fields_too_large("trailers", limits.trailers)
        elif self.section_length > limits.fields:
            raise fields_too_large("fields", limits.fields)
        if self.headers is not None:
            count += len(self.headers)
        if count >= limits.count:
            raise fields_too_large("count", limits.count)
        return 0

    cdef int check_field(self, uint64_t length) except -1:
        """The same for one that still arrives; of its CRLF none, one or both bytes are here."""
        cdef uint64_t before = self.section_length
        self.count_field(length - 2 if length > 2 else 0)
        self.section_length = before
        return 0

    cdef list take_fields(self):
        """All complete fields as pairs."""
        cdef size_t i, count = self.field_count
        cdef Field *fields = self.fields
        cdef list pairs
        cdef tuple pair
        if self.headers is None:
            pairs = PyList_New(count)
            for i in range(count):
                pair = self.take(fields[i].name, fields[i].name_length, fields[i].value,
                                 fields[i].value_length)
                Py_INCREF(pair)
                PyList_SET_ITEM(pairs, i, pair)
        else:
            pairs = self.headers
            for i in range(count):
                pairs.append(self.take(fields[i].name, fields[i].name_length, fields[i].value,
                                       fields[i].value_length))
            self.headers = None
        self.field_count = 0
        return pairs

    cdef tuple take(self, const char *name, size_t name_length, const char *value,
                    size_t value_length):
        cdef Kind kind
        cdef tuple pair
        # RFC 9112 5.1: white space around the value is not part of it
        while value_length and value[value_length - 1] in (c' ', c'\t'):
            value_length -= 1
        pair = pair_of(name, name_length, value, value_length, &kind)
        if kind and self.phase < BODY:  # RFC 9110 6.5.1: a trailer changes nothing
            note(&self.facts, kind, value, value_length, self.strict and not self.response)
            if kind == UPGRADE:
                self.upgrade = <bytes> pair[1] if self.upgrade is None else (
                    self.upgrade + b", " + <bytes> pair[1]
                )
        return pair


# -- llhttp's callbacks ------------------------------------------------------------------------

cdef int on_name(llhttp_t *llhttp, const char *at, size_t length) except -1:
    cdef Section self = <Section> llhttp.data
    if self.phase != FIELDS and self.phase != TRAILERS:
        self.begin_section()
    if self.carry_name:
        self.carry_over(at, length)
        self.carry_name += length
    elif self.name_length:
        self.name_length += length
    else:
        self.name = at
        self.name_length = length
        self.value = NULL
        self.field_start = offset_of(self, at)
    return 0


cdef int on_value(llhttp_t *llhttp, const char *at, size_t length) except -1:
    cdef Section self = <Section> llhttp.data
    if self.carry_name:
        self.carry_over(at, length)
        self.field_end = offset_of(self, at) + length
    elif self.value_length == 0:
        self.value = at
        self.value_length = length
    elif at == self.value + self.value_length:
        self.value_length += length
    else:  # a folded value, where a leniency allows it
        self.flush_fields()
        self.carry_field()
        self.carry_over(at, length)
        self.field_end = offset_of(self, at) + length
    return 0


cdef int on_value_complete(llhttp_t *llhttp) except -1:
    return (<Section> llhttp.data).end_field()
