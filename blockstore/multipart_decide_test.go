package blockstore

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
)

// TestUploadsAreDecidedInOrder: of changes that one batch decides each sees what goes
// before it: whatever comes first counts, and what it makes impossible is refused (R5).
func TestUploadsAreDecidedInOrder(t *testing.T) {
	for name, c := range map[string]struct {
		calls []string // in the order of the log
		fail  []error
		want  string // of key "k" afterwards; "-": there is none
		left  bool   // the upload is still under way
	}{
		"complete, abort":                {[]string{"complete", "abort"}, []error{nil, ErrNoSuchUpload}, "ab", false},
		"abort, complete":                {[]string{"abort", "complete"}, []error{nil, ErrNoSuchUpload}, "-", false},
		"complete, complete":             {[]string{"complete", "complete"}, []error{nil, ErrNoSuchUpload}, "ab", false},
		"complete, part":                 {[]string{"complete", "part"}, []error{nil, ErrNoSuchUpload}, "ab", false},
		"abort, part":                    {[]string{"abort", "part"}, []error{nil, ErrNoSuchUpload}, "-", false},
		"part, complete":                 {[]string{"part", "complete"}, []error{nil, nil}, "xxb", false},
		"part, abort":                    {[]string{"part", "abort"}, []error{nil, nil}, "-", false},
		"abort, abort":                   {[]string{"abort", "abort"}, []error{nil, ErrNoSuchUpload}, "-", false},
		"put, complete if new":           {[]string{"put", "complete if new"}, []error{nil, ErrPrecondition}, "put", true},
		"complete if new, put if new":    {[]string{"complete if new", "put if new"}, []error{nil, ErrPrecondition}, "ab", false},
		"complete, amend the old":        {[]string{"put", "complete", "amend"}, []error{nil, nil, ErrPrecondition}, "ab", false},
		"create, delete bucket":          {[]string{"create elsewhere", "delete elsewhere"}, []error{nil, ErrBucketNotEmpty}, "-", true},
		"delete bucket, create":          {[]string{"delete elsewhere", "create elsewhere"}, []error{nil, ErrNoSuchBucket}, "-", true},
		"complete without, delete, more": {[]string{"complete none", "abort", "part"}, []error{ErrNoSuchPart, nil, ErrNoSuchUpload}, "-", false},
	} {
		t.Run(name, func(t *testing.T) {
			o, _ := ruleOptions(t, 2, 1)
			p := rulePool(t, o)
			must(t, p.CreateBucket(t.Context(), "elsewhere"))
			id := beginUpload(t, p, "k")
			putPart(t, p, "k", id, 1, []byte("a"))
			putPart(t, p, "k", id, 2, []byte("b"))
			absent := Condition{IfNoneMatch: []string{"*"}}
			completeIf := func(cond Condition) error {
				return second(p.CompleteUpload(t.Context(), "bucket", "k", id, CompleteOptions{Numbers: []int{1, 2}, If: cond, Finish: tagsOf}))
			}
			putIf := func(cond Condition) error {
				return second(p.Put(t.Context(), "bucket", "k", strings.NewReader("put"), PutOptions{Size: 3, If: cond}))
			}
			calls := map[string]func() error{
				"complete":         func() error { return completeIf(Condition{}) },
				"complete if new":  func() error { return completeIf(absent) },
				"abort":            func() error { return p.AbortUpload(t.Context(), "bucket", "k", id) },
				"part":             func() error { return second(tryPart(t.Context(), p, "k", id, 1, []byte("xx"))) },
				"put":              func() error { return putIf(Condition{}) },
				"put if new":       func() error { return putIf(absent) },
				"amend":            func() error { return p.SetSystem(t.Context(), "bucket", "k", 1, nil) },
				"create elsewhere": func() error { return second(p.CreateUpload(t.Context(), "elsewhere", "k", UploadOptions{})) },
				"delete elsewhere": func() error { return p.DeleteBucket(t.Context(), "elsewhere") },
			}
			var list []func() error
			var want []error
			for i, call := range c.calls {
				if call == "complete none" { // which is refused before it comes to the committer
					if _, err := tryComplete(t.Context(), p, "k", id, 1, 7); !errors.Is(err, c.fail[i]) {
						t.Errorf("%s: %v", call, err)
					}
					continue
				}
				list, want = append(list, calls[call]), append(want, c.fail[i])
			}
			before := p.batches.Load()
			for i, err := range oneBatch(p, list...) {
				if !errors.Is(err, want[i]) {
					t.Errorf("change %d of %q: %v, want %v", i, c.calls, err, want[i])
				}
			}
			if n := p.batches.Load() - before; n > 2 { // a completion that is begun anew is in the next one
				t.Errorf("%d batches decided it", n)
			}
			if got, err := getBytes(t.Context(), p, "bucket", "k"); c.want == "-" && !errors.Is(err, ErrNoSuchKey) || c.want != "-" && string(got) != c.want {
				t.Errorf("afterwards it is %q, want %q, %v", got, c.want, err)
			}
			if first, ok := strings.CutSuffix(c.want, "b"); ok {
				info, err := p.Stat(t.Context(), "bucket", "k")
				if want := partTag(1, []byte(first)) + "," + partTag(2, []byte("b")) + ","; err != nil || info.ETag != want {
					t.Errorf("its ETag is %q, want %q, %v", info.ETag, want, err)
				}
			}
			if _, err := p.Upload(t.Context(), "bucket", "k", id); c.left != (err == nil) {
				t.Errorf("the upload is under way: %t; %v", c.left, err)
			}
		})
	}
}

