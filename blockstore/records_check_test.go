package blockstore

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/yield"
)

// recordsOf are the records of a batch, the last of which has that version.
func recordsOf(version uint64, rec catalog.Record) (lsn uint64, b []byte) {
	for range version & 0xffff {
		b = catalog.AppendRecord(b, &catalog.Setting{Name: "filler"})
	}
	return version >> 16, catalog.AppendRecord(b, rec)
}

func TestRecordsAreHeldAgainstTheCatalog(t *testing.T) {
	w := filled(t, shape{2, 1, 3}, 8)
	w.mustPut(t, "k001", 5) // again: the first version is past
	bucket, now := w.entry(t, "k001")
	_, old := w.entry(t, "k000")
	extents := []catalog.Extent{now.Extents[0]}
	upload := w.forge(t, &catalog.UploadCreate{Bucket: bucket, Key: "upload"})
	part := catalog.PartPut{Bucket: bucket, Key: "upload", Upload: upload, Number: 2, Size: extents[0].Length, ETag: "e", Checksum: catalog.Checksum{Sum: 7}, Body: catalog.Body{Extents: extents}}
	partVersion := w.forge(t, &part)
	put := func(key string, change func(*catalog.Object)) *catalog.Put {
		o := catalog.Object{Size: now.Size, ETag: now.ETag, Checksum: now.Checksum}
		if change != nil {
			change(&o)
		}
		return &catalog.Put{Bucket: bucket, Key: key, Object: o, Body: catalog.Body{Inline: o.Size > 0, Size: o.Size}}
	}
	same := func(change func(*catalog.PartPut)) *catalog.PartPut {
		p := part
		change(&p)
		return &p
	}
	newer := max(now.Version, partVersion) // but of another key
	for name, c := range map[string]struct {
		version uint64
		rec     catalog.Record
		object  string // in the finding; empty: there is none
	}{
		"as it is":                {now.Version, put("k001", nil), ""},
		"another size":            {now.Version, put("k001", func(o *catalog.Object) { o.Size++ }), "k001"},
		"another ETag":            {now.Version, put("k001", func(o *catalog.Object) { o.ETag += "x" }), "k001"},
		"another checksum":        {now.Version, put("k001", func(o *catalog.Object) { o.Checksum.Sum++ }), "k001"},
		"another form of it":      {now.Version, put("k001", func(o *catalog.Object) { o.Checksum.Leaves = false }), "k001"},
		"replaced since":          {old.Version, put("k001", func(o *catalog.Object) { o.Size++ }), ""},
		"older in the catalog":    {newer, put("k000", nil), "k000"},
		"deleted since":           {now.Version, put("nokey", nil), ""},
		"not applied yet":         {(w.p.catalog.Applied() + 1) << 16, put("k000", nil), ""},
		"a part as it is":         {partVersion, &part, ""},
		"a part with another tag": {partVersion, same(func(p *catalog.PartPut) { p.ETag = "f" }), "upload"},
		"a part that was older":   {upload, same(func(p *catalog.PartPut) { p.Checksum.Sum++ }), ""},
		"a part of no upload":     {partVersion, same(func(p *catalog.PartPut) { p.Upload++ }), ""},
	} {
		lsn, records := recordsOf(c.version, c.rec)
		var want []string
		if c.object != "" {
			want = []string{"bucket/" + c.object}
		}
		var got []string
		for _, f := range w.p.checkRecords(t.Context(), w.p.gate.Begin(yield.Routine), lsn, records) {
			if f.Kind != FindingRecord || f.Column != -1 || f.Mended {
				t.Errorf("%s: %+v", name, f)
			}
			got = append(got, f.Objects...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: found %q, want %q", name, got, want)
		}
	}
	if list := w.p.checkRecords(t.Context(), w.p.gate.Begin(yield.Routine), 1, []byte{0xff}); len(list) != 1 || list[0].Kind != FindingRecord {
		t.Errorf("what does not decode: %+v", list)
	}
}

// TestScrubHoldsTheJournalAgainstTheCatalog puts an older entry into all replicas
// of the catalog: walking over the journal tells.
func TestScrubHoldsTheJournalAgainstTheCatalog(t *testing.T) {
	w := filled(t, shape{2, 1, 3}, 8)
	bucket, _ := w.entry(t, "k001")
	entry := func(key string) []byte {
		return append(binary.BigEndian.AppendUint64([]byte{'o'}, bucket), key...)
	}
	dirs, _ := w.replicaDirs(t)
	w.tamper(t, func(db *pebble.DB) error {
		v, closer, err := db.Get(entry("k001"))
		if err != nil {
			return err
		}
		v = bytes.Clone(v)
		return errors.Join(closer.Close(), db.Set(entry("k004"), v, pebble.Sync))
	}, dirs...)
	r := mendAll(t, w.p, MendOptions{Records: true})
	if len(r.Findings) != 1 || r.Findings[0].Kind != FindingRecord || !slices.Equal(r.Findings[0].Objects, []string{"bucket/k004"}) || r.Findings[0].Segment == 0 {
		t.Errorf("%+v", r.Findings)
	}
}

// TestScrubTellsOfManyBatchesInOrder: batches that are held against the catalog beside each
// other are told of in the journal's order, and none is left out, the last ones neither.
func TestScrubTellsOfManyBatchesInOrder(t *testing.T) {
	const objects = 24
	w := filled(t, shape{2, 1, 3}, objects)
	bucket, _ := w.entry(t, "k000")
	entry := func(i int) []byte {
		return fmt.Appendf(binary.BigEndian.AppendUint64([]byte{'o'}, bucket), "k%03d", i)
	}
	dirs, _ := w.replicaDirs(t)
	w.tamper(t, func(db *pebble.DB) error {
		v, closer, err := db.Get(entry(0))
		if err != nil {
			return err
		}
		v = bytes.Clone(v)
		errs := []error{closer.Close()}
		for i := 1; i < objects; i++ {
			errs = append(errs, db.Set(entry(i), v, pebble.Sync))
		}
		return errors.Join(errs...)
	}, dirs...)
	r := mendAll(t, w.p, MendOptions{Records: true})
	var got []string
	for i, f := range r.Findings {
		got = append(got, f.Objects...)
		if i > 0 && cmp.Or(cmp.Compare(r.Findings[i-1].Segment, f.Segment), cmp.Compare(r.Findings[i-1].Stripe, f.Stripe)) > 0 {
			t.Errorf("%+v comes behind %+v", f, r.Findings[i-1])
		}
	}
	slices.Sort(got)
	if got = slices.Compact(got); len(r.Findings) != objects-1 || len(got) != objects-1 {
		t.Errorf("%d findings about %q", len(r.Findings), got)
	}
}
