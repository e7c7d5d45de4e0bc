package blockstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// isLabel says whether a file is a label, by how it begins or by its name.
func (in *inspection) isLabel(path string) (bool, error) {
	head, err := readHead(in.fs, path, int64(len(drive.LabelMagic)))
	if err != nil {
		return false, err
	}
	return string(head) == drive.LabelMagic || in.fs.PathBase(path) == drive.LabelName, nil
}

// readHead reads the first n bytes of a file, or what there is of them.
func readHead(fsys vfs.FS, path string, n int64) ([]byte, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, n))
	return b, errors.Join(err, f.Close())
}

// label shows a label, whatever is wrong with it.
func (in *inspection) label(path string) error {
	doc := InspectedLabel{Type: "label", Path: path}
	b, err := readHead(in.fs, path, drive.MaxLabelBytes+1)
	var l drive.Label
	if err == nil {
		l, err = drive.DecodeLabel(b)
	}
	if err != nil {
		doc.Error = err.Error()
		return in.see(doc)
	}
	doc.Pool, doc.Drive, doc.CreatedUnix, doc.ReservedEpoch = l.Pool, l.Drive, l.CreatedUnix, l.Reserved
	doc.Epoch, doc.Parity, doc.Width, doc.SegmentBytes = l.Epoch, l.Parity, l.Width, l.SegmentBytes
	doc.Features = l.Features
	doc.CheckpointLSN, doc.FirstLSN, doc.LastLSN, doc.Floor = l.Checkpoint.LSN, l.Checkpoint.First, l.Checkpoint.Last, l.Floor
	doc.Members, doc.OldMembers = inspectedMembers(l.Members), inspectedMembers(l.Old)
	return in.see(doc)
}

func inspectedMembers(members []drive.Member) []InspectedMember {
	var list []InspectedMember
	for _, m := range members {
		list = append(list, InspectedMember{m.ID, m.Slot, m.State.String(), m.Joined, m.NonVoting})
	}
	return list
}

// catalog counts what a replica holds. What opening it changes stays in memory.
func (in *inspection) catalog(dir string) error {
	names, err := in.fs.List(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(names) == 0 {
		return nil // most drives hold none
	}
	doc := InspectedCatalog{Type: "catalog", Path: dir}
	var s catalog.Summary
	if err == nil {
		s, err = summarize(in.fs, dir)
	}
	if err != nil {
		doc.Error = err.Error()
		return in.see(doc)
	}
	doc.LSN, doc.Objects, doc.Bytes, doc.Building = s.LSN, s.Objects, s.Bytes, s.Building || s.LSN == 0
	doc.Entries, doc.Malformed = s.Entries, s.Malformed
	if !doc.Building {
		doc.UID, doc.Digest = hexOf(s.UID), hexOf(s.Digest)
	}
	return in.see(doc)
}

func summarize(fsys vfs.FS, dir string) (catalog.Summary, error) {
	r, err := catalog.OpenReplica(catalog.Overlay(fsys), dir, catalog.ReplicaOptions{})
	if err != nil {
		return catalog.Summary{}, err
	}
	s, err := r.Summary()
	return s, errors.Join(err, r.Close())
}

func hexOf(n uint64) string { return fmt.Sprintf("%016x", n) }

// segments walks the files, those of one segment after another, and shows what
// batches they make.
func (in *inspection) segments() error {
	// Those of directories by segment, those given by themselves as they were given.
	slices.SortStableFunc(in.files, func(a, b segmentFile) int { return strings.Compare(a.name, b.name) })
	paths := in.alone
	for _, f := range in.files {
		paths = append(paths, f.path)
	}
	var group batchGroup
	defer group.close()
	of := ""
	for _, path := range paths {
		if name := in.segmentName(path); name != of {
			if err := in.batches(&group); err != nil {
				return err
			}
			group.close()
			of = name
		}
		w, err := in.walk(path)
		if err != nil {
			return err
		}
		group.files = append(group.files, w)
	}
	return in.batches(&group)
}

// segmentName says which files belong together: those of one segment by their
// first pages, or by their names.
func (in *inspection) segmentName(path string) string {
	page, err := readHead(in.fs, path, drive.FileHeaderBytes)
	if err == nil {
		if h, err := drive.DecodeFileHeader(page); err == nil {
			return h.Segment.String()
		}
	}
	return in.fs.PathBase(path) // the walk tells what is wrong
}
