//go:build !linux

package main

import "syscall"

// endWithParent does nothing: only Linux has a signal for it.
func endWithParent(*syscall.SysProcAttr) {}
