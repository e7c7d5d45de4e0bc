package blockstore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// walkedFile is what walking a segment's file has shown: what the batches in it
// are put together from.
type walkedFile struct {
	f       vfs.File
	pool    uuid.UUID
	segment drive.SegmentID // 0: neither a good first page nor a block
	head    *drive.FileHeader
	blocks  []walkedBlock // of journal segments, those that count and hold
}

// walkedBlock is a block that counts and holds.
type walkedBlock struct {
	head  drive.Header // without Sums
	table uint64
}

// walk shows a segment's file. Errors: see's, and the file system's when the
// file cannot be opened.
func (in *inspection) walk(path string) (*walkedFile, error) {
	f, err := in.fs.Open(path)
	if err != nil {
		return nil, fmt.Errorf("inspect %s: %w", path, err)
	}
	fi, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("inspect %s: %w", path, err), f.Close())
	}
	w := &walker{ctx: in.ctx, path: path, name: in.fs.PathBase(path), size: fi.Size(), see: in.see, pages: pageReader{r: f}}
	w.file.f = f
	if err := w.run(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &w.file, nil
}

// walker goes through a segment's file from its first page to its end. Where no
// header of this file's segment and of this place stands, it looks in the next
// page, as recovery does: a bad block ends nothing (R9).
type walker struct {
	ctx  context.Context
	path string
	name string
	size int64
	see  func(any) error

	pages pageReader
	file  walkedFile
	sum   InspectedSum
	open  InspectedRange // gathers pages that are no block; Bytes 0: none
}

func (w *walker) run() error {
	w.sum = InspectedSum{Type: "sum", Path: w.path}
	if err := w.first(); err != nil {
		return err
	}
	var h drive.Header
	for off := int64(drive.FirstBlock); off < w.size; {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		page := w.pages.at(off, drive.PageBytes)
		n := min(drive.PageBytes, w.size-off)
		err := w.decode(off, page, &h)
		switch {
		case err == nil:
			next, err := w.block(off, &h)
			if err != nil {
				return err
			}
			off = next
			continue
		case w.pages.failed(off) != nil:
			err = w.gather("unreadable", off, n, w.pages.failed(off).Error())
		case errors.Is(err, drive.ErrNoBlock) && isZero(page):
			err = w.gather("hole", off, n, "")
		case errors.Is(err, drive.ErrNoBlock):
			err = w.gather("damage", off, n, "no block begins here")
		default:
			err = w.gather("damage", off, n, err.Error())
		}
		if err != nil {
			return err
		}
		off += drive.PageBytes
	}
	if err := w.flush(); err != nil {
		return err
	}
	if w.file.segment == 0 {
		if _, err := drive.ParseSegmentID(w.name); err != nil {
			return fmt.Errorf("%s: %w: it holds neither a good first page nor a block", w.path, ErrNotHoldfast)
		}
	}
	return w.see(w.sum)
}

// first shows the first page.
func (w *walker) first() error {
	doc := InspectedFile{Type: "file", Path: w.path, Bytes: w.size}
	h, err := drive.DecodeFileHeader(w.pages.at(0, drive.PageBytes))
	if bad := w.pages.failed(0); bad != nil {
		err = bad
	}
	if err != nil {
		doc.Error = err.Error()
		return w.see(doc)
	}
	w.file.head, w.file.pool, w.file.segment = &h, h.Pool, h.Segment
	doc.Kind, doc.Segment, doc.Index, doc.K, doc.M = h.Kind.String(), h.Segment.String(), h.Index, h.K, h.M
	doc.Pool, doc.Drive, doc.Drives = h.Pool, h.Drive, h.Drives
	return w.see(doc)
}

// decode reads the header at off, if one stands there.
func (w *walker) decode(off int64, page []byte, h *drive.Header) error {
	err := drive.DecodeHeader(page, h)
	var short drive.ErrTooShort
	if errors.As(err, &short) {
		err = drive.DecodeHeader(w.pages.at(off, short.Need), h)
	}
	return err
}

