/* The load generator: HTTP, TCP echo and WebSocket as equal messages over many connections.

   client PORT CONNECTIONS SENDERS DEPTH REPLY MESSAGE [HANDSHAKE]

   Compiled with -DTLS, it speaks TLS and believes any certificate. Opens CONNECTIONS; the first SENDERS of them send the bytes of file MESSAGE, DEPTH in flight.
   DEPTH 0: one in flight, and a new connection for the next as soon as the server has closed.
   REPLY is the length of every answer, or 0 when answers are WebSocket frames. HANDSHAKE is sent
   first on each connection; its answer is a head with status 101.
   Prints "ready", then obeys lines on stdin until its end:
     SECONDS   send for so long, each next message as soon as one is answered; 0 sends one message
               on every connection and waits for the answers
   and prints one JSON object for each. */
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
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef TLS
#include <openssl/ssl.h>
#else
typedef void SSL;
#endif

enum { CHUNK = 1 << 18, LARGEST = 1 << 24 };

typedef struct {
  SSL *tls; /* freed with the process */
  int fd, writable_wanted, final; /* final: the frame being read ends a data message */
  unsigned outstanding;
  size_t unsent;    /* bytes that still have to be written */
  size_t at;        /* where in the message the next written byte is */
  size_t got;       /* bytes of a partial answer, or of a partial frame header */
  uint64_t payload; /* bytes left of the frame that is being read */
  uint8_t header[10];
} Connection;

static Connection *connections;
static int count, senders, depth, fresh, epoll, running;
static struct sockaddr_in address;
static size_t reply_length, message_length;
static char *message; /* DEPTH + 1 copies, so that any run of unsent bytes is contiguous */
static char chunk[CHUNK];
static uint64_t replies, errors;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static void check(int succeeded, const char *what) {
  if (succeeded) return;
  fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
  exit(1);
}

static char *read_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  check(file != NULL, path);
  char *data = malloc(LARGEST);
  *length = fread(data, 1, LARGEST, file);
  fclose(file);
  return data;
}

/* Send and receive, over TLS if it was compiled in; -1 and EAGAIN where a socket has to wait. */
#ifdef TLS
static SSL_CTX *context;

static ssize_t result_of(Connection *c, int n) {
  if (n > 0) return n;
  int error = SSL_get_error(c->tls, n);
  if (error == SSL_ERROR_ZERO_RETURN) return 0;
  errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPIPE;
  return -1;
}

static ssize_t put(Connection *c, const char *data, size_t n) {
  return result_of(c, SSL_write(c->tls, data, n));
}

static ssize_t take(Connection *c, char *data, size_t n) {
  return result_of(c, SSL_read(c->tls, data, n));
}

static int secure(Connection *c) {
  if (!context) {
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }
  c->tls = SSL_new(context);
  SSL_set_fd(c->tls, c->fd);
  return SSL_connect(c->tls) == 1;
}
#else
static ssize_t put(Connection *c, const char *data, size_t n) {
  return send(c->fd, data, n, MSG_NOSIGNAL);
}

static ssize_t take(Connection *c, char *data, size_t n) { return recv(c->fd, data, n, 0); }

static int secure(Connection *c) { return c != NULL; }
#endif

static void drop(Connection *c) {
  if (c->fd < 0) return;
  errors++;
  close(c->fd);
  c->fd = -1;
  c->outstanding = c->unsent = 0;
}

static void flush(Connection *c) {
  while (c->unsent) {
    ssize_t n = put(c, message + c->at, c->unsent);
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) { drop(c); return; }
    c->unsent -= n;
    c->at = (c->at + n) % message_length;
  }
  if (c->writable_wanted == (c->unsent > 0)) return;
  c->writable_wanted = c->unsent > 0;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  if (c->writable_wanted) event.events |= EPOLLOUT;
  epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
}

static void open_one(Connection *c) {
  struct timeval patience = {.tv_sec = 5};
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  check(c->fd >= 0, "socket");
  setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience); /* of connect() too */
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  check(!connect(c->fd, (struct sockaddr *)&address, sizeof address), "connect");
  check(secure(c), "TLS refused");
}

static void watch(Connection *c) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
}

static void queue(Connection *c) { c->outstanding++, c->unsent += message_length; }

static void on_reply(Connection *c) {
  replies++;
  if (!c->outstanding) return; /* a broadcast to one that did not send */
  c->outstanding--;
  if (running) queue(c);
}

