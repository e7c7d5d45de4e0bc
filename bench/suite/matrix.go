package suite

import (
	"context"

	"github.com/holdfast-storage/holdfast/bench"
)

func runFull(ctx context.Context, o Options) (bench.Result, error) {
	return run(ctx, o, goals())
}
