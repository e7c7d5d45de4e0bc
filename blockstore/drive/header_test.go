package drive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/uuid"
)

// TestDecodersCheckFields: a right checksum is no leave to hold nonsense, nor
// does a changed version or feature pass for damage.
func TestDecodersCheckFields(t *testing.T) {
	journal, bulk := sampleJournal(), sampleBulk()
	page := make([]byte, FileHeaderBytes)
	sampleFileHeader().EncodeTo(page)
	var h Header
	decodeHeader := func(b []byte) error { return DecodeHeader(resumHeader(b), &h) }
	decodePage := func(b []byte) error { _, err := DecodeFileHeader(resum(b)); return err }
	decodeLabel := func(b []byte) error { _, err := DecodeLabel(resum(b)); return err }
	for _, c := range []struct {
		name   string
		good   []byte
		decode func([]byte) error
		fields map[int]error // offset of a byte that becomes 0xff → error
	}{
		{"journal block", block(&journal), decodeHeader, map[int]error{
			hMagic: ErrNoBlock, hVersion: ErrVersion, hFlags: ErrVersion, hColumn: ErrMalformed, hD: ErrMalformed,
			hK: ErrMalformed, hM: ErrMalformed, hZero0: ErrMalformed, hHeader: ErrMalformed, hHeader + 3: ErrMalformed,
			hPool: nil, hSegment: nil, hStripe: nil, hLength + 2: ErrMalformed, hLength + 3: ErrMalformed,
			hOffset: ErrMalformed, hOffset + 7: ErrMalformed, hPayload: ErrMalformed, hZero1: ErrMalformed,
			hLSN: nil, hPart: ErrMalformed, hParts + 1: nil, hZero2 + 3: ErrMalformed, hTable: nil,
		}},
		{"bulk block", block(&bulk), decodeHeader, map[int]error{
			hLSN: ErrMalformed, hUID: ErrMalformed, hStableLSN: ErrMalformed, hStableUID: ErrMalformed, hBase: ErrMalformed,
			hPrev: ErrMalformed, hPart: ErrMalformed, hParts: ErrMalformed, hZero2: ErrMalformed, hPayload: ErrMalformed,
			hTable + 8: nil,
		}},
		{"file header", page, decodePage, map[int]error{
			fMagic: ErrMalformed, fVersion: ErrVersion, fKind: ErrMalformed, fIndex: ErrMalformed, fK: ErrMalformed, fM: ErrMalformed,
			fZero0: ErrMalformed, fZero0 + 5: ErrMalformed, fPool: nil, fDrive: nil, fSegment: nil,
			fFeatures: ErrVersion, fFeatures + 7: ErrVersion, fDrives: nil, fDrives + 6*16: ErrMalformed, fSum - 1: ErrMalformed,
		}},
		{"label", sampleLabel().Encode(), decodeLabel, map[int]error{
			lMagic: ErrMalformed, lMagic + 7: ErrMalformed, lVersion: ErrVersion, lZero0: ErrMalformed, lLength: ErrMalformed,
			lFeatures: ErrVersion, lPool: nil, lCreated: nil, lReserved: nil, lEpoch: nil, lParity: ErrMalformed, lWidth: ErrMalformed,
			lMembers: ErrMalformed, lOld + 1: ErrMalformed, lZero1: ErrMalformed, lSegment + 7: ErrMalformed, lFloor: nil,
			lZero2: ErrMalformed, lZero2 + 7: ErrMalformed, lList + mID: nil, lList + mSlot: nil, lList + mState: ErrMalformed,
			lList + mFlags: ErrVersion, lList + mJoined: nil, lList + mZero1: ErrMalformed, lList + mZero1 + 7: ErrMalformed,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.decode(bytes.Clone(c.good)); err != nil {
				t.Fatal(err)
			}
			for at, want := range c.fields {
				b := bytes.Clone(c.good)
				b[at] = 0xff
				if err := c.decode(b); !errors.Is(err, want) {
					t.Errorf("byte %d = 0xff: %v, want %v", at, err, want)
				}
			}
		})
	}
}

func TestEncodersPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"table":            func() { h := sampleBulk(); h.Sums = h.Sums[1:]; block(&h) },
		"column":           func() { h := sampleBulk(); h.Column = 3; block(&h) },
		"bulk with batch":  func() { h := sampleBulk(); h.Batch.LSN = 1; block(&h) },
		"journal without":  func() { h := sampleJournal(); h.Batch = Batch{}; block(&h) },
		"offset":           func() { h := sampleBulk(); h.Offset = 0; block(&h) },
		"segment 0":        func() { h := sampleBulk(); h.Segment = 0; block(&h) },
		"too few drives":   func() { h := sampleFileHeader(); h.Drives = h.Drives[1:]; h.EncodeTo(make([]byte, 4096)) },
		"file index":       func() { h := sampleFileHeader(); h.Index = 6; h.EncodeTo(make([]byte, 4096)) },
		"no members":       func() { l := sampleLabel(); l.Members = nil; l.Encode() },
		"too many members": func() { l := sampleLabel(); l.Members = make([]Member, 257); l.Encode() },
		"state":            func() { l := sampleLabel(); l.Members[0].State = 0; l.Encode() },
		"parity":           func() { l := sampleLabel(); l.Parity = 0; l.Encode() },
		"sum of no piece":  func() { h := sampleBulk(); h.Sum(0, 3) },
		"sums of wrong n":  func() { SumPieces(make([]uint64, 2), make([]byte, 4096)) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Fatal("no panic")
				}
			}()
			f()
		})
	}
}

// TestDamagedVersion: a version that was damaged is told from one that is not known.
func TestDamagedVersion(t *testing.T) {
	page := make([]byte, FileHeaderBytes)
	sampleFileHeader().EncodeTo(page)
	for _, c := range []struct {
		name   string
		good   []byte
		at     int
		decode func([]byte) error
	}{
		{"file header", page, fVersion, func(b []byte) error { _, err := DecodeFileHeader(b); return err }},
		{"label", sampleLabel().Encode(), lVersion, func(b []byte) error { _, err := DecodeLabel(b); return err }},
	} {
		for bit := range 16 {
			b := bytes.Clone(c.good)
			b[c.at+bit/8] ^= 1 << (bit % 8)
			if err := c.decode(bytes.Clone(b)); !errors.Is(err, ErrChecksum) {
				t.Errorf("%s, bit %d: %v", c.name, bit, err)
			}
			b[len(b)-1] ^= 1
			if err := c.decode(bytes.Clone(b)); !errors.Is(err, ErrVersion) {
				t.Errorf("%s, bit %d, and the sum: %v", c.name, bit, err)
			}
			if err := c.decode(resum(b)); !errors.Is(err, ErrVersion) {
				t.Errorf("%s, bit %d, with its sum: %v", c.name, bit, err)
			}
			if err := c.decode(b[:c.at+2]); err == nil {
				t.Errorf("%s, cut short: accepted", c.name)
			}
		}
	}
}

