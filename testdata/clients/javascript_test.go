package clients

import (
	"os"
	"path/filepath"
	"testing"
)

// TestJavaScript runs javascript.mjs with the SDK that package-lock.json names.
func TestJavaScript(t *testing.T) {
	t.Parallel()
	node := wants(t, "node", "Debian's nodejs")
	script, err := filepath.Abs("javascript.mjs")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("node_modules/@aws-sdk/client-s3"); err != nil {
		missing(t, "@aws-sdk/client-s3 is not here; `npm ci` in testdata/clients installs it")
	}
	eachWay(t, func(t *testing.T, d *daemon) {
		w := newWorkplace(t, d)
		w.steps(t, node, script, d.endpoint, w.home)
	})
}