// block shows the block at off and says where to go on. Behind one that is bad
// or wrong that is the next good header within it, if there is one: one was
// written over the other.
func (w *walker) block(off int64, h *drive.Header) (next int64, err error) {
	if err := w.flush(); err != nil {
		return 0, err
	}
	doc := InspectedBlock{
		Type: "block", Path: w.path, Offset: off, Bytes: h.BlockBytes(), Kind: h.Kind.String(), Segment: h.Segment.String(),
		Stripe: h.Stripe, Column: h.Column, Parity: h.Column >= h.K, DataColumns: h.D, K: h.K, M: h.M,
		Length: h.Length, Pieces: h.Pieces(), Copy: h.Copy, Table: hexOf(tableHash(h.Sums)), Wrong: w.wrong(off, h),
	}
	if b := h.Batch; h.Kind == drive.Journal {
		doc.Batch = &InspectedPlace{b.LSN, hexOf(b.UID), b.StableLSN, hexOf(b.StableUID), b.Base, b.Prev.String(), b.Part, b.Parts}
	}
	start := int64(h.PayloadStart())
	payload, stored := w.pages.at(off, int(start)+h.Length)[start:], h.Stored()
	for piece := range h.Pieces() {
		at := piece * drive.PieceBytes
		if !h.CheckPiece(stored, piece, payload[at:at+h.PieceLen(piece)]) {
			doc.BadPieces = append(doc.BadPieces, piece)
		}
	}
	switch {
	case doc.Wrong != "":
		w.sum.WrongBlocks++
		next = w.within(off, h.BlockBytes())
	case len(doc.BadPieces) > 0:
		w.sum.BadBlocks++
		next = w.within(off, h.BlockBytes())
	default:
		w.sum.Blocks++
		next = off + h.BlockBytes()
		if h.Kind == drive.Journal {
			kept := walkedBlock{head: *h, table: tableHash(h.Sums)}
			kept.head.Sums = nil
			w.file.blocks = append(w.file.blocks, kept)
		}
	}
	return next, w.see(doc)
}

// wrong says why a good block does not count where it lies, or nothing. The
// first one says what a file without a good first page is of.
func (w *walker) wrong(off int64, h *drive.Header) string {
	if h.Offset != off {
		return fmt.Sprintf("it belongs at offset %d of segment %v", h.Offset, h.Segment)
	}
	if w.file.segment == 0 {
		w.file.pool, w.file.segment = h.Pool, h.Segment
	}
	head := w.file.head
	switch {
	case h.Pool != w.file.pool:
		return fmt.Sprintf("it is of pool %v", h.Pool)
	case h.Segment != w.file.segment:
		return fmt.Sprintf("it is of segment %v", h.Segment)
	case head != nil && (h.Kind != head.Kind || h.K != head.K || h.M != head.M):
		return "its kind or geometry is not that of the file"
	case head != nil && drive.FileOf(h.Column, h.Stripe, h.K+h.M) != head.Index:
		return fmt.Sprintf("it belongs in file %d of the segment", drive.FileOf(h.Column, h.Stripe, h.K+h.M))
	}
	return ""
}

// within finds the first block inside [off, off+n) that says it belongs there.
func (w *walker) within(off, n int64) int64 {
	var h drive.Header
	end := off + n
	for off += drive.PageBytes; off < min(end, w.size); off += drive.PageBytes {
		if w.decode(off, w.pages.at(off, drive.PageBytes), &h) == nil && w.wrong(off, &h) == "" {
			return off
		}
	}
	return end
}

// gather adds a page to the range that is open, or begins another.
func (w *walker) gather(kind string, off, n int64, text string) error {
	switch kind {
	case "hole":
		w.sum.HoleBytes += n
	case "damage":
		w.sum.DamagedBytes += n
	case "unreadable":
		w.sum.UnreadableBytes += n
	}
	if w.open.Bytes > 0 && w.open.Type == kind && w.open.Text == text && w.open.Offset+w.open.Bytes == off {
		w.open.Bytes += n
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	w.open = InspectedRange{Type: kind, Path: w.path, Offset: off, Bytes: n, Text: text}
	return nil
}

// flush shows the range that is open.
func (w *walker) flush() error {
	r := w.open
	w.open = InspectedRange{}
	if r.Bytes == 0 {
		return nil
	}
	return w.see(r)
}

// pageReader reads a file forward in large steps. Behind the end, and where the
// drive cannot read, there are zeros; it knows which pages those were.
type pageReader struct {
	r    io.ReaderAt
	from int64
	buf  []byte
	bad  map[int64]error // pages of buf, by offset
}

const inspectChunk = 1 << 20

// at returns n bytes from off, a multiple of a page; valid until the next call.
func (p *pageReader) at(off int64, n int) []byte {
	if off < p.from || off+int64(n) > p.from+int64(len(p.buf)) {
		p.load(off, max(n, inspectChunk))
	}
	return p.buf[off-p.from:][:n]
}

func (p *pageReader) failed(off int64) error { return p.bad[off] }

func (p *pageReader) load(off int64, n int) {
	if len(p.buf) != n {
		p.buf = make([]byte, n)
	}
	p.from, p.bad = off, nil
	if p.read(p.buf, off) == nil {
		return
	}
	p.bad = make(map[int64]error)
	for i := 0; i < n; i += drive.PageBytes {
		page := p.buf[i:min(i+drive.PageBytes, n)]
		if err := p.read(page, off+int64(i)); err != nil {
			p.bad[off+int64(i)] = err
			clear(page)
		}
	}
}

func (p *pageReader) read(b []byte, off int64) error {
	n, err := p.r.ReadAt(b, off)
	if errors.Is(err, io.EOF) {
		clear(b[n:])
		return nil
	}
	return err
}
