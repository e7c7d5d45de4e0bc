package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// actionText says what to do, with the commands to type.
func actionText(r statusReport) string {
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	// What is lost and made anew elsewhere in full is no reason to hurry.
	safe := r.Rebuild != nil && r.worst() == 0
	gone, broken, off := r.inState(stateRemoved, stateUnavail), r.inState(stateFaulted), r.inState(stateOffline)
	switch {
	case len(gone) > 0 && r.Pool.State == stateUnavail:
		say("Make %s available at the same path again (attach, mount), and start the daemon again.", paths(gone))
	case len(gone) > 0:
		say("Make %s available at the same path again (attach, mount): what is on %s counts again then, by itself. If a disk is lost for good: %s.",
			paths(gone), itOrThem(len(gone)), replaceCommand(gone[0]))
	}
	if len(broken) > 0 {
		say("Look for the cause at %s (`dmesg`, `smartctl -a`), unless you took %s out of use.", paths(broken), itOrThem(len(broken)))
		say("`holdfast drive clear %d` uses it again; %s puts another disk in its place.", broken[0].Slot, replaceCommand(broken[0]))
		if !safe {
			say("Do not erase %s: what can be read there may still be needed.", itOrThem(len(broken)))
		}
	}
	for _, d := range off {
		say("`holdfast drive online %d` uses %s again.", d.Slot, d.where())
	}
	if lost := slices.Concat(gone, broken); safe && len(lost) > 0 {
		say("All that was there is safe on other drives: `holdfast drive remove %d` forgets it.", lost[0].Slot)
	}
	if r.Rebuild != nil && r.Rebuild.State == rebuildWaiting && len(off) == 0 && r.Pool.State != stateUnavail {
		say("Give the rebuild a drive: `holdfast drive add /new/dir`, or `holdfast drive replace` as above.")
	}
	if erred := slices.DeleteFunc(slices.Clone(r.Drives), func(d driveReport) bool { return !d.fine() || d.errors() == 0 }); len(erred) > 0 {
		d := erred[0]
		say("Check what is under %s (`smartctl -a`); `holdfast drive clear %d` forgets the errors. If they come again: %s.", paths(erred), d.Slot, replaceCommand(d))
	}
	if r.Scrub != nil && r.Scrub.Remaining > 0 {
		say("`holdfast scrub status` names what could not be mended: store those objects again, or remove them.")
	}
	if len(parts) == 0 && r.worst() > 0 {
		if r.Rebuild != nil {
			say("None needed: it is mended by itself, `holdfast status` shows how far it is.")
		} else {
			say("Look at it again with `holdfast status`; the daemon's log names what was found.")
		}
	}
	if len(parts) == 0 && len(r.inState(stateRebuilding, stateEvacuating)) > 0 {
		say("None needed: `holdfast status` shows how far it is.")
	}
	if len(parts) == 0 && r.Pool.State != stateOnline {
		say("`holdfast events` and the daemon's log say why.")
	}
	return strings.Join(parts, " ")
}

// inState are the drives in one of these states.
func (r statusReport) inState(states ...string) (list []driveReport) {
	for _, d := range r.Drives {
		if slices.Contains(states, d.State) {
			list = append(list, d)
		}
	}
	return list
}

// where is a drive's path, or its id where the path is not known.
func (d driveReport) where() string {
	if d.Path == "" {
		return printable(d.ID)
	}
	return printable(d.Path)
}

func paths(drives []driveReport) string {
	names := make([]string, len(drives))
	for i, d := range drives {
		names[i] = d.where()
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func replaceCommand(d driveReport) string {
	return "`holdfast drive replace " + strconv.Itoa(d.Slot) + " /new/dir`"
}

func itOrThem(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}
