/* A load generator for what wrk cannot do: TCP echo, WebSocket, a fixed rate, idle connections.

   client PORT CONNECTIONS SENDERS DEPTH REPLY MESSAGE [HANDSHAKE]

   Opens CONNECTIONS; the first SENDERS of them send the bytes of file MESSAGE, DEPTH in flight.
   REPLY is the length of every answer, or 0 when answers are WebSocket frames. HANDSHAKE is sent
   first on each connection and answered by a head that ends in an empty line with status 101.
   Prints "ready", then obeys lines on stdin until its end:
     SECONDS RATE   send for so long or up to a SIGINT, RATE messages a second by the clock (0: as
                    fast as answered);
                    SECONDS 0 sends one message on every connection and waits for the answers
   and prints one JSON object for each. Latency is counted from when a message was due. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SLOWEST = 2000000, CHUNK = 1 << 18 }; /* microseconds in the histogram; bytes a read */

typedef struct {
  int fd;
  size_t unsent;             /* bytes that still have to be written */
  size_t at;                 /* where in the message the next written byte is */
  size_t got;                /* bytes of a partial answer, or of a partial frame header */
  uint64_t payload;          /* bytes left of the frame that is being read */
  uint8_t header[10];
  int final;                 /* the frame being read ends a data message */
  unsigned head, outstanding;
  double *due;               /* ring of DEPTH */
  int writable_wanted;
} Connection;

static Connection *connections;
static int count, senders, depth, epoll, running;
static size_t reply_length, message_length;
static char *message; /* DEPTH + 1 copies, so that any run of unsent bytes is contiguous */
static char chunk[CHUNK];
static uint32_t histogram[SLOWEST + 1];
static uint64_t replies, answered, errors, bytes;
static double interval, begun, next_due;
static volatile sig_atomic_t interrupted;

static void interrupt(int number) { interrupted = number; }

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static void die(const char *what) {
  fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
  exit(1);
}

static char *read_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  if (!file) die(path);
  char *data = malloc(1 << 24);
  *length = fread(data, 1, 1 << 24, file);
  fclose(file);
  return data;
}

static void watch(Connection *c, int writable) {
  if (c->writable_wanted == writable) return;
  struct epoll_event event = {.events = EPOLLIN | (writable ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
  c->writable_wanted = writable;
}

static void drop(Connection *c) {
  if (c->fd < 0) return;
  errors++;
  close(c->fd);
  c->fd = -1;
  c->outstanding = 0;
  c->unsent = 0;
}

static void flush(Connection *c) {
  while (c->unsent) {
    ssize_t n = send(c->fd, message + c->at, c->unsent, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno != EAGAIN) { drop(c); return; }
      break;
    }
    c->unsent -= n;
    c->at = (c->at + n) % message_length;
  }
  watch(c, c->unsent > 0);
}

static void queue(Connection *c, double due) {
  c->due[(c->head + c->outstanding++) % depth] = due;
  c->unsent += message_length;
}

static void on_reply(Connection *c, double at) {
  replies++;
  if (!c->outstanding) return; /* a broadcast to one that did not send */
  double late = (at - c->due[c->head]) * 1e6;
  histogram[late < SLOWEST ? (int)late : SLOWEST]++;
  answered++;
  c->head = (c->head + 1) % depth;
  c->outstanding--;
  if (running && interval == 0) queue(c, at);
}

static void read_fixed(Connection *c, size_t n, double at) {
  c->got += n;
  for (; c->got >= reply_length; c->got -= reply_length) on_reply(c, at);
}

/* RFC 6455 5.2: opcode and FIN, a 7-bit length, or 126 and 16 bits, or 127 and 64 bits. */
static void read_frames(Connection *c, const uint8_t *data, size_t n, double at) {
  while (n) {
    if (c->payload) {
      size_t taken = n < c->payload ? n : c->payload;
      c->payload -= taken, data += taken, n -= taken;
      if (!c->payload && c->final) on_reply(c, at);
      continue;
    }
    c->header[c->got++] = *data++, n--;
    if (c->got < 2) continue;
    size_t extra = c->header[1] == 126 ? 2 : c->header[1] == 127 ? 8 : 0;
    if (c->got < 2 + extra) continue;
    c->payload = extra ? 0 : c->header[1];
    for (size_t i = 0; i < extra; i++) c->payload = c->payload << 8 | c->header[2 + i];
    c->final = (c->header[0] & 0x80) && (c->header[0] & 0x0f) < 8;
    if ((c->header[0] & 0x0f) == 8) { drop(c); return; }
    c->got = 0;
    if (!c->payload && c->final) on_reply(c, at);
  }
}

static void on_readable(Connection *c) {
  ssize_t n = read(c->fd, chunk, CHUNK); /* not recv: /proc/PID/io counts it (slices.py) */
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) { drop(c); return; }
  bytes += n;
  if (reply_length) read_fixed(c, n, now());
  else read_frames(c, (uint8_t *)chunk, n, now());
  if (c->fd >= 0) flush(c);
}

