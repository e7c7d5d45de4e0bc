package main

import "syscall"

// endWithParent has the child killed when the parent ends without having ended it, as by SIGKILL. It is the end of the
// thread that starts the child, in truth (prctl(2), PR_SET_PDEATHSIG): Go keeps its threads until the process ends.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
