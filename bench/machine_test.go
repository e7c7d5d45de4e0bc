package bench

import (
	"strings"
	"testing"
)

func TestPlaces(t *testing.T) {
	const mounts = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 8:1 / /mnt/disk1 rw - xfs /dev/sda1 rw
31 22 8:17 / /mnt/disk\0402 rw - xfs /dev/sdb1 rw
32 22 0:5 / /mnt rw shared:1 - tmpfs tmpfs rw
`
	for _, test := range []struct {
		dirs []string
		want string
	}{
		{[]string{"/mnt/disk1/a", "/mnt/disk1", "/mnt/disk 2/b", "/mnt/disk12"}, "2 directories on xfs (/dev/sda1), 1 directory on xfs (/dev/sdb1), 1 directory on tmpfs (tmpfs)"},
		{[]string{"/absent"}, "1 directory on ext4 (/dev/vda)"},
		{nil, ""},
	} {
		if got := places(test.dirs, mounts); got != test.want {
			t.Errorf("%q: got %q, want %q", test.dirs, got, test.want)
		}
	}
	if got := places([]string{"/a"}, ""); got != "1 directory" {
		t.Errorf("without mounts: %q", got)
	}
}

// TestSIMD: it is said of the code and of the hash that can have it.
func TestSIMD(t *testing.T) {
	if text := ThisMachine(nil).SIMD; !strings.Contains(text, "Reed–Solomon ") || !strings.Contains(text, "SHA-256 ") {
		t.Errorf("%q", text)
	}
}
