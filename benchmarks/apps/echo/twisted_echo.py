"""Twisted's default reactor (epoll): PORT."""

import sys

from twisted.internet import protocol, reactor


class Echo(protocol.Protocol):
    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self.transport.write(data)


reactor.listenTCP(
    int(sys.argv[1]), protocol.Factory.forProtocol(Echo), backlog=1024, interface="127.0.0.1"
)
reactor.run()