func TestLargestLabel(t *testing.T) {
	l := sampleLabel()
	l.Members, l.Old = nil, nil
	for i := range MaxMembers {
		l.Members = append(l.Members, Member{ID: uuid.UUID{byte(i)}, Slot: i, State: Evacuating, Joined: 1})
	}
	l.Old = l.Members
	b := l.Encode()
	if got, err := DecodeLabel(b); err != nil || len(got.Members) != 256 || len(got.Old) != 256 || len(b) != maxLabel {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
}

// TestNonVoting: the flag stands in the label, and is no other bit.
func TestNonVoting(t *testing.T) {
	l := sampleLabel()
	l.Members[2].NonVoting = true
	b := l.Encode()
	at := lList + 2*labelMember + mFlags
	if b[at] != flagNonVoting {
		t.Errorf("flags are %#x", b[at])
	}
	got, err := DecodeLabel(b)
	if err != nil || !got.Members[2].NonVoting || got.Members[0].NonVoting || got.Old[0].NonVoting {
		t.Errorf("%+v, %v", got.Members, err)
	}
}

// TestRetired: a label is retired if its drive is neither a member nor an old one.
func TestRetired(t *testing.T) {
	l := sampleLabel()
	if l.Retired() {
		t.Error("a member's label is retired")
	}
	if l.Members = l.Members[1:]; l.Retired() {
		t.Error("an old member's label is retired")
	}
	if l.Old = nil; !l.Retired() {
		t.Error("the label of a drive that is no member is not retired")
	}
}

func TestSameStripe(t *testing.T) {
	for name, change := range map[string]func(*Header){
		"kind":    func(h *Header) { h.Kind = Bulk },
		"copy":    func(h *Header) { h.Copy = !h.Copy },
		"d":       func(h *Header) { h.D++ },
		"k":       func(h *Header) { h.K++ },
		"m":       func(h *Header) { h.M++ },
		"pool":    func(h *Header) { h.Pool[3]++ },
		"segment": func(h *Header) { h.Segment++ },
		"stripe":  func(h *Header) { h.Stripe++ },
		"length":  func(h *Header) { h.Length++ },
		"offset":  func(h *Header) { h.Offset += PageBytes },
		"batch":   func(h *Header) { h.Batch.UID++ },
		"stable":  func(h *Header) { h.Batch.StableLSN++ },
		"table":   func(h *Header) { h.Sums[2]++ },
		"shorter": func(h *Header) { h.Sums = h.Sums[:2] },
	} {
		a, b := sampleJournal(), sampleJournal()
		b.Column = 0
		if !a.SameStripe(&b) {
			t.Fatal("two columns of a stripe are said not to be")
		}
		change(&b)
		if a.SameStripe(&b) || b.SameStripe(&a) {
			t.Errorf("%s: not seen", name)
		}
	}
}

func TestCheckPiece(t *testing.T) {
	h := sampleBulk() // pieces of 4096, 4096, 808 bytes in 5 stored columns
	p := payload(&h, 1)
	for _, c := range []struct {
		name          string
		stored, piece int
		b             []byte
		want          bool
	}{
		{"first", 1, 0, p[:4096], true},
		{"last is short", 1, 2, p[8192:], true},
		{"other column", 2, 0, p[:4096], false},
		{"other piece", 1, 1, p[:4096], false},
		{"too short", 1, 0, p[:4095], false},
		{"padded", 1, 2, append(bytes.Clone(p[8192:]), 0), false},
		{"piece out of range", 1, 3, p[8192:], false},
		{"negative piece", 1, -1, p[8192:], false},
		{"column out of range", 5, 0, p[:4096], false},
		{"negative column", -1, 3, p[:4096], false},
	} {
		if got := h.CheckPiece(c.stored, c.piece, c.b); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestGeometry(t *testing.T) {
	for k := 1; k <= MaxData; k++ {
		for m := 1; m <= MaxParity; m++ {
			for _, d := range []int{1, (k + 1) / 2, k} {
				stored := 0
				for c := range k + m {
					i := StoredIndex(c, d, k)
					if (c >= d && c < k) != (i < 0) {
						t.Fatalf("k=%d m=%d d=%d column %d: index %d", k, m, d, c, i)
					}
					if i < 0 {
						continue
					}
					if i != stored || ColumnOf(i, d, k) != c {
						t.Fatalf("k=%d m=%d d=%d column %d: index %d", k, m, d, c, i)
					}
					stored++
				}
				if stored != d+m {
					t.Fatalf("k=%d m=%d d=%d: %d stored", k, m, d, stored)
				}
			}
			for _, s := range []uint32{0, 1, uint32(k), 12345, 1<<32 - 1} {
				seen := make(map[int]bool)
				for c := range k + m {
					f := FileOf(c, s, k+m)
					if seen[f] || f < 0 || f >= k+m || ColumnIn(f, s, k+m) != c {
						t.Fatalf("k=%d m=%d stripe %d: column %d in file %d", k, m, s, c, f)
					}
					seen[f] = true
				}
			}
		}
	}
	for _, c := range []struct {
		kind         Kind
		d, m, length int
		h, s         int
		block        int64
	}{
		{Journal, 1, 2, 300, 152, 152, 4096}, // a lone small PUT: one page per column
		{Journal, 1, 2, 4096 - 152, 152, 152, 4096},
		{Journal, 1, 2, 4096 - 151, 152, 152, 8192},
		{Bulk, 4, 2, 131072, 1664, 4096, 135168},
		{Bulk, 4, 2, 1, 176, 4096, 8192},
		{Bulk, 32, 8, 131072, 10368, 12288, MaxBlockBytes},
	} {
		h, s, b := HeaderBytes(c.d, c.m, c.length), PayloadStart(c.kind, c.d, c.m, c.length), BlockBytes(c.kind, c.d, c.m, c.length)
		if h != c.h || s != c.s || b != c.block {
			t.Errorf("%+v: header %d, payload at %d, block %d", c, h, s, b)
		}
	}
	if MaxHeaderBytes != HeaderBytes(MaxData, MaxParity, MaxColumnBytes) {
		t.Error("MaxHeaderBytes")
	}
}

func TestSegmentID(t *testing.T) {
	id := NewSegmentID(2, 0)
	if id.String() != "00000002-00000000" || id.Epoch() != 2 || id.Counter() != 0 || id >= NewSegmentID(2, 1) || NewSegmentID(2, 1<<32-1) >= NewSegmentID(3, 0) {
		t.Fatal(id)
	}
	for s, want := range map[string]SegmentID{
		"00000002-00000000": id, "ffffffff-ffffffff": 1<<64 - 1, "0abcdef0-00000001": NewSegmentID(0xabcdef0, 1),
		"00000000-00000000": 0, "0ABCDEF0-00000001": 0, "2-0": 0, "00000002_00000000": 0, "+0000002-00000000": 0,
		"00000002-0000000": 0, "00000002-0000000g": 0, "": 0,
	} {
		got, err := ParseSegmentID(s)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	for name, h := range map[string]Header{"journal": sampleJournal(), "bulk": sampleBulk()} {
		b := make([]byte, h.BlockBytes())
		p := payload(&h, 0)
		sums := make([]uint64, h.Pieces())
		EncodeHeader(b, &h)
		got := Header{Sums: make([]uint64, 0, len(h.Sums))}
		for what, f := range map[string]func(){
			"EncodeHeader": func() { EncodeHeader(b, &h) },
			"DecodeHeader": func() {
				if err := DecodeHeader(b, &got); err != nil {
					t.Error(err)
				}
			},
			"SumPieces":  func() { SumPieces(sums, p) },
			"CheckPiece": func() { h.CheckPiece(0, 0, p) },
			"SameStripe": func() { h.SameStripe(&got) },
			"no block":   func() { _ = DecodeHeader(p, &got) },
		} {
			if n := testing.AllocsPerRun(100, f); n != 0 {
				t.Errorf("%s, %s: %v allocations", name, what, n)
			}
		}
	}
}

func FuzzDecodeLabel(f *testing.F) {
	good := sampleLabel().Encode()
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add(make([]byte, 200))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, resumIf(b, lList+labelSum)} { // the second one gets behind the checksum
			if l, err := DecodeLabel(b); err == nil && !bytes.Equal(l.Encode(), b) {
				t.Fatal("a label that is not what it would be written as")
			}
		}
	})
}

func FuzzDecodeFileHeader(f *testing.F) {
	good := make([]byte, FileHeaderBytes)
	sampleFileHeader().EncodeTo(good)
	f.Add(good)
	f.Add(good[:100])
	f.Add(make([]byte, FileHeaderBytes))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > FileHeaderBytes {
			b = b[:FileHeaderBytes]
		}
		for _, b := range [][]byte{b, resumIf(b, FileHeaderBytes)} {
			h, err := DecodeFileHeader(b)
			if err != nil {
				continue
			}
			again := make([]byte, FileHeaderBytes)
			if h.EncodeTo(again); !bytes.Equal(again, b) {
				t.Fatal("a header that is not what it would be written as")
			}
		}
	})
}

