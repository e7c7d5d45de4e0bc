package main

import (
	"context"
	"errors"
	"fmt"
)

// The exit codes, all of them. Scripts depend on the numbers.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitNo     = 3
)

// usageError says that the command was called wrongly: nothing was tried and nothing has changed.
type usageError struct {
	command string // "holdfast put"; empty where the command is not known
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{err: fmt.Errorf(format, args...)}
}

// noError is the answer no to a question that was put and answered: not all is well, there is no such object.
type noError struct{ message string }

func (e *noError) Error() string { return e.message }

// hintError adds to an error what the reader can do about it.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

// exitCode is the one place where errors become exit codes.
func exitCode(err error) int {
	var usage *usageError
	var no *noError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &no):
		return exitNo
	default:
		return exitFailed
	}
}

// report writes err as the user sees it: the message, a hint if there is one, and where the help is.
func report(ctx context.Context, con *console, err error) {
	if err == nil {
		return
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(con.err, "holdfast: interrupted")
		return
	}
	if message := err.Error(); message != "" {
		fmt.Fprintf(con.err, "holdfast: %s\n", message)
	}
	var hint *hintError
	if errors.As(err, &hint) {
		fmt.Fprintf(con.err, "hint: %s\n", hint.hint)
	}
	var usage *usageError
	if errors.As(err, &usage) {
		command := usage.command
		if command == "" {
			command = "holdfast"
		}
		fmt.Fprintf(con.err, "`%s --help` tells how it is used\n", command)
	}
}
