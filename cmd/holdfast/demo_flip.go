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

// soundBlocks are the blocks, by file, of all stripes that are whole: with every data and parity column. What a killed
// upload left behind half may not be whole; it is nobody's, and nothing that damage could be shown with.
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
	err := blockstore.Inspect(ctx, nil, files, func(doc any) error {
		if b, ok := doc.(blockstore.InspectedBlock); ok && b.Wrong == "" && len(b.BadPieces) == 0 {
			id := stripe{b.Segment, b.Stripe, b.Table}
			found[id] = append(found[id], b)
		}
		return nil
	})
	sound := make(map[string][]blockstore.InspectedBlock)
	for _, blocks := range found {
		if len(blocks) == blocks[0].DataColumns+blocks[0].M {
			for _, b := range blocks {
				sound[b.Path] = append(sound[b.Path], b)
			}
		}
	}
	return sound, err
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
	file, err := os.OpenFile(f.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	b := make([]byte, 1)
	if _, err := file.ReadAt(b, f.offset); err != nil {
		return err
	}
	f.was = b[0]
	b[0] ^= 0xff
	if _, err := file.WriteAt(b, f.offset); err != nil {
		return err
	}
	return file.Sync()
}

// check wants the byte to be what it was.
func (f *flip) check() error {
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer file.Close()
	b := make([]byte, 1)
	if _, err := file.ReadAt(b, f.offset); err != nil {
		return err
	}
	if b[0] != f.was {
		return fmt.Errorf("%s: the byte at %d was flipped, and is not what it was", f.path, f.offset)
	}
	return nil
}
