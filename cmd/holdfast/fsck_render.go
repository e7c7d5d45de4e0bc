package main

import (
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore"
)

// fsckText writes a report for a person: what was examined, what was found, the answer in the last line. It is a pure
// function of the report.
func fsckText(r blockstore.FsckReport) string {
	var b strings.Builder
	fmt.Fprintf(&b, "pool %v: epoch %d, %d of %s here\n", r.Pool, r.Epoch, r.Drives, count(r.Members, "drive"))
	fmt.Fprintf(&b, "read: %s with %s, %s; %s in %s; %s of the catalog\n", count(r.Segments, "segment"), count(r.Stripes, "stripe"),
		size(r.ReadBytes), count(r.Objects, "object"), count(r.Extents, "extent"), count(r.Replicas, "replica"))
	if r.MendedBlocks > 0 || r.MovedFiles > 0 {
		fmt.Fprintf(&b, "repaired: %s, %s moved; %s written\n", count(r.MendedBlocks, "block"), count(r.MovedFiles, "file"), size(r.WrittenBytes))
	}
	if r.UnreadFiles > 0 {
		fmt.Fprintf(&b, "not read: %s of segments, for their drives are away\n", count(r.UnreadFiles, "file"))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", printable(note))
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s\n", findingText(f))
	}
	if r.Unlisted > 0 {
		fmt.Fprintf(&b, "and %s more\n", count(r.Unlisted, "finding"))
	}
	b.WriteString(fsckAnswer(r) + "\n")
	return b.String()
}

// fsckAnswer is the answer behind the exit code.
func fsckAnswer(r blockstore.FsckReport) string {
	found := len(r.Findings) + r.Unlisted
	switch {
	case found == 0:
		return "all is well"
	case r.Well():
		return fmt.Sprintf("all is well now: %s, all made good", count(found, "finding"))
	case r.Repair:
		return fmt.Sprintf("not all is well: %d of %s remain", r.Remaining, count(found, "finding"))
	default:
		return fmt.Sprintf("not all is well: %s; `holdfast fsck --repair DIR…` makes good what can be", count(r.Remaining, "finding"))
	}
}

// findingText is one finding on one line.
func findingText(f blockstore.Finding) string {
	var b strings.Builder
	b.WriteString(f.Kind)
	if f.Segment != 0 {
		fmt.Fprintf(&b, ": segment %v", f.Segment)
		if f.Kind != blockstore.FindingFirstPage {
			fmt.Fprintf(&b, " stripe %d", f.Stripe)
		}
		if f.Column >= 0 {
			fmt.Fprintf(&b, " column %d", f.Column)
		}
	}
	if f.Drive != uuid.Nil {
		fmt.Fprintf(&b, ": drive %v", f.Drive)
	}
	b.WriteString(": " + printable(f.Text))
	if len(f.Objects) > 0 {
		fmt.Fprintf(&b, ": %s", printable(strings.Join(f.Objects, ", ")))
	}
	if f.Mended {
		b.WriteString(" (made good)")
	}
	return b.String()
}

// fsckJSON writes findings and notes, each as a document, and then the report without them.
func fsckJSON(con *console, r blockstore.FsckReport) error {
	for _, f := range r.Findings {
		err := con.writeJSON(struct {
			Type string `json:"type"`
			blockstore.Finding
		}{"finding", f})
		if err != nil {
			return err
		}
	}
	for _, note := range r.Notes {
		err := con.writeJSON(struct {
			Type string `json:"type"`
			Text string `json:"text"`
		}{"note", note})
		if err != nil {
			return err
		}
	}
	r.Findings, r.Notes = nil, nil
	return con.writeJSON(struct {
		Type string `json:"type"`
		Well bool   `json:"well"`
		blockstore.FsckReport
		Findings []blockstore.Finding `json:"findings,omitempty"` // these hide the report's own, which stand above
		Notes    []string             `json:"notes,omitempty"`
	}{Type: "report", Well: r.Well(), FsckReport: r})
}
