/* Constant bytes for each request over epoll: what the kernel costs, whatever the language. PORT
   /1k, /10k and /100k have so many KB from memory, /stream ten chunks of one. A WebSocket gets as many bytes in a message as
   it sends, without a look at them. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ANSWER "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\nHello, world!"
#define SWITCH "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n"
enum { LENGTH = sizeof ANSWER - 1, MOST = 1024, CONNECTIONS = 1 << 16 };

static char in[1 << 18], out[LENGTH * MOST + 1], bodies[4][1 << 17], frames[1 << 18];
static size_t lengths[4];
static char websocket[CONNECTIONS]; /* by descriptor */

static void fill(void) {
  for (int i = 0; i < MOST; i++) memcpy(out + i * LENGTH, ANSWER, LENGTH);
  for (int i = 0, size = 1024; i < 3; i++, size *= 10) {
    int head = sprintf(bodies[i], "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n", size);
    memset(bodies[i] + head, 'x', size);
    lengths[i] = head + size;
  }
  char *at = bodies[3] + sprintf(bodies[3], "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
  for (int i = 0; i < 10; i++) {
    memcpy(at, "400\r\n", 5);
    memset(at + 5, 'x', 1024);
    memcpy(at + 1029, "\r\n", 2);
    at += 1031;
  }
  memcpy(at, "0\r\n\r\n", 5);
  lengths[3] = at + 5 - bodies[3];
}

static int requests(const char *data, ssize_t n) {
  int found = 0;
  for (const char *at = data; (at = memmem(at, data + n - at, " HTTP/1.1\r\n", 11)); at++) found++;
  return found;
}

/* Whole frames of one length, which is what the client sends at a time. RFC 6455 5.2 */
static ssize_t echo(int fd, ssize_t got) {
  unsigned char *at = (unsigned char *)in;
  size_t size = at[1] & 127, head = 2;
  if (size == 126) size = at[2] << 8 | at[3], head = 4;
  size_t number = got / (head + 4 + size);
  for (size_t i = 0; i < number; i++) {
    char *frame = frames + i * (head + size);
    memcpy(frame, in, head);
    frame[1] &= 127;
    memset(frame + head, 'x', size);
  }
  return send(fd, frames, number * (head + size), MSG_NOSIGNAL);
}

/* The socket blocks: the client takes all of it. */
static ssize_t answer(int fd, ssize_t got) {
  if (fd < CONNECTIONS && websocket[fd]) return echo(fd, got);
  if (fd < CONNECTIONS && memmem(in, got, "Upgrade: websocket", 18)) {
    websocket[fd] = 1;
    return send(fd, SWITCH, sizeof SWITCH - 1, MSG_NOSIGNAL);
  }
  static const char *const large[] = {"GET /1k ", "GET /10k ", "GET /100k ", "GET /stream "};
  for (int i = 0; i < 4; i++)
    if (!memcmp(in, large[i], strlen(large[i]))) return send(fd, bodies[i], lengths[i], MSG_NOSIGNAL);
  return send(fd, out, requests(in, got) * LENGTH, MSG_NOSIGNAL);
}

int main(int argc, char **argv) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), epoll = epoll_create1(0);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) return 1;
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[512];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  fill();
  for (;;)
    for (int i = 0, n = epoll_wait(epoll, events, 512, -1); i < n; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) {
        event.data.fd = accept(listener, NULL, NULL);
        if (event.data.fd < CONNECTIONS) websocket[event.data.fd] = 0;
        epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
        continue;
      }
      ssize_t got = recv(fd, in, sizeof in, 0);
      if (got <= 0 || answer(fd, got) < 0) close(fd);
    }
}
