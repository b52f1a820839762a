/* Tells how fast the core is on which it runs: every millisecond a line with the time
   (CLOCK_MONOTONIC) and the nanoseconds of its own CPU time that a loop took, some 11000 on a core
   left alone.

   The loop has several independent chains of additions in registers, so that it needs all of a
   core's execution units and no memory: it is slower while another thread runs on the same
   physical core, which a virtual machine is not told of. It ends when nobody reads its lines. */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

static double at(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static uint64_t work(void) {
  uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;
  for (uint64_t i = 0; i < 9000; i++) {
    a += b ^ i, b += c, c ^= a + 3, d += e ^ i, e += f, f ^= d + 5, a += i * 3, d += i * 7;
  }
  return a + b + c + d + e + f;
}

int main(void) {
  struct timespec pause = {.tv_nsec = 1000000};
  for (volatile uint64_t sink;;) {
    double before = at(CLOCK_THREAD_CPUTIME_ID);
    sink = work();
    double spent = at(CLOCK_THREAD_CPUTIME_ID) - before;
    (void)sink;
    if (printf("%.6f %.0f\n", at(CLOCK_MONOTONIC), spent * 1e9) < 0 || fflush(stdout)) return 0;
    nanosleep(&pause, NULL);
  }
}
