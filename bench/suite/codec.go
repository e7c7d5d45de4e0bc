package suite

import (
	"context"
	"strings"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/engine"
)

// codecSeconds is what the erasure code's cells take.
const codecSeconds = 5

func codecWanted(only string) bool { return strings.Contains(layerCodec, strings.ToLower(only)) }

// codec measures the erasure code alone, of the pools that are measured.
func (s *stage) codec(ctx context.Context) (cells []bench.Cell, err error) {
	s.family = family{name: layerCodec, seconds: codecSeconds}
	sides, err := engine.Codec(s.data, s.parity)
	if err != nil {
		return nil, err
	}
	list, err := bench.InTurn(ctx, s.turns(matrixSpan), sides...)
	if err != nil {
		return nil, err
	}
	for _, series := range list {
		cells = append(cells, bench.Cell{Layer: layerCodec, State: healthy, Operation: series.Name, Size: perOp(series), Clients: 1, Series: series})
	}
	return cells, nil
}

// perOp is the size of what an operation is about.
func perOp(s bench.Series) int64 {
	for _, sample := range s.Samples {
		if sample.Ops > 0 {
			return sample.Bytes / sample.Ops
		}
	}
	return 0
}
