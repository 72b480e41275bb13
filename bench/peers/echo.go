// SPDX-License-Identifier: MIT
//
// echo.go — a TCP echo server in Go: a goroutine a connection, one processor.
// Prints port=N and serves until it is killed. TCP_NODELAY is Go's default.
//
//	echo [bulk]      with larger buffers
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
)

func echo(connection net.Conn, size int) {
	defer connection.Close()
	buffer := make([]byte, size)
	for {
		n, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err = connection.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	size := 8 << 10
	if len(os.Args) > 1 && os.Args[1] == "bulk" {
		size = 256 << 10
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("port=%d\n", listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go echo(connection, size)
	}
}
