# When it pays to hold small answers until others can leave with them: see _socket. In nanoseconds.
from libc.stdint cimport int64_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <time.h>
    static int64_t clock_now(void)
    {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
    }
    """
    int64_t clock_now() noexcept

cdef enum:
    LONGEST_HOLD = 1_000_000
    QUICK = 15_000  # from one answer to the next: with less, clients are awake
    QUICKEST = 10_000  # once answers are held, which makes them quicker
    SLOW = 200_000  # with more, to wake one is little beside it
    EVERY = 8  # answers: to ask for the time takes as long as a hundred instructions, or more
    MOST_ALONE = 16  # answers that are not held after a turn in which none has joined another

cdef struct Pace:
    int64_t asked_at  # for the time
    int unasked  # answers since then
    int64_t gap  # between two answers, on average
    bint holds  # the last that could be held was
    int64_t began  # when the first of this turn was held
    int64_t since  # the first of those that are held now
    int64_t longest  # that they are held
    int held  # in this turn
    int cut  # of those, how many left early because more was done to their transports
    int alone  # how many answers are not to be held


cdef inline bint may_pay(Pace *pace) noexcept:
    """An answer is ready: whether to ask for the time, to see if it should be held."""
    pace.unasked += 1
    return pace.holds or pace.unasked >= EVERY


cdef inline bint pays(Pace *pace, int64_t now) noexcept:
    """Whether it should be held."""
    # A pause is no pace: it counts as twice what is usual.
    pace.gap += (min((now - pace.asked_at) // pace.unasked, 2 * pace.gap + 1000) - pace.gap) // 4
    pace.asked_at = now
    pace.unasked = 0
    pace.holds = (QUICKEST if pace.holds else QUICK) <= pace.gap < SLOW
    if not pace.holds:
        return False
    if pace.alone:
        pace.alone -= 1
        return False
    return True


cdef inline void hold_first(Pace *pace, int64_t now) noexcept:
    """One is held while no other is."""
    pace.since = now
    if pace.held == 0:
        pace.began = pace.since


cdef inline bint is_long(Pace *pace, int64_t now) noexcept:
    """Whether what is held should leave."""
    return now - pace.since >= pace.longest


cdef inline void end_turn(Pace *pace, int64_t now) noexcept:
    """A turn that has held some is over: one of the next waits for a quarter of what it took."""
    pace.longest = max((now - pace.began) // 4, pace.longest // 2)
    pace.longest = min(pace.longest, <int64_t> LONGEST_HOLD)
    pace.alone = MOST_ALONE if pace.held - pace.cut <= 1 else 0
    pace.held = pace.cut = 0
