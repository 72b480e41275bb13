// SPDX-License-Identifier: MIT
//
// sched.go — goroutines on one processor: yielding, starting and joining,
// channels, and a million asleep. Prints one line of name=value pairs.
//
//	sched yield|spawn|channel|million [count [seconds of sleep]]
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// cpuTime is the processor time of the process in nanoseconds.
func cpuTime() int64 {
	const processClock = 2 // CLOCK_PROCESS_CPUTIME_ID
	var now syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, processClock,
		uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}

func perItem(begin int64, count int) float64 {
	return float64(cpuTime()-begin) / float64(count)
}

func yield(count int) {
	done := make(chan bool)
	run := func(times int) {
		go func() {
			for i := 0; i < times; i++ {
				runtime.Gosched()
			}
			done <- true
		}()
		for i := 0; i < times; i++ {
			runtime.Gosched()
		}
		<-done
	}
	run(count / 20)
	begin := cpuTime()
	run(count / 2)
	fmt.Printf("ns=%.3f\n", perItem(begin, count))
}

func spawn(count int) {
	const batch = 1000
	run := func(times int) {
		var group sync.WaitGroup
		for ; times > 0; times-- {
			group.Add(batch)
			for i := 0; i < batch; i++ {
				go group.Done()
			}
			group.Wait()
		}
	}
	run(10)
	begin := cpuTime()
	run(count / batch)
	fmt.Printf("ns=%.3f\n", perItem(begin, count/batch*batch))
}

func channel(count int) {
	run := func(times int) {
		there, back := make(chan int, 1), make(chan int, 1)
		go func() {
			for item := range there {
				back <- item
			}
		}()
		for i := 0; i < times; i++ {
			there <- i
			if <-back != i {
				panic("another item came back")
			}
		}
		close(there)
	}
	run(count / 20)
	begin := cpuTime()
	run(count / 2)
	fmt.Printf("ns=%.3f\n", perItem(begin, count))
}

// memory is resident memory and page tables of the process, in bytes.
func memory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	sum := int64(0)
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmRSS:") ||
			strings.HasPrefix(line, "VmPTE:") {
			kib, _ := strconv.ParseInt(strings.Fields(line)[1], 10, 64)
			sum += kib << 10
		}
	}
	return sum
}

func million(count int, delay time.Duration) {
	var group sync.WaitGroup
	before := memory()
	begin := cpuTime()
	asleep, woken := 0, 0
	group.Add(count)
	for i := 0; i < count; i++ {
		go func() {
			asleep++
			time.Sleep(delay)
			woken++
			group.Done()
		}()
		if i%1000 == 0 {
			runtime.Gosched()
		}
	}
	for asleep < count {
		runtime.Gosched()
	}
	if woken > 0 {
		panic("too slow: some woke before all were asleep")
	}
	bytes := memory() - before
	maps, _ := os.ReadFile("/proc/self/maps")
	group.Wait()
	fmt.Printf("seconds=%.3f bytes=%.1f mappings=%d\n",
		float64(cpuTime()-begin)/1e9, float64(bytes)/float64(count),
		strings.Count(string(maps), "\n"))
}

func number(position, otherwise int) int {
	if position >= len(os.Args) {
		return otherwise
	}
	value, err := strconv.Atoi(os.Args[position])
	if err != nil || value <= 0 {
		fmt.Fprintf(os.Stderr, "sched: not a count: %q\n", os.Args[position])
		os.Exit(1)
	}
	return value
}

func main() {
	runtime.GOMAXPROCS(1)
	mode := "yield"
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	switch mode {
	case "yield":
		yield(number(2, 10000000))
	case "spawn":
		spawn(number(2, 1000000))
	case "channel":
		channel(number(2, 4000000))
	case "million":
		million(number(2, 1000000), time.Duration(number(3, 5))*time.Second)
	default:
		fmt.Fprintf(os.Stderr, "sched: not a mode: %q\n", mode)
		os.Exit(1)
	}
}
