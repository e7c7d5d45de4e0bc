package bench

import (
	"os"
	"testing"
	"time"
)

func TestProcess(t *testing.T) {
	pid := os.Getpid()
	before, err := ProcessCPU(pid)
	if err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < 2*time.Millisecond; {
	}
	after, err := ProcessCPU(pid)
	if err != nil || after <= before {
		t.Errorf("%v after %v: %v", after, before, err)
	}
	if _, err := ProcessCPU(1 << 22); err == nil {
		t.Error("a process that cannot be has CPU time")
	}

	block := make([]byte, 64<<20)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	peak, err := PeakBytes(pid)
	if err != nil || peak < 64<<20 {
		t.Errorf("peak: %d, %v", peak, err)
	}
}