/* RFC 6455 5.2: opcode and FIN, a 7-bit length, or 126 and 16 bits, or 127 and 64 bits. */
static void read_frames(Connection *c, const uint8_t *data, size_t n) {
  while (n) {
    if (c->payload) {
      size_t taken = n < c->payload ? n : c->payload;
      c->payload -= taken, data += taken, n -= taken;
      if (!c->payload && c->final) on_reply(c);
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
    if (!c->payload && c->final) on_reply(c);
  }
}

/* The server has closed, after one whole answer. */
static void on_end(Connection *c) {
  if (!fresh || !c->outstanding || c->got != reply_length) { drop(c); return; }
  c->got = c->at = 0;
  c->unsent = c->writable_wanted = 0;
#ifdef TLS
  SSL_free(c->tls);
#endif
  close(c->fd);
  open_one(c);
  watch(c);
  on_reply(c);
}

static void on_readable(Connection *c) {
  ssize_t n = take(c, chunk, CHUNK);
  if (n < 0 && errno == EAGAIN) return;
  if (n < 0) drop(c);
  else if (!n) on_end(c);
  else if (fresh) c->got += n;
  else if (reply_length)
    for (c->got += n; c->got >= reply_length; c->got -= reply_length) on_reply(c);
  else
    read_frames(c, (uint8_t *)chunk, n);
  if (c->fd >= 0) flush(c);
}

static int outstanding(void) {
  int total = 0;
  for (int i = 0; i < senders; i++) total += connections[i].outstanding;
  return total;
}

static void turn(void) {
  struct epoll_event events[512];
  int n = epoll_wait(epoll, events, 512, 10);
  for (int i = 0; i < n; i++) {
    Connection *c = events[i].data.ptr;
    if (c->fd >= 0 && events[i].events & EPOLLOUT) flush(c);
    if (c->fd >= 0 && events[i].events & ~EPOLLOUT) on_readable(c);
  }
}

static void phase(double seconds) {
  replies = errors = 0;
  running = seconds > 0;
  double begun = now();
  for (int i = 0; i < senders; i++) {
    if (connections[i].fd < 0) { errors++; continue; }
    for (int k = 0; k < (running ? depth : 1); k++) queue(&connections[i]);
    flush(&connections[i]);
  }
  while (running && now() - begun < seconds) turn();
  double limit = now() + (running ? 3 : 20);
  running = 0;
  while (outstanding() && now() < limit) turn();
  errors += outstanding();
  printf("{\"replies\": %lu, \"errors\": %lu, \"seconds\": %.6f}\n", replies, errors, now() - begun);
}

static int shake_hands(Connection *c, const char *request, size_t length) {
  char head[8192];
  size_t got = 0;
  if (put(c, request, length) != (ssize_t)length) return 0;
  while (got < sizeof head && take(c, head + got, 1) == 1)
    if (++got >= 4 && !memcmp(head + got - 4, "\r\n\r\n", 4)) return !memcmp(head + 9, "101", 3);
  return 0;
}

static void connect_all(const char *handshake, size_t handshake_length) {
  for (Connection *c = connections; c < connections + count; c++) {
    open_one(c);
    check(!handshake || shake_hands(c, handshake, handshake_length), "handshake refused");
    watch(c);
  }
}

int main(int argc, char **argv) {
  if (argc < 7) return 2;
  size_t handshake_length = 0;
  char *handshake = argc > 7 ? read_file(argv[7], &handshake_length) : NULL;
  char *once = read_file(argv[6], &message_length);
  count = atoi(argv[2]), senders = atoi(argv[3]), depth = atoi(argv[4]);
  reply_length = strtoul(argv[5], NULL, 10);
  fresh = !depth, depth += fresh;
  address.sin_family = AF_INET, address.sin_port = htons(atoi(argv[1]));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  message = malloc(message_length * (depth + 1));
  for (int i = 0; i <= depth; i++) memcpy(message + i * message_length, once, message_length);
  connections = calloc(count, sizeof *connections);
  epoll = epoll_create1(0);
  signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
  setvbuf(stdout, NULL, _IOLBF, 0);
  connect_all(handshake, handshake_length);
  printf("ready\n");
  for (double seconds; scanf("%lf", &seconds) == 1;) phase(seconds);
}
