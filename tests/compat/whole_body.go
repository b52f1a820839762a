// Go's net/http for the conformance cases: PORT. It reads the whole body, then answers.
package main

import (
	"io"
	"net/http"
	"os"
)

func main() {
	answer := func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Write([]byte("ok"))
	}
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], http.HandlerFunc(answer)))
}
