package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// dynamodbCommand runs a command with DynamoDB Local beside it: dynamodb -- go test ./...
// The command finds it by SUPPORTVAULT_DYNAMODB, the URL of its endpoint.
func dynamodbCommand(ctx context.Context, root string, args []string) error {
	args, err := afterDashes("dynamodb", args)
	if err != nil {
		return err
	}
	h, p := mainHome(root), newProgress()
	if err := dynamoDB.ensure(ctx, h, p); err != nil {
		return err
	}
	url, stop, err := startDynamoDB(ctx, h)
	if err != nil {
		return err
	}
	defer stop()
	return openly(child(ctx, root, append(localEnviron(os.Environ(), url), "SUPPORTVAULT_DYNAMODB="+url), args[0], args[1:]...))
}

func afterDashes(name string, args []string) ([]string, error) {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return nil, fmt.Errorf("%s: say the command to run after --, as: %s -- make unit", name, name)
	}
	return args, nil
}

// startDynamoDB starts DynamoDB Local, in memory, on a free port, and waits until it answers.
func startDynamoDB(ctx context.Context, h home) (url string, stop func(), err error) {
	log := h.log("dynamodb")
	if err := os.MkdirAll(filepath.Dir(log), 0o700); err != nil {
		return "", nil, err
	}
	f, err := os.Create(log)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	jars := filepath.Join(h.tools(), dynamoDB.name)
	running, cancel := context.WithCancel(ctx)
	cmd := child(running, h.root, localEnviron(os.Environ(), ""), "java", "-Xmx1g",
		"-Djava.library.path="+jars, "-cp", filepath.Join(jars, "*"), "com.amazonaws.services.dynamodbv2.local.main.ServerRunner",
		"-inMemory", "-disableTelemetry", "-port", strconv.Itoa(port))
	cmd.Stdout, cmd.Stderr = f, f
	if err := cmd.Start(); err != nil {
		cancel()
		return "", nil, err
	}
	exited := make(chan struct{})
	go func() {
		cmd.Wait()
		close(exited)
	}()
	stop = func() {
		cancel()
		<-exited
	}
	url = fmt.Sprintf("http://127.0.0.1:%d", port)
	deadline := time.Now().Add(time.Minute)
	for {
		// Any answer will do: an unsigned request is refused with 400.
		if res, err := http.Get(url); err == nil {
			res.Body.Close()
			return url, stop, nil
		}
		select {
		case <-exited:
			err = errors.New("it ended at once")
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(50 * time.Millisecond):
			if time.Now().After(deadline) {
				err = errors.New("no answer within a minute")
			}
		}
		if err != nil {
			stop()
			return "", nil, fmt.Errorf("DynamoDB Local: %w\n%s", err, tail(log))
		}
	}
}
