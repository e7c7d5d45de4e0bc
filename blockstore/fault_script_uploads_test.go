package blockstore

import (
	"bytes"
	"context"
	"fmt"
)

// Steps of the fixed script about uploads and amends.

func (r *faultRun) begin(key string) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		if r.upload, err = r.pool.CreateUpload(ctx, faultBucket, key, UploadOptions{}); err != nil {
			return fmt.Errorf("begin an upload of %s: %w", key, err)
		}
		r.parts = nil
		return nil
	}
}

func (r *faultRun) part(key string, number int, seed uint64, n int) func(context.Context) error {
	return func(ctx context.Context) error {
		body := randomBody(seed, n)
		if _, err := r.pool.PutPart(ctx, faultBucket, key, r.upload, number, bytes.NewReader(body), PartOptions{Size: int64(n)}); err != nil {
			return fmt.Errorf("part %d of %s: %w", number, key, err)
		}
		r.parts = append(r.parts, body...)
		return nil
	}
}

func (r *faultRun) complete(key string) func(context.Context) error {
	return func(ctx context.Context) error {
		if _, err := r.pool.CompleteUpload(ctx, faultBucket, key, r.upload, CompleteOptions{Numbers: []int{1, 2}}); err != nil {
			return fmt.Errorf("complete %s: %w", key, err)
		}
		r.want[key] = r.parts
		return nil
	}
}

func (r *faultRun) amend(key string) func(context.Context) error {
	return func(ctx context.Context) error {
		info, err := r.pool.Stat(ctx, faultBucket, key)
		if err == nil {
			err = r.pool.SetSystem(ctx, faultBucket, key, info.Version, pairsOf("a", "b"))
		}
		if err != nil {
			return fmt.Errorf("amend %s: %w", key, err)
		}
		return nil
	}
}
