package catalog

import "errors"

// Summary is what a replica holds, counted.
type Summary struct {
	LSN, UID       uint64 // the last batch applied
	Objects, Bytes int64  // as the replica keeps count of them
	Building       bool   // it is being filled, and of no use yet
	Entries        map[string]int64
	Malformed      int64  // entries that do not decode
	Digest         uint64 // as Replica.Digest; 0 of one that is being filled
}

// Summary counts the replica's entries by kind, in FORMAT.md's words, and
// decodes each. Errors are Pebble's.
func (r *Replica) Summary() (Summary, error) {
	m := *r.meta.Load()
	s := Summary{LSN: m.lsn, UID: m.uid, Objects: m.objects, Bytes: m.bytes, Building: m.building, Entries: make(map[string]int64)}
	v, err := r.view()
	if errors.Is(err, errBuilding) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	defer func() { _ = v.close() }()
	var last []byte
	for {
		page, err := v.page(last, digestPage, "")
		if err != nil {
			return s, err
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			kind, _, err := DescribeEntry(e)
			s.Entries[kind]++
			if err != nil {
				s.Malformed++
			}
		}
		last = page[len(page)-1].Key
	}
	s.Digest, err = v.digest()
	return s, err
}
