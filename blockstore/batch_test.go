package blockstore

import (
	"fmt"
	"testing"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// TestLayOut: bodies up to wholeBytes lie whole in a column, all of them lie one after
// another behind the records, and a lone change goes into one data column.
func TestLayOut(t *testing.T) {
	sizes := []int64{1, 300, 4095, 4 << 10, 4097, 10_000, wholeBytes, wholeBytes + 1, 100_000, inlineMax}
	for _, size := range sizes {
		for _, n := range []int{1, 2, 3, 5, 31, 200} {
			bodies := make([]int64, n)
			for i := range bodies {
				bodies[i] = max(1, size-int64(i)*7)
			}
			t.Run(fmt.Sprintf("%d of %d bytes", n, size), func(t *testing.T) {
				checkLayout(t, layOut(200*n, bodies, 4, 2), 200*n, bodies)
			})
		}
	}
	for _, size := range []int64{300, 4 << 10, wholeBytes} {
		if l := layOut(200, []int64{size}, 4, 2); l.d != 1 {
			t.Errorf("one object of %d bytes goes into %d data columns", size, l.d)
		}
	}
}

func checkLayout(t *testing.T, l layout, records int, bodies []int64) {
	t.Helper()
	if l.d < 1 || l.d > 4 || l.length < 1 || l.length > drive.MaxColumnBytes {
		t.Fatalf("%d columns of %d bytes", l.d, l.length)
	}
	end := int64(batchHeaderBytes + records)
	for i, n := range bodies {
		at, length := l.at[i], int64(l.length)
		if at < end {
			t.Errorf("body %d at %d, what is before it ends at %d", i, at, end)
		}
		if n <= wholeBytes && at/length != (at+n-1)/length {
			t.Errorf("body %d of %d bytes at %d lies in two columns of %d", i, n, at, length)
		}
		end = at + n
	}
	if l.size != end {
		t.Errorf("%d bytes in all, the last body ends at %d", l.size, end)
	}
}