func FuzzDecodeHeader(f *testing.F) {
	for _, h := range []Header{sampleJournal(), sampleBulk()} {
		b := block(&h)
		f.Add(b[:h.Size()])
		f.Add(b[:h.Size()-1])
		f.Add(b[:HeaderFixedBytes])
	}
	f.Add(make([]byte, 4096))
	f.Fuzz(func(t *testing.T, b []byte) {
		summed := b
		if len(b) >= HeaderFixedBytes && binary.LittleEndian.Uint32(b[hHeader:]) >= HeaderFixedBytes {
			summed = resumHeader(bytes.Clone(b))
		}
		for _, b := range [][]byte{b, summed} {
			var h Header
			err := DecodeHeader(b, &h)
			var short ErrTooShort
			if errors.As(err, &short) && (short.Need <= len(b) || short.Need > MaxHeaderBytes) {
				t.Fatalf("%d bytes given, %d needed", len(b), short.Need)
			}
			if err != nil {
				continue
			}
			again := make([]byte, h.PayloadStart())
			if EncodeHeader(again, &h); !bytes.Equal(again[:h.Size()], b[:h.Size()]) {
				t.Fatal("a header that is not what it would be written as")
			}
		}
	})
}

// resumIf is resum on a copy, where there is room for a checksum.
func resumIf(b []byte, least int) []byte {
	if len(b) < least {
		return b
	}
	return resum(bytes.Clone(b))
}
