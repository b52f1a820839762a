// Go's net/http server: PORT
package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"strconv"
)

func answer(body []byte) http.HandlerFunc {
	length := []string{strconv.Itoa(len(body))}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = []string{"text/plain"}
		w.Header()["Content-Length"] = length
		w.Write(body)
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	answer(body)(w, r)
}

func main() {
	http.HandleFunc("/", answer([]byte("Hello, world!")))
	http.HandleFunc("/1k", answer(bytes.Repeat([]byte("x"), 1024)))
	http.HandleFunc("/10k", answer(bytes.Repeat([]byte("x"), 10*1024)))
	http.HandleFunc("/100k", answer(bytes.Repeat([]byte("x"), 100*1024)))
	http.HandleFunc("/echo", echo)
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
