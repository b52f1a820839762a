// Go's net/http server: PORT
package main

import (
	"bytes"
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

func main() {
	http.HandleFunc("/", answer([]byte("Hello, world!")))
	for path, size := range map[string]int{"/1k": 1, "/10k": 10, "/100k": 100} {
		http.HandleFunc(path, answer(bytes.Repeat([]byte("x"), size*1024)))
	}
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
