// A Go program: its own system calls, many threads, signals for preemption, a child.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

func work(number int, failures chan<- error) {
	name := filepath.Join(os.TempDir(), fmt.Sprintf("go-%d-%d", os.Getpid(), number))
	for round := 0; round < 50; round++ {
		if err := os.WriteFile(name, []byte("text"), 0o600); err != nil {
			failures <- err
			return
		}
		text, err := os.ReadFile(name)
		if err != nil || string(text) != "text" {
			failures <- fmt.Errorf("read %q: %v", text, err)
			return
		}
		if err := os.Remove(name); err != nil {
			failures <- err
			return
		}
	}
}

func main() {
	failures := make(chan error, 100)
	var group sync.WaitGroup
	for number := 0; number < 32; number++ {
		group.Add(1)
		go func(number int) {
			defer group.Done()
			work(number, failures)
		}(number)
	}
	group.Wait()
	close(failures)
	for err := range failures {
		fmt.Println(err)
		os.Exit(1)
	}
	self, err := os.Executable()
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	output, err := exec.Command("/bin/sh", "-c", "echo from a child").CombinedOutput()
	fmt.Printf("%s %s", self, output)
	if err != nil {
		fmt.Println(err)
		os.Exit(3)
	}
}
