package drive

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestFormatPage holds blockstore/FORMAT.md, down to "Batches", against this
// package. Tables are compared row by row. All other text that has a number in
// it must be among the pins below, which are rendered from the code; what is
// left of the page after both may not hold a digit.
func TestFormatPage(t *testing.T) {
	b, err := os.ReadFile("../FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	page, _, ok := strings.Cut(string(b), "\n## Batches\n")
	if !ok {
		t.Fatal("no section Batches")
	}
	prose, tables := splitTables(page)
	want := formatTables()
	if len(tables) != len(want) {
		t.Fatalf("%d tables, want %d", len(tables), len(want))
	}
	for i, got := range tables {
		if !slices.Equal(got, want[i]) {
			t.Errorf("table %d:\n%s\nwant\n%s", i, strings.Join(got, "\n"), strings.Join(want[i], "\n"))
		}
	}
	prose = words(prose)
	for _, pin := range formatPins() {
		pin = words(pin)
		if !strings.Contains(prose, pin) {
			t.Errorf("the page does not say %q", pin)
		}
		prose = strings.ReplaceAll(prose, pin, "")
	}
	prose = regexp.MustCompile(`xxhash64|SHA-256|flock\(2\)|\(R\d+\)|4\+2|column 0|page 0`).ReplaceAllString(prose, "")
	if at := regexp.MustCompile(`.{0,40}\d.{0,40}`).FindAllString(prose, -1); at != nil {
		t.Errorf("numbers that no pin holds: %q", at)
	}
}

// splitTables takes the tables out of the page: of each, the rows below the
// heading, without the bars at their ends.
func splitTables(page string) (prose string, tables [][]string) {
	var rest []string
	var table []string
	for _, line := range append(strings.Split(page, "\n"), "") {
		if strings.HasPrefix(line, "|") {
			table = append(table, strings.Trim(line, "| "))
			continue
		}
		if table != nil {
			tables = append(tables, table[2:])
			table = nil
		}
		rest = append(rest, line)
	}
	return strings.Join(rest, "\n"), tables
}

func words(s string) string { return strings.Join(strings.Fields(s), " ") }

// row is a field of a structure: its offset in the code, its length, and what
// the page says of it.
type row struct {
	at, bytes int
	field     string
}

// layout renders the rows of a structure in which each field begins where the
// one before ends, and then the tail as it is.
func layout(rows []row, tail ...string) []string {
	var out []string
	end := 0
	for _, r := range rows {
		if r.at != end {
			panic(fmt.Sprintf("%s is at %d, the field before ends at %d", r.field, r.at, end))
		}
		end += r.bytes
		out = append(out, fmt.Sprintf("%d | %d | %s", r.at, r.bytes, r.field))
	}
	return append(out, tail...)
}

func formatTables() [][]string {
	states := []string{}
	for s := Online; s.valid(); s++ {
		states = append(states, fmt.Sprintf("%d | %s", s, s))
	}
	return [][]string{
		{
			fmt.Sprintf("page, piece | %d | bytes", PieceBytes),
			fmt.Sprintf("longest payload of a block | %d | bytes", MaxColumnBytes),
			fmt.Sprintf("most data columns (k) | %d", MaxData),
			fmt.Sprintf("most parity columns (m) | %d", MaxParity),
			fmt.Sprintf("most members of a pool | %d", MaxMembers),
			fmt.Sprintf("first block in a segment file | %d | offset", FirstBlock),
			fmt.Sprintf("longest header of a block | %d | bytes", MaxHeaderBytes),
			fmt.Sprintf("longest block | %d | bytes", MaxBlockBytes),
			fmt.Sprintf("longest label | %d | bytes", maxLabel),
		},
		layout([]row{
			{lMagic, len(labelMagic), "magic | `HFLABEL` and a zero byte"},
			{lVersion, 2, fmt.Sprintf("version | %d", labelVersion)},
			{lZero0, 2, "zero"},
			{lLength, 4, "length | of the whole, checksum included; it is the length of the file"},
			{lFeatures, 8, "features | see below"},
			{lPool, 16, "pool | UUID"},
			{lDrive, 16, "drive | UUID"},
			{lCreated, 8, "created | Unix seconds, signed"},
			{lReserved, 4, "reserved epoch | the highest number of an epoch that was promised on this drive"},
			{lEpoch, 4, "epoch | in which the label was written"},
			{lParity, 1, "m | parity columns"},
			{lWidth, 1, "width | k+m of a segment when all drives are there"},
			{lMembers, 2, "members | how many"},
			{lOld, 2, "old members | how many; not none while a change of members is on its way"},
			{lZero1, 2, "zero"},
			{lSegment, 8, "segment size | bytes of a segment's file at which a new segment is begun"},
			{lCheckpoint, 8, "checkpoint LSN | records up to this one count only as restated; 0: there is no checkpoint"},
			{lFirst, 8, "first LSN of the checkpoint | its batches in the journal"},
			{lLast, 8, "last LSN of the checkpoint"},
			{lFloor, 8, "floor | no catalog replica below this LSN may be replayed"},
			{lZero2, lList - lZero2, "zero"},
		},
			fmt.Sprintf("%d | %d each | members, then old members | see below", lList, labelMember),
			fmt.Sprintf("length-%d | %d | checksum | of all bytes before", labelSum, labelSum)),
		{fmt.Sprintf("%d | records may have checksums of leaves", Leaves)},
		layout([]row{
			{mID, 16, "drive | UUID"},
			{mSlot, 2, "slot | number for people"},
			{mState, 1, "state | see below"},
			{mFlags, 1, fmt.Sprintf("flags | %d: it holds no columns and has no vote (R8)", flagNonVoting)},
			{mJoined, 4, "joined | epoch"},
			{mZero1, labelMember - mZero1, "zero"},
		}),
		states,
		layout([]row{
			{fMagic, len(fileMagic), "magic | `" + fileMagic + "`"},
			{fVersion, 2, fmt.Sprintf("version | %d", fileVersion)},
			{fKind, 1, fmt.Sprintf("kind | %d %s, %d %s", Journal, Journal, Bulk, Bulk)},
			{fIndex, 1, "file index | which of the k+m files this is"},
			{fK, 1, "k | data columns"},
			{fM, 1, "m | parity columns"},
			{fZero0, 6, "zero"},
			{fPool, 16, "pool | UUID"},
			{fDrive, 16, "drive | UUID of the drive that this file was made for"},
			{fSegment, 8, "segment | id"},
			{fFeatures, fDrives - fFeatures, "features | incompatible ones; 0"},
		},
			fmt.Sprintf("%d | 16 each | drives | k+m UUIDs by file index: where the files were when the segment was made", fDrives),
			fmt.Sprintf("%d+16·(k+m) | up to %d | zero", fDrives, fSum),
			fmt.Sprintf("%d | %d | checksum | of the %d bytes before", fSum, FileHeaderBytes-fSum, fSum)),
		layout([]row{
			{hMagic, len(blockMagic), "magic | `" + blockMagic + "`"},
			{hVersion, 2, fmt.Sprintf("version | %d", blockVersion)},
			{hFlags, 1, fmt.Sprintf("flags | %d journal (else bulk), %d copied by recovery from an older segment", flagJournal, flagCopy)},
			{hColumn, 1, "column | of the k+m"},
			{hD, 1, "d | data columns that are stored"},
			{hK, 1, "k | data columns"},
			{hM, 1, "m | parity columns"},
			{hZero0, 1, "zero"},
			{hHeader, 4, "H | length of the header"},
			{hPool, 16, "pool | UUID"},
			{hSegment, 8, "segment | id"},
			{hStripe, 4, "stripe | number"},
			{hLength, 4, fmt.Sprintf("L | length of the payload, 1 to %d, the same in all columns", MaxColumnBytes)},
			{hOffset, 8, "offset | of the block in its file"},
			{hPayload, 4, "S | where the payload starts"},
			{hZero1, 4, "zero"},
			{hLSN, 8, "LSN | of the batch, from 1"},
			{hUID, 8, "UID | of the batch: a random number that tells it from another with that LSN"},
			{hStableLSN, 8, "stable LSN | the last batch that was acknowledged when this one was built"},
			{hStableUID, 8, "stable UID"},
			{hBase, 8, "base LSN | the first one of the segment"},
			{hPrev, 8, "previous | journal segment; 0: none"},
			{hPart, 2, "part | which stripe of the batch this is, from 0"},
			{hParts, 2, "parts | how many stripes the batch has"},
			{hZero2, 4, "zero"},
			{hSum, hTable - hSum, "checksum | of the H bytes of the header, this field taken as zero"},
		},
			fmt.Sprintf("%d | 8 each | table | checksum of piece p of stored index i at %d+8·(i·pieces+p)", hTable, hTable)),
	}
}

// formatPins are the statements with numbers outside of tables, longest and most
// particular first where one is part of another.
func formatPins() []string {
	bulk := Header{Kind: Bulk, D: 3, K: 4, M: 2, Length: 9000}
	pieces := [][]int{}
	for p := range bulk.Pieces() {
		at := []int{}
		for i := range bulk.D + bulk.M {
			at = append(at, hTable+8*(i*bulk.Pieces()+p))
		}
		pieces = append(pieces, at)
	}
	sample := sampleJournal()
	pins := []string{
		fmt.Sprintf("It describes version %d of every structure.", max(labelVersion, fileVersion, blockVersion)),
		fmt.Sprintf("A *page* and a *piece* are %d bytes.", PageBytes),
		"A UUID is its 16 bytes in the order of its text form. A checksum is xxhash64 with seed 0.",
		// Drive directory.
		fmt.Sprintf("%s one file of a segment; its name is the segment's id: %s epoch, \"-\", counter, each as 8 lower-case hexadecimal digits",
			NewSegmentID(2, 0), NewSegmentID(2, 1)),
		fmt.Sprintf("Files have mode %04o, directories %04o.", fileMode, dirMode),
		fmt.Sprintf("A segment id is 64 bits, the epoch in the upper %d, the counter in the lower.", 64-32),
		"0 is no segment.",
		// Label.
		fmt.Sprintf("%d %d %d %d %d %d", lMagic, lVersion, lZero0, lLength, lFeatures, lPool),
		fmt.Sprintf(`| HFLABEL\0| %d | - | length|`, labelVersion),
		fmt.Sprintf("%d %d length-%d", lList, lList+labelMember, labelSum),
		// Segment file.
		fmt.Sprintf("Page 0 is the file's header; blocks follow, each beginning at a multiple of %d:", PageBytes),
		fmt.Sprintf("0 %d +-------------+", FirstBlock),
		"stripe 0 stripe 1 stripe 2: column stripe 3",
		"Stripes are numbered from 0 within the segment",
		"1 ≤ d ≤ k", "Data columns d to k-1 are zero",
		// Block.
		fmt.Sprintf("0 %d H S S+L end", HeaderFixedBytes),
		fmt.Sprintf("H is the length of the header, %d + 8·pieces·(d+m), where pieces = ⌈L/%d⌉.", HeaderFixedBytes, PieceBytes),
		fmt.Sprintf("In a bulk block S is H rounded up to %d,", PageBytes),
		fmt.Sprintf("The block ends at S+L rounded up to %d.", PageBytes),
		fmt.Sprintf("In a bulk block the bytes %d to %d are zero.", hLSN, hSum-1),
		fmt.Sprintf("cut into pieces of %d bytes;", PieceBytes),
		fmt.Sprintf("With d=%d, m=%d and L=%d (three pieces, the last of %d bytes)", bulk.D, bulk.M, bulk.Length, bulk.PieceLen(2)),
		"index 0 1 2 3 4 column data 0 data 1 data 2 parity 0 parity 1",
		fmt.Sprintf("Begin at %d.", FirstBlock),
		fmt.Sprintf("go on %d further, to the end of the file", PageBytes),
		// Example.
		fmt.Sprintf("The first %d bytes of `drive/testdata/journal.golden`: column %d (the second parity column) of stripe %d, in a 4+2 journal segment that stores one data column of %d bytes:",
			sample.Size(), sample.Column, sample.Stripe, sample.Length),
		hex.Dump(block(&sample)[:sample.Size()]),
		// Parity.
		fmt.Sprintf("GF(2^8) with the polynomial %#x;", matrixPolynomial),
		"for j from 0 to d-1", "P[i][j] = (255 xor j) / ((255-i) xor j)",
		fmt.Sprintf("for i below %d and j below %d, the same", MaxParity, MaxData),
		"with the points 255-i and j, each column scaled so that row 0 is all ones",
		"j=0 j=1 j=2 j=3 j=4 j=5",
	}
	for s := range uint32(4) {
		var columns []string
		for file := range 6 {
			columns = append(columns, fmt.Sprint(ColumnIn(file, s, 6)))
		}
		pins = append(pins, fmt.Sprintf("stripe %d %s", s, strings.Join(columns, " ")))
	}
	pins = append(pins, "file 0 file 1 file 2 file 3 file 4 file 5")
	for p, at := range pieces {
		pins = append(pins, fmt.Sprintf("piece %d at %s", p, strings.Trim(fmt.Sprint(at), "[]")))
	}
	sum := sha256.New()
	for i := range MaxParity {
		var corner []string
		for j := range MaxData {
			p := matrixCoefficient(byte(i), byte(j))
			sum.Write([]byte{p})
			if j < 6 {
				corner = append(corner, fmt.Sprintf("%02x", p))
			}
		}
		if i < 3 {
			pins = append(pins, fmt.Sprintf("i=%d %s", i, strings.Join(corner, " ")))
		}
	}
	return append(pins, fmt.Sprintf("The SHA-256 of the %d·%d coefficients, row after row, is `%x`.", MaxParity, MaxData, sum.Sum(nil)))
}

// The matrix once more, computed from what the page says alone; package erasure
// pins the same SHA-256.
const matrixPolynomial = 0x11d

func matrixCoefficient(i, j byte) byte {
	multiply := func(a, b byte) (p byte) {
		for ; b != 0; b >>= 1 {
			if b&1 != 0 {
				p ^= a
			}
			carry := a&0x80 != 0
			a <<= 1
			if carry {
				a ^= matrixPolynomial & 0xff
			}
		}
		return p
	}
	for q := range 256 {
		if multiply(byte(q), (255-i)^j) == 255^j {
			return byte(q)
		}
	}
	panic("no quotient")
}
