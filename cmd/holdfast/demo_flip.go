package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/holdfast-storage/holdfast/blockstore"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// flipsPerFile is how many blocks of a segment's file are damaged.
const flipsPerFile = 4

// flip is one byte that was changed in a segment's file.
type flip struct {
	path   string
	offset int64
	was    byte
}

// soundBlocks are the blocks, by file, of all stripes that are whole, with every data and parity column, and count.
// What a killed upload left behind half is not whole, and a batch that was not acknowledged where it lies stands behind
// its segment's end: both are nobody's, and no scrub mends them.
func soundBlocks(ctx context.Context, dirs []string) (map[string][]blockstore.InspectedBlock, error) {
	var files []string
	for _, dir := range dirs {
		found, err := filepath.Glob(filepath.Join(dir, "segments", "*"))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	type stripe struct {
		segment string
		number  uint32
		table   string // equal in all blocks of a stripe
	}
	found := make(map[stripe][]blockstore.InspectedBlock)
	seals := make(map[string]sealSeen)
	err := blockstore.Inspect(ctx, nil, files, func(doc any) error {
		switch doc := doc.(type) {
		case blockstore.InspectedBlock:
			if doc.Wrong == "" && len(doc.BadPieces) == 0 {
				id := stripe{doc.Segment, doc.Stripe, doc.Table}
				found[id] = append(found[id], doc)
			}
		case blockstore.InspectedRecord:
			if seal, ok := seenSeal(doc); ok && seal.sequence >= seals[seal.segment].sequence {
				seals[seal.segment] = seal // a later one replaces an earlier one
			}
		}
		return nil
	})
	sound := make(map[string][]blockstore.InspectedBlock)
	for id, blocks := range found {
		seal, sealed := seals[id.segment]
		counts := !sealed || blocks[0].Offset+blocks[0].Bytes <= seal.end
		if counts && len(blocks) == blocks[0].DataColumns+blocks[0].M {
			for _, b := range blocks {
				sound[b.Path] = append(sound[b.Path], b)
			}
		}
	}
	return sound, err
}

// sealSeen is what a seal says: where its segment ends.
type sealSeen struct {
	segment  string
	end      int64
	sequence uint64
}

// seenSeal takes a seal apart.
func seenSeal(r blockstore.InspectedRecord) (seal sealSeen, ok bool) {
	seal.sequence = r.Sequence
	for _, field := range r.Fields {
		switch field.Name {
		case "segment":
			seal.segment = fmt.Sprint(field.Value)
		case "end":
			seal.end, _ = field.Value.(int64)
		}
	}
	return seal, r.Record == "seal"
}

// chooseFlips takes a few blocks of every segment's file on these drives, spread over the file, and in each of them
// the byte in the middle of what it holds.
func chooseFlips(sound map[string][]blockstore.InspectedBlock, root string, drives ...string) (flips []flip) {
	for _, name := range drives {
		for path, blocks := range sound {
			if filepath.Dir(filepath.Dir(path)) != filepath.Join(root, name) {
				continue
			}
			slices.SortFunc(blocks, func(a, b blockstore.InspectedBlock) int { return int(a.Stripe) - int(b.Stripe) })
			n := min(flipsPerFile, len(blocks))
			for i := range n {
				b := blocks[i*len(blocks)/n]
				kind := drive.Bulk
				if b.Kind == drive.Journal.String() {
					kind = drive.Journal
				}
				middle := drive.PayloadStart(kind, b.DataColumns, b.M, b.Length) + b.Length/2
				flips = append(flips, flip{path: path, offset: b.Offset + int64(middle)})
			}
		}
	}
	return flips
}

// do changes the byte, and syncs: a scrub reads the drive, not the page cache.
func (f *flip) do() error {
	file, b, err := f.read(os.O_RDWR)
	if err != nil {
		return err
	}
	defer file.Close()
	f.was = b
	if _, err := file.WriteAt([]byte{^b}, f.offset); err != nil {
		return err
	}
	return file.Sync()
}

// check wants the byte to be what it was.
func (f *flip) check() error {
	file, b, err := f.read(os.O_RDONLY)
	if err != nil {
		return err
	}
	defer file.Close()
	if b != f.was {
		return fmt.Errorf("%s: the byte at %d was flipped, and is not what it was", f.path, f.offset)
	}
	return nil
}

// read opens the file, which is to be closed, and reads the byte.
func (f *flip) read(flag int) (*os.File, byte, error) {
	file, err := os.OpenFile(f.path, flag, 0)
	if err != nil {
		return nil, 0, err
	}
	b := make([]byte, 1)
	if _, err := file.ReadAt(b, f.offset); err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, b[0], nil
}
