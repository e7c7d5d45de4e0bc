package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// banner is what serve says when it is ready.
type banner struct {
	status      statusReport
	endpoint    string // URLs
	adminURL    string
	authority   string   // file that a client needs to trust the certificate; empty: none
	program     string   // how to call this program in another terminal
	shared      []string // directories that share a device with another one
	keys        keyPair
	keysPath    string // the credentials file; empty: from the environment
	keysMade    bool   // made by this start: the only time that they are shown
	customCreds bool   // the file is not where the other commands look by themselves
}

// json is the banner for a program: the line that says that requests are served from now on.
func (b banner) json() any {
	s := b.status
	return map[string]any{
		"ready": true, "endpoint": b.endpoint, "admin_url": b.adminURL, "ca_cert": b.authority, "credentials": b.keysPath,
		"pool": s.Pool.ID, "state": s.Pool.State, "epoch": s.Pool.Epoch, "data": max(s.Pool.Width-s.Pool.Parity, s.Pool.Data), "parity": s.Pool.Parity,
		"drives": len(s.Drives), "may_fail": s.mayFail(), "capacity_bytes": s.Pool.CapacityBytes, "free_bytes": s.Pool.FreeBytes,
	}
}

func (b banner) String() string {
	var out strings.Builder
	s := b.status
	fmt.Fprintf(&out, "Holdfast %s serves pool %s, %s on %s.\n\n", version, s.Pool.ID, s.code(), count(len(s.Drives), "drive"))
	row := func(name, text string) { fmt.Fprintf(&out, "  %-8s %s\n", name, text) }
	row("objects", b.endpoint)
	row("admin", b.adminURL+"  (/api/v1/status, /health/ready, /metrics)")
	row("space", fmt.Sprintf("%s usable, %s free", size(s.Pool.CapacityBytes), size(s.Pool.FreeBytes)))
	row("safety", b.safety())
	switch {
	case b.keysMade:
		row("keys", "made now and kept in "+b.keysPath+"; shown this once:")
		fmt.Fprintf(&out, "             %s=%s\n             %s=%s\n", envAccess, b.keys.access, envSecret, b.keys.secret)
	case b.keysPath != "":
		row("keys", "in "+b.keysPath)
	default:
		row("keys", "from the environment")
	}
	if len(b.shared) > 0 {
		text := fmt.Sprintf("%s lie on one device: when it fails, they fail together. Good for trying out, and for nothing else.", list(b.shared))
		fmt.Fprintf(&out, "\n  WARNING  %s\n", wrap(text, "           ", statusWidth))
	}
	out.WriteString("\nIn a second terminal:\n\n")
	for _, command := range b.commands() {
		out.WriteString("    " + command + "\n")
	}
	out.WriteString("\nCtrl-C stops it.\n")
	return out.String()
}

func (b banner) safety() string {
	s := b.status
	away := s.away()
	if len(away) == 0 && s.worst() == 0 {
		return fmt.Sprintf("any %d of %s may fail", s.Pool.Parity, count(len(s.Drives), "drive"))
	}
	var slots []string
	for _, d := range away {
		slots = append(slots, fmt.Sprintf("slot %d %s", d.Slot, d.State))
	}
	text := "the pool is " + s.Pool.State
	if len(slots) > 0 {
		text += ": " + strings.Join(slots, ", ")
	}
	return text + "; `holdfast status` tells more"
}

// commands are lines to paste, complete with the environment that they need.
func (b banner) commands() []string {
	var lines []string
	export := func(name, value string) { lines = append(lines, "export "+name+"="+shellQuote(value)) }
	if b.endpoint != "http://"+defaultListen {
		export("HOLDFAST_ENDPOINT", b.endpoint)
	}
	if b.adminURL != "http://"+defaultAdmin {
		export("HOLDFAST_ADMIN_URL", b.adminURL)
	}
	if b.authority != "" {
		export("HOLDFAST_CA_CERT", b.authority)
	}
	switch {
	case b.keysPath == "":
		lines = append(lines, "export "+envAccess+"=… "+envSecret+"=…    # the ones that serve was started with")
	case b.customCreds:
		export("HOLDFAST_CREDENTIALS", b.keysPath)
	}
	return append(lines,
		b.program+" mb photos",
		"echo hello | "+b.program+" put - photos/hello.txt",
		b.program+" get photos/hello.txt -",
		b.program+" ls photos",
		b.program+" status",
	)
}

// list joins words; a long one is cut in its middle.
func list(words []string) string {
	if len(words) > 4 {
		return fmt.Sprintf("%s … %s (%d directories)", words[0], words[len(words)-1], len(words))
	}
	return strings.Join(words, ", ")
}

// programName is how a person in any directory calls this program: by its bare name if the PATH leads to it.
func programName(executable string) string {
	if found, err := exec.LookPath("holdfast"); err == nil {
		a, err1 := filepath.EvalSymlinks(found)
		b, err2 := filepath.EvalSymlinks(executable)
		if err1 == nil && err2 == nil && a == b {
			return "holdfast"
		}
	}
	return shellQuote(executable)
}

// shellQuote makes one shell word of text.
func shellQuote(text string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_./:@%+,=[]", r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