static void send_what_is_due(double at) {
  static int turn;
  for (int tried = 0; next_due <= at && tried < senders; tried++) {
    Connection *c = &connections[turn];
    turn = (turn + 1) % senders;
    if (c->fd < 0 || c->outstanding >= (unsigned)depth) continue;
    queue(c, next_due);
    flush(c);
    next_due += interval;
    tried = -1;
  }
}

static int outstanding(void) {
  int total = 0;
  for (int i = 0; i < count; i++) total += connections[i].outstanding;
  return total;
}

static void turn(int milliseconds) {
  struct epoll_event events[512];
  int n = epoll_wait(epoll, events, 512, milliseconds);
  for (int i = 0; i < n; i++) {
    Connection *c = events[i].data.ptr;
    if (c->fd >= 0 && events[i].events & EPOLLOUT) flush(c);
    if (c->fd >= 0 && events[i].events & ~EPOLLOUT) on_readable(c);
  }
}

static double percentile(double share) {
  uint64_t seen = 0, wanted = (uint64_t)(answered * share);
  for (int i = 0; i <= SLOWEST; i++)
    if ((seen += histogram[i]) > wanted) return i;
  return 0;
}

static double cpu(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static void phase(double seconds, double rate) {
  memset(histogram, 0, sizeof histogram);
  replies = answered = errors = bytes = 0;
  interval = rate > 0 ? 1 / rate : 0;
  interrupted = 0;
  double cpu_before = cpu();
  begun = next_due = now();
  running = seconds > 0;
  if (interval == 0)
    for (int i = 0; i < senders; i++) {
      if (connections[i].fd < 0) { errors++; continue; }
      for (int k = 0; k < (running ? depth : 1); k++) queue(&connections[i], begun);
      flush(&connections[i]);
    }
  while (running && !interrupted && now() - begun < seconds) {
    if (interval > 0) send_what_is_due(now());
    turn(interval > 0 ? 0 : 10);
  }
  running = 0;
  double limit = now() + (seconds > 0 ? 3 : 60);
  while (outstanding() && now() < limit) turn(10);
  errors += outstanding();
  printf("{\"replies\": %lu, \"errors\": %lu, \"bytes\": %lu, \"seconds\": %.6f, \"p50_us\": %.0f, "
         "\"p99_us\": %.0f, \"client_seconds\": %.6f}\n",
         replies, errors, bytes, now() - begun, percentile(0.5), percentile(0.99), cpu() - cpu_before);
}

static int shake_hands(int fd, const char *request, size_t length) {
  char head[8192];
  size_t got = 0;
  if (send(fd, request, length, MSG_NOSIGNAL) != (ssize_t)length) return 0;
  while (got < sizeof head - 1) {
    if (recv(fd, head + got, 1, 0) != 1) return 0;
    got++;
    if (got >= 4 && !memcmp(head + got - 4, "\r\n\r\n", 4)) return !memcmp(head + 9, "101", 3);
  }
  return 0;
}

static void connect_all(int port, const char *handshake, size_t handshake_length) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct timeval patience = {.tv_sec = 5};
  int one = 1;
  for (int i = 0; i < count; i++) {
    Connection *c = &connections[i];
    c->due = calloc(depth, sizeof *c->due);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0) die("socket");
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) die("connect");
    if (handshake && !shake_hands(c->fd, handshake, handshake_length)) die("handshake refused");
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
  }
}

int main(int argc, char **argv) {
  if (argc < 7) return 2;
  size_t handshake_length = 0;
  char *handshake = argc > 7 ? read_file(argv[7], &handshake_length) : NULL;
  char *once = read_file(argv[6], &message_length);
  count = atoi(argv[2]), senders = atoi(argv[3]), depth = atoi(argv[4]);
  reply_length = strtoul(argv[5], NULL, 10);
  message = malloc(message_length * (depth + 1));
  for (int i = 0; i <= depth; i++) memcpy(message + i * message_length, once, message_length);
  connections = calloc(count, sizeof *connections);
  epoll = epoll_create1(0);
  signal(SIGINT, interrupt);
  setvbuf(stdout, NULL, _IOLBF, 0);
  connect_all(atoi(argv[1]), handshake, handshake_length);
  printf("ready\n");
  double seconds, rate;
  while (scanf("%lf %lf", &seconds, &rate) == 2) phase(seconds, rate);
  return 0;
}
