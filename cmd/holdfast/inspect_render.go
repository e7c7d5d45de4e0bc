package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore"
)

// inspectPage writes documents of Inspect for a person: a heading for each label, catalog and file, below it a line
// for each thing in it, with its offset in front. It is a pure function of the documents, in their order.
type inspectPage struct {
	segment string // of the batch shown last
	any     bool
}

func (p *inspectPage) text(doc any) string {
	var b strings.Builder
	switch d := doc.(type) {
	case blockstore.InspectedLabel:
		p.heading(&b, d.Path)
		labelText(&b, d)
	case blockstore.InspectedCatalog:
		p.heading(&b, d.Path)
		catalogText(&b, d)
	case blockstore.InspectedFile:
		p.heading(&b, d.Path)
		fileText(&b, d)
	case blockstore.InspectedBlock:
		blockText(&b, d)
	case blockstore.InspectedRange:
		rangeText(&b, d)
	case blockstore.InspectedSum:
		fmt.Fprintf(&b, "  in all: %s\n", sumText(d))
	case blockstore.InspectedBatch:
		if d.Segment != p.segment {
			p.heading(&b, "batches of segment "+d.Segment)
		}
		p.segment = d.Segment
		batchText(&b, d)
	case blockstore.InspectedRecord:
		fmt.Fprintf(&b, "    %d %s %s\n", d.Index, d.Record, printable(d.Fields.String()))
	case blockstore.InspectedEntry:
		text := d.Fields.String()
		if d.Error != "" {
			text = "BAD: key " + d.Key + ": " + d.Error
		}
		fmt.Fprintf(&b, "      %s %s\n", d.Kind, printable(text))
	case blockstore.InspectedOther:
		p.heading(&b, d.Path)
		fmt.Fprintf(&b, "  %s\n", d.Text)
	}
	return b.String()
}

func (p *inspectPage) heading(b *strings.Builder, text string) {
	if p.any {
		b.WriteByte('\n')
	}
	p.any, p.segment = true, ""
	fmt.Fprintf(b, "%s\n", printable(text))
}

func labelText(b *strings.Builder, d blockstore.InspectedLabel) {
	if d.Error != "" {
		fmt.Fprintf(b, "  BAD: %s\n", printable(d.Error))
		return
	}
	fmt.Fprintf(b, "  label of drive %v, pool %v\n", d.Drive, d.Pool)
	fmt.Fprintf(b, "  made %s; epoch %d (%d reserved); %d columns, %d of them parity; segments of %s\n",
		time.Unix(d.CreatedUnix, 0).UTC().Format(time.RFC3339), d.Epoch, d.ReservedEpoch, d.Width, d.Parity, size(d.SegmentBytes))
	if d.Features != 0 {
		fmt.Fprintf(b, "  features %#x\n", uint64(d.Features))
	}
	if d.CheckpointLSN == 0 {
		fmt.Fprintf(b, "  no checkpoint; floor %d\n", d.Floor)
	} else {
		fmt.Fprintf(b, "  checkpoint at batch %d, restated in %d to %d; floor %d\n", d.CheckpointLSN, d.FirstLSN, d.LastLSN, d.Floor)
	}
	membersText(b, "member", d.Members)
	membersText(b, "old member", d.OldMembers)
}

func membersText(b *strings.Builder, what string, members []blockstore.InspectedMember) {
	for _, m := range members {
		vote := ""
		if m.NonVoting {
			vote = ", holds no columns"
		}
		fmt.Fprintf(b, "  %s %d: %v %s since epoch %d%s\n", what, m.Slot, m.Drive, m.State, m.Joined, vote)
	}
}

func catalogText(b *strings.Builder, d blockstore.InspectedCatalog) {
	switch {
	case d.Error != "":
		fmt.Fprintf(b, "  BAD: %s\n", printable(d.Error))
		return
	case d.Building:
		fmt.Fprintf(b, "  a replica of the catalog that is not whole: it was being filled\n")
		return
	}
	fmt.Fprintf(b, "  replica of the catalog up to batch %d (%s); %s, %s; digest %s\n",
		d.LSN, d.UID, count(d.Objects, "object"), size(d.Bytes), d.Digest)
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(d.Entries)) {
		kinds = append(kinds, fmt.Sprintf("%s %d", kind, d.Entries[kind]))
	}
	fmt.Fprintf(b, "  entries: %s\n", strings.Join(kinds, ", "))
	if d.Malformed > 0 {
		fmt.Fprintf(b, "  BAD: %d of them do not decode\n", d.Malformed)
	}
}

