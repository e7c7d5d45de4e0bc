package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ThisMachine says what the figures are taken on: the machine, and what the
// directories lie on. What this system does not tell stays empty.
func ThisMachine(dirs []string) Machine {
	m := Machine{CPU: runtime.GOARCH, Cores: runtime.GOMAXPROCS(0), System: runtime.GOOS, Go: runtime.Version(), SIMD: simd()}
	if name := procField("/proc/cpuinfo", "model name"); name != "" {
		m.CPU = name
	}
	kib, _ := strconv.ParseInt(strings.TrimSuffix(procField("/proc/meminfo", "MemTotal"), " kB"), 10, 64)
	m.Memory = kib << 10
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.System = unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	m.Places = places(dirs, string(mounts))
	return m
}

// procField is the first value of a line "name : value" in a file of /proc; empty if there is none.
func procField(path, name string) string {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		if field, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(field) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// places says how many of the directories lie on which device: "6 directories on ext4 (/dev/sda1)". The mounts are
// those of proc_pid_mountinfo(5): the fifth field is the mount point; after a lone "-" come type and source.
func places(dirs []string, mounts string) string {
	count := make(map[string]int)
	var order []string
	for _, dir := range dirs {
		on := mountOf(dir, mounts)
		if count[on]++; count[on] == 1 {
			order = append(order, on)
		}
	}
	var parts []string
	for _, on := range order {
		noun := "directories"
		if count[on] == 1 {
			noun = "directory"
		}
		parts = append(parts, strings.TrimSuffix(fmt.Sprintf("%d %s on %s", count[on], noun, on), " on "))
	}
	return strings.Join(parts, ", ")
}

// mountOf is the type and source of the file system that a directory lies on; empty if it is not among the mounts.
func mountOf(dir, mounts string) (on string) {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	longest := 0
	for line := range strings.Lines(mounts) {
		mount, source, found := strings.Cut(line, " - ")
		fields, sources := strings.Fields(mount), strings.Fields(source)
		if !found || len(fields) < 5 || len(sources) < 2 {
			continue
		}
		point := strings.ReplaceAll(fields[4], `\040`, " ")
		// The last of several mounts at one place hides those before it.
		if (dir == point || strings.HasPrefix(dir, strings.TrimSuffix(point, "/")+"/")) && len(point) >= longest {
			longest, on = len(point), fmt.Sprintf("%s (%s)", sources[0], sources[1])
		}
	}
	return on
}
