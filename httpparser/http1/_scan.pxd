# Reading 16 octets at a time. At least 16 octets lie before each `end`, in the same buffer.
cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #ifdef __SSE2__
    #include <emmintrin.h>

    /* The 16 octets from `at` on; where fewer are left the last ones before `end`, and `skip` says
       how many of them lie before `at`. */
    static inline __m128i httpparser_load(const char *at, const char *end, unsigned *skip) {
        const char *from = end - at < 16 ? end - 16 : at;
        *skip = (unsigned) (at - from);
        return _mm_loadu_si128((const __m128i *) from);
    }

    static inline unsigned httpparser_bits(__m128i octets, unsigned skip) {
        return (unsigned) _mm_movemask_epi8(octets) >> skip;
    }

    static inline unsigned httpparser_equal(__m128i octets, char wanted, unsigned skip) {
        return httpparser_bits(_mm_cmpeq_epi8(octets, _mm_set1_epi8(wanted)), skip);
    }
    #endif

    static inline const char *httpparser_line_end(const char *at, const char *end,
                                                  const char **colon) {
        *colon = NULL;
        while (at < end) {
    #ifdef __SSE2__
            unsigned skip, stops, colons;
            __m128i octets = httpparser_load(at, end, &skip);
            __m128i controls = _mm_cmpeq_epi8(_mm_min_epu8(octets, _mm_set1_epi8(0x1F)), octets);
            __m128i deletes = _mm_cmpeq_epi8(octets, _mm_set1_epi8(0x7F));
            if (*colon == NULL && (colons = httpparser_equal(octets, ':', skip)))
                *colon = at + __builtin_ctz(colons);
            stops = httpparser_bits(_mm_or_si128(controls, deletes), skip);
            if (!stops) {
                at += 16 - skip;
                continue;
            }
            at += __builtin_ctz(stops);
    #else
            if (*at == ':' && *colon == NULL)
                *colon = at;
            if ((unsigned char) *at >= 0x20 && *at != 0x7F) {
                at++;
                continue;
            }
    #endif
            if (*at != '\\t')
                return at;
            at++;
        }
        return end;
    }

    static inline const char *httpparser_target_end(const char *at, const char *end,
                                                    const char **mark, int *percent) {
        *mark = NULL;
        *percent = 0;
        while (at < end) {
    #ifdef __SSE2__
            unsigned skip, stops, marks;
            __m128i octets = httpparser_load(at, end, &skip);
            __m128i visible = _mm_cmpgt_epi8(octets, _mm_set1_epi8(0x20));  /* and DEL */
            if (*mark == NULL && (marks = httpparser_equal(octets, '?', skip)))
                *mark = at + __builtin_ctz(marks);
            *percent |= httpparser_equal(octets, '%', skip) != 0;
            stops = (httpparser_bits(visible, skip) ^ (0xFFFF >> skip))
                    | httpparser_equal(octets, 0x7F, skip) | httpparser_equal(octets, '#', skip);
            if (stops)
                return at + __builtin_ctz(stops);
            at += 16 - skip;
    #else
            if ((unsigned char) *at <= 0x20 || (unsigned char) *at >= 0x7F || *at == '#')
                return at;
            if (*at == '?' && *mark == NULL)
                *mark = at;
            *percent |= *at == '%';
            at++;
    #endif
        }
        return end;
    }

    static inline int httpparser_same(const char *one, const char *other, size_t length) {
    #ifdef __SSE2__
        size_t at = 0;
        uint64_t a, b, c, d;
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
