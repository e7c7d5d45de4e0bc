package drive

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s: the format has changed; a change needs a new version number", path)
	}
}

func TestLabelGolden(t *testing.T) {
	l := sampleLabel()
	b := l.Encode()
	golden(t, "label.golden", b)
	got, err := DecodeLabel(b)
	if err != nil || !reflect.DeepEqual(got, l) {
		t.Fatalf("decoded %+v, %v", got, err)
	}
}

// TestLabelFeatures: a pool's features stand where a binary that knows none refuses
// whatever is not zero, and one that it does not know is refused (R22).
func TestLabelFeatures(t *testing.T) {
	l := sampleLabel()
	l.Features = Leaves
	b := l.Encode()
	golden(t, "label-features.golden", b)
	if got, err := DecodeLabel(b); err != nil || !reflect.DeepEqual(got, l) || b[lFeatures] != 1 {
		t.Fatalf("decoded %+v, %v", got, err)
	}
	b[lFeatures] |= byte(AllFeatures + 1)
	if _, err := DecodeLabel(resum(b)); !errors.Is(err, ErrVersion) {
		t.Errorf("a feature that is not known: %v", err)
	}
}

func TestFileHeaderGolden(t *testing.T) {
	h := sampleFileHeader()
	b := bytes.Repeat([]byte{0xee}, FileHeaderBytes)
	h.EncodeTo(b)
	golden(t, "fileheader.golden", b)
	got, err := DecodeFileHeader(b)
	if err != nil || !reflect.DeepEqual(got, h) {
		t.Fatalf("decoded %+v, %v", got, err)
	}
}

func TestBlockGolden(t *testing.T) {
	for name, h := range map[string]Header{"journal": sampleJournal(), "bulk": sampleBulk()} {
		t.Run(name, func(t *testing.T) {
			b := block(&h)
			golden(t, name+".golden", b)
			got := Header{Sums: []uint64{1, 2, 3}}
			if err := DecodeHeader(b, &got); err != nil || !reflect.DeepEqual(got, h) {
				t.Fatalf("decoded %+v, %v", got, err)
			}
			for p := range h.Pieces() {
				at := h.PayloadStart() + p*PieceBytes
				if piece := b[at : at+h.PieceLen(p)]; !got.CheckPiece(h.Stored(), p, piece) {
					t.Fatalf("piece %d does not verify", p)
				}
			}
		})
	}
}

// checkDamage flips every bit pattern that matters in every byte of a valid
// encoding and cuts it at every length.
func checkDamage(t *testing.T, good []byte, decode func([]byte) error) {
	t.Helper()
	for i := range good {
		for _, x := range []byte{0x01, 0x80, 0xff} {
			b := bytes.Clone(good)
			b[i] ^= x
			if err := decode(b); err == nil {
				t.Fatalf("byte %d changed by %#x: accepted", i, x)
			}
		}
		if err := decode(good[:i:i]); err == nil {
			t.Fatalf("cut to %d bytes: accepted", i)
		}
	}
	if err := decode(make([]byte, len(good))); err == nil {
		t.Fatal("zeros: accepted")
	}
	if err := decode(nil); err == nil {
		t.Fatal("nothing: accepted")
	}
}

func TestLabelDamage(t *testing.T) {
	good := sampleLabel().Encode()
	decode := func(b []byte) error { _, err := DecodeLabel(b); return err }
	checkDamage(t, good, decode)
	if err := decode(append(bytes.Clone(good), 0)); err == nil {
		t.Fatal("a byte too many: accepted")
	}
}

func TestFileHeaderDamage(t *testing.T) {
	b := make([]byte, FileHeaderBytes)
	sampleFileHeader().EncodeTo(b)
	checkDamage(t, b, func(b []byte) error { _, err := DecodeFileHeader(b); return err })
}

func TestBlockHeaderDamage(t *testing.T) {
	for name, h := range map[string]Header{"journal": sampleJournal(), "bulk": sampleBulk()} {
		t.Run(name, func(t *testing.T) {
			b := block(&h)
			var got Header
			checkDamage(t, b[:h.Size()], func(b []byte) error { return DecodeHeader(b, &got) })
			// What is neither header nor payload is nobody's concern; every byte of
			// the payload is some piece's.
			for i := h.Size(); i < len(b); i++ {
				b[i] ^= 0xff
				if err := DecodeHeader(b, &got); err != nil {
					t.Fatalf("byte %d is no part of the header: %v", i, err)
				}
				at := i - h.PayloadStart()
				if at >= 0 && at < h.Length && i%97 == 0 {
					p := at / PieceBytes
					from := h.PayloadStart() + p*PieceBytes
					if got.CheckPiece(h.Stored(), p, b[from:from+h.PieceLen(p)]) {
						t.Fatalf("byte %d of the payload changed: piece %d still verifies", at, p)
					}
				}
				b[i] ^= 0xff
			}
			// All the fixed part, but not the whole table: how much is needed.
			for _, n := range []int{HeaderFixedBytes, h.Size() - 1} {
				var short ErrTooShort
				if err := DecodeHeader(b[:n], &got); !errors.As(err, &short) || short.Need != h.Size() {
					t.Fatalf("%d bytes: %v", n, err)
				}
			}
		})
	}
}
