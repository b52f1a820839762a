// Go's net package, a goroutine a connection: PORT
package main

import (
	"net"
	"os"
)

func answer(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, 102400)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if _, err := conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go answer(conn)
	}
}
