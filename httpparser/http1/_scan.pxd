# Reading 16 octets at a time. At least 16 octets lie before each `end`, in the same buffer.
cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #ifdef __SSE2__
    #include <emmintrin.h>

    static inline unsigned httpparser_equal(__m128i octets, char wanted) {
        return (unsigned) _mm_movemask_epi8(_mm_cmpeq_epi8(octets, _mm_set1_epi8(wanted)));
    }

    /* A bit for each octet that is a control or DEL. */
    static inline unsigned httpparser_controls(__m128i octets) {
        __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(octets, _mm_set1_epi8(0x1F)), octets);
        return (unsigned) _mm_movemask_epi8(
            _mm_or_si128(low, _mm_cmpeq_epi8(octets, _mm_set1_epi8(0x7F))));
    }

    /* A bit for each octet that is not IN_TARGET; signed, those from 0x80 on are below all. */
    static inline unsigned httpparser_not_target(__m128i octets) {
        __m128i wrong = _mm_or_si128(_mm_cmpeq_epi8(octets, _mm_set1_epi8(0x7F)),
                                     _mm_cmpeq_epi8(octets, _mm_set1_epi8('#')));
        return (unsigned) _mm_movemask_epi8(
            _mm_or_si128(wrong, _mm_cmplt_epi8(octets, _mm_set1_epi8(0x21))));
    }
    #endif

    static inline const char *httpparser_line_end(const char *at, const char *end,
                                                  const char **colon) {
        *colon = NULL;
    #ifdef __SSE2__
        while (at < end) {
            /* The last ones before the end, where fewer than 16 are left. */
            const char *from = end - at >= 16 ? at : end - 16;
            unsigned skip = (unsigned) (at - from), colons, stops;
            __m128i octets = _mm_loadu_si128((const __m128i *) from);
            if (*colon == NULL && (colons = httpparser_equal(octets, ':') >> skip))
                *colon = at + __builtin_ctz(colons);
            for (stops = httpparser_controls(octets) >> skip; stops; stops &= stops - 1)
                if (at[__builtin_ctz(stops)] != '\t')
                    return at + __builtin_ctz(stops);
            at = from + 16;
        }
    #else
        for (; at < end; at++) {
            if (*at == ':' && *colon == NULL)
                *colon = at;
            if (((unsigned char) *at < 0x20 && *at != '\t') || *at == 0x7F)
                return at;
        }
    #endif
        return end;
    }

    static inline const char *httpparser_target_end(const char *at, const char *end,
                                                    const char **mark, int *percent) {
        *mark = NULL;
        *percent = 0;
    #ifdef __SSE2__
        while (at < end) {
            const char *from = end - at >= 16 ? at : end - 16;
            unsigned skip = (unsigned) (at - from), marks, stops;
            __m128i octets = _mm_loadu_si128((const __m128i *) from);
            if (*mark == NULL && (marks = httpparser_equal(octets, '?') >> skip))
                *mark = at + __builtin_ctz(marks);
            *percent |= httpparser_equal(octets, '%') != 0;
            if ((stops = httpparser_not_target(octets) >> skip))
                return at + __builtin_ctz(stops);
            at = from + 16;
        }
    #else
        for (; at < end; at++) {
            if (*at == '?' && *mark == NULL)
                *mark = at;
            *percent |= *at == '%';
            if ((unsigned char) *at <= 0x20 || (unsigned char) *at >= 0x7F || *at == '#')
                return at;
        }
    #endif
        return end;
    }

    static inline int httpparser_same(const char *one, const char *other, size_t length) {
    #ifdef __SSE2__
        size_t at = 0;
        uint64_t a, b, c, d;
        uint32_t e, f, g, h;
        if (length >= 16) {
            for (;;) {
                __m128i differ = _mm_xor_si128(_mm_loadu_si128((const __m128i *) (one + at)),
                                               _mm_loadu_si128((const __m128i *) (other + at)));
                if (_mm_movemask_epi8(_mm_cmpeq_epi8(differ, _mm_setzero_si128())) != 0xFFFF)
                    return 0;
                at += 16;
                if (at + 16 > length) {
                    if (at >= length)
                        return 1;
                    at = length - 16;
                }
            }
        }
        if (length >= 8) {
            memcpy(&a, one, 8);
            memcpy(&b, other, 8);
            memcpy(&c, one + length - 8, 8);
            memcpy(&d, other + length - 8, 8);
            return !((a ^ b) | (c ^ d));
        }
        if (length >= 4) {
            memcpy(&e, one, 4);
            memcpy(&f, other, 4);
            memcpy(&g, one + length - 4, 4);
            memcpy(&h, other + length - 4, 4);
            return !((e ^ f) | (g ^ h));
        }
    #endif
        return memcmp(one, other, length) == 0;
    }
    """
    # The first octet that no field line may hold, mostly its CR (RFC 9110 5.5), or `end`. `colon`
    # is the first one from `at` on, perhaps after what is returned; NULL: none was seen.
    const char *line_end "httpparser_line_end"(
        const char *at, const char *end, const char **colon) noexcept nogil
    # The first octet that no request target may hold (RFC 9112 3.2), mostly the space after it, or
    # `end`. `mark` is the first "?", perhaps after what is returned, or NULL; `percent`: there may
    # be a "%" in it.
    const char *target_end "httpparser_target_end"(
        const char *at, const char *end, const char **mark, bint *percent) noexcept nogil
    bint same "httpparser_same"(const char *one, const char *other, size_t length) noexcept nogil
