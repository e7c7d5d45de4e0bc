package blockstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// beginUpload begins an upload into bucket "bucket".
func beginUpload(t *testing.T, p *Pool, key string) (id string) {
	t.Helper()
	id, err := p.CreateUpload(t.Context(), "bucket", key, UploadOptions{
		ContentType: "text/plain", Meta: pairsOf("z", "1", "a", "2"), System: pairsOf("Cache-Control", "no-store"),
	})
	must(t, err)
	return id
}

// putPart stores a part whose ETag tells its number and size.
func putPart(t *testing.T, p *Pool, key, id string, number int, body []byte) PartInfo {
	t.Helper()
	info, err := tryPart(t.Context(), p, key, id, number, body)
	if err != nil {
		t.Fatalf("part %d of %s: %v", number, key, err)
	}
	return info
}

func tryPart(ctx context.Context, p *Pool, key, id string, number int, body []byte) (PartInfo, error) {
	return p.PutPart(ctx, "bucket", key, id, number, bytes.NewReader(body), PartOptions{
		Size: int64(len(body)), Finish: func() (Finished, error) {
			return Finished{ETag: partTag(number, body), System: pairsOf("x-sum", partTag(number, body))}, nil
		},
	})
}

func partTag(number int, body []byte) string { return fmt.Sprintf("%d-%d", number, len(body)) }

func complete(t *testing.T, p *Pool, key, id string, numbers ...int) ObjectInfo {
	t.Helper()
	info, err := tryComplete(t.Context(), p, key, id, numbers...)
	if err != nil {
		t.Fatalf("completing %s: %v", key, err)
	}
	return info
}

func tryComplete(ctx context.Context, p *Pool, key, id string, numbers ...int) (ObjectInfo, error) {
	return p.CompleteUpload(ctx, "bucket", key, id, CompleteOptions{Numbers: numbers, Finish: tagsOf})
}

// tagsOf makes an ETag of the parts'.
func tagsOf(parts []PartInfo) (done Finished, err error) {
	for _, part := range parts {
		done.ETag += part.ETag + ","
	}
	return done, nil
}

// TestMultipart is one upload from its beginning to a restart behind its end.
func TestMultipart(t *testing.T) {
	p, o, _ := poolWithBucket(t, 6, nil)
	sizes := []int{5 << 20, 300_000, 70_000, 300, 0, 1}
	id := beginUpload(t, p, "k")
	up, err := p.Upload(t.Context(), "bucket", "k", id)
	must(t, err)
	if up.Key != "k" || up.ID != id || up.ContentType != "text/plain" || up.Created.IsZero() ||
		!slices.Equal(up.Meta, pairsOf("a", "2", "z", "1")) || !slices.Equal(up.System, pairsOf("Cache-Control", "no-store")) {
		t.Errorf("%+v", up)
	}
	var want []byte
	var numbers []int
	for i, n := range sizes {
		number := 3*i + 1
		body := randomBody(uint64(i), n)
		putPart(t, p, "k", id, number, randomBody(99, n/2)) // which another one replaces
		info := putPart(t, p, "k", id, number, body)
		if info.Number != number || info.Size != int64(n) || info.ETag != partTag(number, body) || info.Modified.IsZero() || len(info.System) != 1 {
			t.Errorf("%+v", info)
		}
		want, numbers = append(want, body...), append(numbers, number)
	}
	putPart(t, p, "k", id, 10000, []byte("not named"))

	parts, more, err := p.Parts(t.Context(), "bucket", "k", id, 4, 2)
	if err != nil || !more || len(parts) != 2 || parts[0].Number != 7 || parts[1].Number != 10 || parts[1].ETag != "10-300" {
		t.Errorf("%+v, %v, %v", parts, more, err)
	}
	if parts, more, err = p.Parts(t.Context(), "bucket", "k", id, 16, 1000); err != nil || more || len(parts) != 1 {
		t.Errorf("%+v, %v, %v", parts, more, err)
	}
	if err := p.DeleteBucket(t.Context(), "bucket"); !errors.Is(err, ErrBucketNotEmpty) {
		t.Errorf("a bucket with an upload: %v", err)
	}
	info := complete(t, p, "k", id, numbers...)
	check := func(info ObjectInfo) {
		t.Helper()
		if info.Size != int64(len(want)) || info.ETag == "" || info.ContentType != "text/plain" || len(info.Meta) != 2 || len(info.Parts) != len(sizes) ||
			!slices.Equal(info.System, pairsOf("Cache-Control", "no-store")) {
			t.Fatalf("%+v", info)
		}
		for i, part := range info.Parts {
			if part.Number != numbers[i] || part.Size != int64(sizes[i]) || len(part.System) != 1 {
				t.Errorf("part %d: %+v", i, part)
			}
		}
		wantBytes(t, p, "bucket", "k", want)
	}
	check(info)
	for what, err := range map[string]error{
		"completing again": second(tryComplete(t.Context(), p, "k", id, numbers...)),
		"a part more":      second(tryPart(t.Context(), p, "k", id, 1, nil)),
		"aborting":         p.AbortUpload(t.Context(), "bucket", "k", id),
		"looking":          second(p.Upload(t.Context(), "bucket", "k", id)),
		"listing":          third(p.Parts(t.Context(), "bucket", "k", id, 0, 10)),
	} {
		if !errors.Is(err, ErrNoSuchUpload) {
			t.Errorf("%s: %v", what, err)
		}
	}
	must(t, p.Close(t.Context()))
	o.Init = false
	p = openPool(t, o)
	info, err = p.Stat(t.Context(), "bucket", "k")
	must(t, err)
	check(info)
}

func second[T any](_ T, err error) error        { return err }
func third[T, U any](_ T, _ U, err error) error { return err }

// pairsOf makes pairs of names and values in turn.
func pairsOf(s ...string) (list []Pair) {
	for i := 0; i < len(s); i += 2 {
		list = append(list, Pair{Name: s[i], Value: s[i+1]})
	}
	return list
}
