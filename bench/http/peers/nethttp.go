// SPDX-License-Identifier: MIT

// nethttp is the same by Go's net/http: a server, and a client.
//
//	nethttp PORT DIRECTORY
//	nethttp get URL CONNECTIONS SECONDS
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func processorSeconds() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Sec+usage.Stime.Sec) +
		float64(usage.Utime.Usec+usage.Stime.Usec)*1e-6
}

func get(url string, connections int, seconds float64) {
	client := &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}
	var requests atomic.Int64
	var group sync.WaitGroup
	before := processorSeconds()
	end := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	for i := 0; i < connections; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for time.Now().Before(end) {
				response, err := client.Get(url)
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
				requests.Add(1)
			}
		}()
	}
	group.Wait()
	used := processorSeconds() - before
	count := requests.Load()
	fmt.Printf("requests=%d us=%.4f\n", count, used*1e6/float64(count))
}

func main() {
	runtime.GOMAXPROCS(1)
	if os.Args[1] == "get" {
		connections, _ := strconv.Atoi(os.Args[3])
		seconds, _ := strconv.ParseFloat(os.Args[4], 64)
		get(os.Args[2], connections, seconds)
		return
	}
	http.HandleFunc("/plaintext",
		func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			io.WriteString(w, "Hello, World!")
		})
	http.HandleFunc("/json",
		func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(struct {
				Message string `json:"message"`
			}{"Hello, World!"})
		})
	http.Handle("/", http.FileServer(http.Dir(os.Args[2])))
	fmt.Fprintln(os.Stderr,
		http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
