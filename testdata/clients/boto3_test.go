package clients

import (
	"path/filepath"
	"testing"
)

// TestBoto3 runs boto3_client.py with Debian's Python, which has Debian's boto3.
func TestBoto3(t *testing.T) {
	t.Parallel()
	python := wants(t, "/usr/bin/python3", "Debian's python3-boto3")
	script, err := filepath.Abs("boto3_client.py")
	if err != nil {
		t.Fatal(err)
	}
	eachWay(t, func(t *testing.T, d *daemon) {
		w := newWorkplace(t, d)
		if _, _, err := w.try(python, "-c", "import boto3"); err != nil {
			missing(t, "boto3 is not here; it comes with Debian's python3-boto3")
		}
		w.steps(t, python, script, d.endpoint, w.home)
	})
}
