package catalog

// ApplyTogether replays one batch into replicas that are not in a Catalog yet, as
// Replica.Apply does into one; it returns the error of each. What the batch
// changes is computed once for all that stand at the same place: as in a Catalog,
// replicas of one LSN hold the same.
func ApplyTogether(replicas []*Replica, b Batch) []error {
	errs := make([]error, len(replicas))
	d, bad := decodeBatch(b)
	var from, to meta
	var repr []byte
	for i, r := range replicas {
		at := *r.meta.Load()
		switch {
		case b.LSN <= at.lsn:
			continue
		case bad != nil:
			errs[i] = bad
			continue
		case repr == nil || at != from:
			changes, m, err := r.prepare(d)
			if err != nil {
				errs[i] = err
				continue
			}
			repr, from, to = changes, at, m
		}
		errs[i] = r.commit(repr, to)
	}
	return errs
}