func fileText(b *strings.Builder, d blockstore.InspectedFile) {
	if d.Error != "" {
		fmt.Fprintf(b, "  %s; first page BAD: %s\n", count(d.Bytes, "byte"), printable(d.Error))
		return
	}
	fmt.Fprintf(b, "  %s; %s segment %s, file %d of %d+%d, pool %v\n", count(d.Bytes, "byte"), d.Kind, d.Segment, d.Index, d.K, d.M, d.Pool)
	fmt.Fprintf(b, "  made for drive %v; drives by file: %s\n", d.Drive, joinIDs(d.Drives))
}

func joinIDs(ids []uuid.UUID) string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = id.String()
	}
	return strings.Join(list, " ")
}

func blockText(b *strings.Builder, d blockstore.InspectedBlock) {
	what := "data"
	if d.Parity {
		what = "parity"
	}
	fmt.Fprintf(b, "  %10d  stripe %d column %d (%s of %d+%d), %d bytes", d.Offset, d.Stripe, d.Column, what, d.DataColumns, d.M, d.Length)
	if p := d.Batch; p != nil {
		fmt.Fprintf(b, "; batch %d", p.LSN)
		if p.Parts > 1 {
			fmt.Fprintf(b, " part %d of %d", p.Part+1, p.Parts)
		}
		fmt.Fprintf(b, ", stable %d", p.StableLSN)
		if d.Copy {
			b.WriteString(", copy")
		}
	}
	switch {
	case d.Wrong != "":
		fmt.Fprintf(b, "; WRONG: %s", d.Wrong)
	case len(d.BadPieces) > 0:
		fmt.Fprintf(b, "; BAD: piece %s of %d", joinInts(d.BadPieces), d.Pieces)
	default:
		b.WriteString("; good")
	}
	b.WriteByte('\n')
}

// joinInts writes ascending numbers, runs as 3-7.
func joinInts(numbers []int) string {
	var list []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		text := strconv.Itoa(numbers[i])
		if j > i {
			text += "-" + strconv.Itoa(numbers[j])
		}
		list = append(list, text)
		i = j + 1
	}
	return strings.Join(list, ",")
}

func rangeText(b *strings.Builder, d blockstore.InspectedRange) {
	switch d.Type {
	case "hole":
		fmt.Fprintf(b, "  %10d  hole of %s\n", d.Offset, count(d.Bytes, "byte"))
	case "unreadable":
		fmt.Fprintf(b, "  %10d  UNREADABLE: %s: %s\n", d.Offset, count(d.Bytes, "byte"), printable(d.Text))
	default:
		fmt.Fprintf(b, "  %10d  DAMAGE: %s: %s\n", d.Offset, count(d.Bytes, "byte"), printable(d.Text))
	}
}

func sumText(d blockstore.InspectedSum) string {
	list := []string{count(d.Blocks, "good block")}
	for _, n := range []struct {
		n    int64
		noun string
	}{{d.BadBlocks, "bad block"}, {d.WrongBlocks, "wrong block"}, {d.DamagedBytes, "damaged byte"}, {d.UnreadableBytes, "unreadable byte"}} {
		if n.n > 0 {
			list = append(list, count(n.n, n.noun))
		}
	}
	return strings.Join(list, ", ")
}

func batchText(b *strings.Builder, d blockstore.InspectedBatch) {
	fmt.Fprintf(b, "  batch %d (%s) in stripe %d", d.LSN, d.UID, d.FirstStripe)
	if d.Parts > 1 {
		fmt.Fprintf(b, " to %d", d.FirstStripe+uint32(d.Parts)-1)
	}
	if d.Copy {
		b.WriteString(", copy")
	}
	switch {
	case d.Error != "" && d.Shown > 0:
		fmt.Fprintf(b, ": %d of %s; the others: %s\n", d.Shown, count(d.Records, "record"), printable(d.Error))
	case d.Error != "":
		fmt.Fprintf(b, ": its records cannot be read: %s\n", printable(d.Error))
	default:
		fmt.Fprintf(b, ": %s\n", count(d.Records, "record"))
	}
}
