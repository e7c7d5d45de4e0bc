package report

import (
	"errors"
	"io"

	"github.com/holdfast-storage/holdfast/bench"
)

// Page writes the result as a page: see the package's comment.
func Page(w io.Writer, r bench.Result) error {
	return errors.New("the page is not part of this build")
}
