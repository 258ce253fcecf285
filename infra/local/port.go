package main

import (
	"fmt"
	"net"
	"strconv"
	"time"
)

const defaultPort = 4566

// portTaken tells whether something listens at the port of the loopback address.
func portTaken(port int) bool {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		c.Close()
		return true
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return true
	}
	l.Close()
	return false
}

// freePort is a port that the system has just found free.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