// TestAmendsAreDecidedInOrder: as above, of what is kept with an object.
func TestAmendsAreDecidedInOrder(t *testing.T) {
	o, _ := ruleOptions(t, 2, 1)
	p := rulePool(t, o)
	info, err := p.Put(t.Context(), "bucket", "k", strings.NewReader("x"), PutOptions{Size: 1, System: pairsOf("a", "1"), Meta: pairsOf("m", "2")})
	must(t, err)
	set := func(version uint64, pairs ...string) func() error {
		return func() error { return p.SetSystem(t.Context(), "bucket", "k", version, pairsOf(pairs...)) }
	}
	put := func() error {
		return second(p.Put(t.Context(), "bucket", "k", strings.NewReader("y"), PutOptions{Size: 1}))
	}
	remove := func() error { return second(p.Delete(t.Context(), "bucket", "k", Condition{})) }
	check := func(what string, got, want []error) {
		t.Helper()
		if !slices.EqualFunc(got, want, func(g, w error) bool { return errors.Is(g, w) }) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	check("two", oneBatch(p, set(info.Version, "z", "1", "b", "2"), set(info.Version, "c", "3", "a", "")), []error{nil, nil})
	now, err := p.Stat(t.Context(), "bucket", "k")
	must(t, err)
	info.System = pairsOf("a", "", "c", "3")
	if now.Version != info.Version || now.ETag != info.ETag || !now.Modified.Equal(info.Modified) || now.Size != 1 ||
		!slices.Equal(now.System, info.System) || !slices.Equal(now.Meta, info.Meta) {
		t.Errorf("%+v, want %+v", now, info)
	}
	check("over a put", oneBatch(p, put, set(info.Version)), []error{nil, ErrPrecondition})
	if now, err = p.Stat(t.Context(), "bucket", "k"); err != nil || now.System != nil {
		t.Errorf("%+v, %v", now, err)
	}
	check("below a put", oneBatch(p, set(now.Version, "a", "1"), put), []error{nil, nil})
	if now, err = p.Stat(t.Context(), "bucket", "k"); err != nil || now.System != nil {
		t.Errorf("%+v, %v", now, err)
	}
	check("of what was deleted", oneBatch(p, remove, set(now.Version)), []error{nil, ErrNoSuchKey})
	for what, err := range map[string]error{
		"no bucket":    p.SetSystem(t.Context(), "nobucket", "k", 1, nil),
		"pairs twice":  p.SetSystem(t.Context(), "bucket", "k", 1, pairsOf("a", "1", "a", "2")),
		"without name": p.SetSystem(t.Context(), "bucket", "", 1, nil),
	} {
		if !errors.Is(err, ErrNoSuchBucket) && !errors.Is(err, ErrInvalidName) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestCompleteJudgesWhatItStores: a part that is replaced between Finish and the
// commit is shown to Finish; if that goes on, nothing is made of it.
func TestCompleteJudgesWhatItStores(t *testing.T) {
	o, _ := ruleOptions(t, 2, 1)
	p := rulePool(t, o)
	id := beginUpload(t, p, "k")
	body := []byte("a")
	putPart(t, p, "k", id, 1, body)
	shown, replace := 0, 2
	opt := CompleteOptions{Numbers: []int{1}, Finish: func(parts []PartInfo) (Finished, error) {
		if shown++; parts[0].ETag != partTag(1, body) {
			t.Errorf("time %d: shown %+v", shown, parts)
		}
		if shown <= replace {
			body = append(body, 'a')
			putPart(t, p, "k", id, 1, body)
		}
		return Finished{ETag: parts[0].ETag}, nil
	}}
	info, err := p.CompleteUpload(t.Context(), "bucket", "k", id, opt)
	if err != nil || shown != 3 || info.ETag != "1-3" || info.Size != 3 {
		t.Errorf("%+v after %d times, %v", info, shown, err)
	}
	wantBytes(t, p, "bucket", "k", []byte("aaa"))

	id = beginUpload(t, p, "other")
	putPart(t, p, "other", id, 1, body)
	opt.Finish = func([]PartInfo) (Finished, error) {
		putPart(t, p, "other", id, 1, body)
		return Finished{}, nil
	}
	if _, err := p.CompleteUpload(t.Context(), "bucket", "other", id, opt); !errors.Is(err, ErrBusy) {
		t.Errorf("a part that is replaced all the time: %v", err)
	}
	refused := errors.New("refused")
	opt.Finish = func([]PartInfo) (Finished, error) { return Finished{}, refused }
	if _, err := p.CompleteUpload(t.Context(), "bucket", "other", id, opt); !errors.Is(err, refused) {
		t.Errorf("what Finish refuses: %v", err)
	}
	complete(t, p, "other", id, 1)
}

// TestUploadsAreNamedRight: what names no upload, no part or no key is refused, and
// nothing is read for it.
func TestUploadsAreNamedRight(t *testing.T) {
	o, _ := ruleOptions(t, 2, 1)
	p := rulePool(t, o)
	id := beginUpload(t, p, "k")
	putPart(t, p, "k", id, 1, nil)
	ctx := t.Context()
	for _, bad := range []string{"", "1", "zz", strings.ToUpper("000000000000abcd"), "+" + id[1:], id + "0", "0000000000000000", "ffffffffffffffff"} {
		for what, err := range map[string]error{
			"looking":    second(p.Upload(ctx, "bucket", "k", bad)),
			"listing":    third(p.Parts(ctx, "bucket", "k", bad, 0, 1)),
			"a part":     second(p.PutPart(ctx, "bucket", "k", bad, 1, unread{t}, PartOptions{Size: 1})),
			"completing": second(tryComplete(ctx, p, "k", bad, 1)),
			"aborting":   p.AbortUpload(ctx, "bucket", "k", bad),
		} {
			if !errors.Is(err, ErrNoSuchUpload) {
				t.Errorf("%s, id %q: %v", what, bad, err)
			}
		}
	}
	long := strings.Repeat("x", keyBytesMax+1)
	for what, c := range map[string]struct{ err, want error }{
		"another key":          {second(p.Upload(ctx, "bucket", "other", id)), ErrNoSuchUpload},
		"no bucket":            {second(p.Upload(ctx, "nobucket", "k", id)), ErrNoSuchBucket},
		"begin in no bucket":   {second(p.CreateUpload(ctx, "nobucket", "k", UploadOptions{})), ErrNoSuchBucket},
		"begin a long key":     {second(p.CreateUpload(ctx, "bucket", long, UploadOptions{})), ErrKeyTooLong},
		"begin, pairs twice":   {second(p.CreateUpload(ctx, "bucket", "k", UploadOptions{Meta: pairsOf("a", "", "a", "")})), ErrInvalidName},
		"list no bucket":       {second(p.Uploads(ctx, "nobucket", UploadsOptions{Max: 1})), ErrNoSuchBucket},
		"list after no upload": {second(p.Uploads(ctx, "bucket", UploadsOptions{Max: 1, AfterKey: "k", AfterID: "x"})), ErrNoSuchUpload},
		"part 0":               {second(p.PutPart(ctx, "bucket", "k", id, 0, unread{t}, PartOptions{})), ErrNoSuchPart},
		"part 10001":           {second(p.PutPart(ctx, "bucket", "k", id, 10001, unread{t}, PartOptions{})), ErrNoSuchPart},
		"complete without":     {second(tryComplete(ctx, p, "k", id)), ErrNoSuchPart},
		"complete descending":  {second(tryComplete(ctx, p, "k", id, 2, 1)), ErrNoSuchPart},
		"complete twice":       {second(tryComplete(ctx, p, "k", id, 1, 1)), ErrNoSuchPart},
		"complete 10001":       {second(tryComplete(ctx, p, "k", id, 10001)), ErrNoSuchPart},
		"complete an absent":   {second(tryComplete(ctx, p, "k", id, 1, 2)), ErrNoSuchPart},
		"complete, a long tag": {second(p.CompleteUpload(ctx, "bucket", "k", id, CompleteOptions{Numbers: []int{1}, Finish: func([]PartInfo) (Finished, error) { return Finished{ETag: long}, nil }})), ErrInvalidName},
		"part, a long tag":     {second(p.PutPart(ctx, "bucket", "k", id, 1, strings.NewReader(""), PartOptions{Finish: func() (Finished, error) { return Finished{ETag: long}, nil }})), catalog.ErrRecord},
		"part, too short":      {second(p.PutPart(ctx, "bucket", "k", id, 1, strings.NewReader("x"), PartOptions{Size: 2})), ErrBodySize},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", what, c.err, c.want)
		}
	}
	complete(t, p, "k", id, 1)
}

// unread is a body that nobody should read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("a body was read that is for nothing")
	return 0, errors.New("read")
}
