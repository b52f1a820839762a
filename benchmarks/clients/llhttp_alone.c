/* llhttp with every span reported and nothing built: ns per request, the floor of all bindings.
   llhttp_alone SECONDS ROUNDS < REQUEST    prints the nanoseconds of each round */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "llhttp.h"

static unsigned long spans;

static int on_span(llhttp_t *parser, const char *at, size_t length) {
  (void)parser, (void)at;
  spans += length;
  return 0;
}

static int on_event(llhttp_t *parser) {
  (void)parser;
  spans++;
  return 0;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv) {
  static char request[1 << 20];
  if (argc < 3) return 2;
  size_t length = fread(request, 1, sizeof request, stdin);
  double nanoseconds = atof(argv[1]) * 1e9;
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_url = settings.on_header_field = settings.on_header_value = on_span;
  settings.on_body = on_span;
  settings.on_headers_complete = settings.on_message_complete = on_event;
  llhttp_t parser;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  for (int round = 0; round <= atoi(argv[2]); round++) { /* the first one warms up */
    long count = 0;
    double began = now(), ended;
    do {
      for (int i = 0; i < 1000; i++)
        if (llhttp_execute(&parser, request, length) != HPE_OK) return 1;
      count += 1000;
    } while ((ended = now()) - began < nanoseconds);
    if (round) printf("%.3f\n", (ended - began) / count);
  }
  return spans == 0;
}
