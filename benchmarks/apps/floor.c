/* Constant bytes for each request over epoll: what the kernel costs, whatever the language. PORT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ANSWER "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\nHello, world!"
enum { LENGTH = sizeof ANSWER - 1, MOST = 1024 };

static char in[1 << 18], out[LENGTH * MOST + 1];

static int requests(const char *data, ssize_t n) {
  int found = 0;
  for (const char *at = data; (at = memmem(at, data + n - at, " HTTP/1.1\r\n", 11)); at++) found++;
  return found;
}

int main(int argc, char **argv) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), epoll = epoll_create1(0);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) return 1;
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[512];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  for (int i = 0; i < MOST; i++) memcpy(out + i * LENGTH, ANSWER, LENGTH);
  for (;;)
    for (int i = 0, n = epoll_wait(epoll, events, 512, -1); i < n; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) {
        event.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
        continue;
      }
      ssize_t got = recv(fd, in, sizeof in, 0);
      if (got <= 0 || send(fd, out, requests(in, got) * LENGTH, MSG_NOSIGNAL) < 0) close(fd);
    }
}
