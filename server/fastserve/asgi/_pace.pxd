# When it pays to hold small answers until others can leave with them: see _socket. In nanoseconds.
from libc.stdint cimport int64_t

cdef enum:
    LONGEST_HOLD = 1_000_000
    SLOW = 200_000  # from one answer to the next: with more, to wake a client is little beside it
    MOST_ALONE = 16  # answers that are not held after a turn in which none has joined another
    SETTLING = 128  # answers after a change of ways: clients are still in step with the other
    SPELL = 512  # answers whose cost is measured together
    RAREST = 128  # spells from one trial of the other way to the next

# Which of two ways costs less, to hold answers or not: the thread's own CPU time says.
cdef struct Trial:
    bint holds  # the way of now
    bint trying  # to see whether it is the better one
    bint settled
    int left  # answers until something is to be decided
    int64_t began  # the spell, in CPU time
    int64_t usual  # the cost of an answer in the better way
    int spells  # in the better way, until a trial
    int patience  # how many those are: ever more while trials fail

cdef struct Pace:
    Trial trial
    int64_t asked_at  # for the time
    int64_t gap  # between two answers, on average
    int64_t began  # when the first of this turn was held
    int64_t since  # the first of those that are held now
    int64_t longest  # that they are held
    int held  # in this turn
    int cut  # of those, how many left early because more was done to their transports
    int alone  # how many answers are not to be held


cdef inline void take_way(Trial *trial, bint holds) noexcept:
    """From now on."""
    trial.holds = holds
    trial.settled = False
    trial.left = SETTLING


cdef inline void decide(Trial *trial, int64_t cpu) noexcept:
    """So many answers are done, at this CPU time of the thread: which way for the next?"""
    cdef int64_t cost = (cpu - trial.began) // SPELL
    cdef int64_t change = cost - trial.usual
    trial.began = cpu
    trial.left = SPELL
    if not trial.settled:
        trial.settled = True
    elif trial.usual == 0:  # the first spell of all
        trial.usual = cost
        trial.patience = 1
    elif trial.trying:
        trial.trying = False
        if change < 0:
            trial.usual = cost
            trial.patience = 1
        else:
            trial.patience = min(2 * trial.patience, <int> RAREST)
            take_way(trial, not trial.holds)
        trial.spells = trial.patience
    else:
        trial.usual += change // 2
        trial.spells -= 1
        if abs(change) > trial.usual // 4:  # clients ask for other things
            trial.spells = 0
            trial.patience = max(trial.patience // 4, 1)
        if trial.spells <= 0:
            trial.trying = True
            take_way(trial, not trial.holds)


cdef inline bint pays(Pace *pace, int64_t now) noexcept:
    """An answer is ready at this time: whether it should be held, when that is the way."""
    # A pause is no pace: it counts as twice what is usual.
    pace.gap += (min(now - pace.asked_at, 2 * pace.gap + 1000) - pace.gap) // 4
    pace.asked_at = now
    if pace.gap >= SLOW:
        return False
    if pace.alone:
        pace.alone -= 1
        return False
    return True


cdef inline void hold_first(Pace *pace) noexcept:
    """One is held while no other is."""
    pace.since = pace.asked_at
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
