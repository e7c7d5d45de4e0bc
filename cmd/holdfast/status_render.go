package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// The order of the page and its words are those of `zpool status`: what the pool is, what is wrong, what to type,
// then every drive, then how well the data is protected. Lines have at most statusWidth columns.
const (
	statusWidth  = 96
	statusIndent = "        "
)

// renderStatus writes a report for a person. It is a pure function of the report.
func renderStatus(r statusReport) string {
	var b strings.Builder
	line := func(name, text string) {
		fmt.Fprintf(&b, "%6s: %s\n", name, wrap(text, statusIndent, statusWidth))
	}
	line("pool", printable(r.Pool.ID))
	line("state", printable(r.Pool.State))
	if status := statusText(r); status != "" {
		line("status", status)
	}
	if action := actionText(r); action != "" {
		line("action", action)
	}
	b.WriteString("drives:\n\n")
	renderDrives(&b, r.Drives)
	code := r.code()
	if now := fmt.Sprintf("%d+%d", r.Pool.Data, r.Pool.Parity); now != code {
		code += ", " + now + " for what is written while drives are away"
	}
	fmt.Fprintf(&b, "\n  code: %s; epoch %d\n", code, r.Pool.Epoch)
	fmt.Fprintf(&b, "  data: %s, %s; %s free of %s\n", count(r.Pool.Objects, "object"), size(r.Pool.LogicalBytes),
		size(r.Pool.FreeBytes), size(r.Pool.CapacityBytes))
	line("safety", safetyText(r))
	for _, l := range mendLines(r) {
		line(l.name, l.text)
	}
	return b.String()
}

func renderDrives(b *strings.Builder, drives []driveReport) {
	slotWidth, stateWidth := len("SLOT"), len("STATE")
	for _, d := range drives {
		slotWidth = max(slotWidth, len(strconv.Itoa(d.Slot)))
		stateWidth = max(stateWidth, len(d.State))
	}
	fmt.Fprintf(b, "  %*s  %-*s  %6s %6s %6s  %s\n", slotWidth, "SLOT", stateWidth, "STATE", "READ", "WRITE", "CKSUM", "PATH")
	for _, d := range drives {
		path := d.Path
		if path == "" {
			path = "(" + d.ID + ")"
		}
		fmt.Fprintf(b, "  %*d  %-*s  %6d %6d %6d  %s\n", slotWidth, d.Slot, stateWidth, printable(d.State),
			d.ReadErrors, d.WriteErrors, d.ChecksumErrors, printable(path))
	}
}

// statusText says in words what is not as it should be; empty if nothing.
func statusText(r statusReport) string {
	var parts []string
	away := r.away()
	if len(away) > 0 {
		list := make([]string, len(away))
		for i, d := range away {
			list[i] = fmt.Sprintf("slot %d is %s", d.Slot, printable(d.State))
			if d.Reason != "" && d.State != stateRemoved { // REMOVED says it all
				list[i] += " (" + printable(d.Reason) + ")"
			}
		}
		verb := "are"
		if len(away) == 1 {
			verb = "is"
		}
		parts = append(parts, fmt.Sprintf("%d of %s %s not %s: %s.", len(away), count(len(r.Drives), "drive"), verb, stateOnline, strings.Join(list, ", ")))
	}
	if r.Pool.Reason != "" {
		parts = append(parts, "The pool: "+strings.TrimSuffix(printable(r.Pool.Reason), ".")+".")
	}
	switch worst := r.worst(); {
	case worst > r.Pool.Parity:
		parts = append(parts, "Some objects cannot be read: too many of their columns are away. Reading them is answered with an error, and none is lost while a drive may come back.")
	case r.Pool.State != stateUnavail && (worst > 0 || len(away) > 0):
		parts = append(parts, "Every object can be read.")
	}
	if r.Pool.State != stateOnline && r.Pool.State != stateDegraded && r.Pool.Reason == "" {
		parts = append(parts, fmt.Sprintf("The pool is %s and takes no writes.", printable(r.Pool.State)))
	}
	for _, d := range r.Drives {
		if d.fine() && d.errors() > 0 {
			parts = append(parts, fmt.Sprintf("Slot %d has made errors that were masked.", d.Slot))
		}
	}
	return strings.Join(parts, " ")
}

// safetyText says how well what is stored is protected now.
func safetyText(r statusReport) string {
	total := count(r.Redundancy.Stripes, "stripe") + " in " + count(r.Redundancy.Segments, "segment")
	if r.worst() == 0 {
		return total + ", none lacks a column: any " + count(r.Pool.Parity, "drive") + " may fail."
	}
	var lacking []string
	for n := r.worst(); n > 0; n-- {
		if stripes := r.Redundancy.Missing[strconv.Itoa(n)]; stripes > 0 {
			verb := "lack"
			if stripes == 1 {
				verb = "lacks"
			}
			lacking = append(lacking, fmt.Sprintf("%s %s %s", humanize.Comma(stripes), verb, count(n, "column")))
		}
	}
	text := total + "; " + strings.Join(lacking, ", ") + ". "
	switch more := r.mayFail(); {
	case r.worst() > r.Pool.Parity:
		return text + "Not all of it can be read."
	case more == 0:
		return text + "No further drive may fail."
	case more == 1:
		return text + "One more drive may fail."
	default:
		return text + fmt.Sprintf("Any %d more drives may fail.", more)
	}
}
