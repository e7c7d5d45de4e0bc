package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
)

// tree is the demo's input: real files, in the order of their names.
type tree struct {
	root    string
	bytes   int64
	objects []*demoObject // the files
	tar     *demoObject   // all of them as one
}

// demoObject is one key and what may be found under it. One worker at a time has it.
type demoObject struct {
	key    string
	path   string // of the file, empty for the tar
	size   int64
	first  [sha256.Size]byte // of what the first round stored, acknowledged
	second [sha256.Size]byte // of what the second round sent
	sent   bool              // the second round has begun to send it
	acked  bool              // and it was acknowledged
}

// findTree walks root, by default the source of the Go that is installed here.
func findTree(ctx context.Context, root string) (*tree, error) {
	if root == "" {
		out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if err != nil {
			return nil, &hintError{fmt.Errorf("`go env GOROOT`: %w", err), "name another tree of files with --source DIR"}
		}
		root = filepath.Join(strings.TrimSpace(string(out)), "src")
	}
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, err
	}
	t := &tree{root: root, tar: &demoObject{key: demoTarKey}}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		t.objects = append(t.objects, &demoObject{key: "src/" + filepath.ToSlash(name), path: path, size: info.Size()})
		t.bytes += info.Size()
		return ctx.Err()
	})
	if err == nil && len(t.objects) == 0 {
		err = fmt.Errorf("%s: no files there", root)
	}
	return t, err
}

// spaceNeeded is generous: two rounds, the tar, parity (small files have two copies' worth of it), catalogs.
func (t *tree) spaceNeeded() uint64 {
	const perObject, rest = 32 << 10, 512 << 20
	return uint64(t.bytes)*8 + uint64(len(t.objects))*perObject*2 + rest
}

// all are the files and the tar.
func (t *tree) all() []*demoObject { return append(t.objects[:len(t.objects):len(t.objects)], t.tar) }

// second counts what the second round got acknowledged, and what it had begun and not.
func (t *tree) second() (acked, open int) {
	for _, o := range t.objects {
		switch {
		case o.acked:
			acked++
		case o.sent:
			open++
		}
	}
	return acked, open
}

// eachObject runs step for every object, demoWorkers at a time, and stops at the first error.
func eachObject(ctx context.Context, objects []*demoObject, step func(context.Context, *demoObject) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(demoWorkers)
	for _, o := range objects {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := step(ctx, o); err != nil {
				return fmt.Errorf("%s: %w", o.key, err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (d *demo) storeFirst(ctx context.Context, o *demoObject) error {
	body, err := os.ReadFile(o.path)
	if err != nil {
		return err
	}
	o.first = sha256.Sum256(body)
	_, err = d.client.put(ctx, demoBucket, o.key, bytes.NewReader(body), int64(len(body)), nil)
	return err
}

// storeSecond overwrites the object with the same file behind another first line.
func (d *demo) storeSecond(ctx context.Context, o *demoObject) error {
	body, err := os.ReadFile(o.path)
	if err != nil {
		return err
	}
	body = append([]byte("second round\n"), body...)
	o.second, o.sent = sha256.Sum256(body), true
	if _, err := d.client.put(ctx, demoBucket, o.key, bytes.NewReader(body), int64(len(body)), nil); err != nil {
		return err
	}
	o.acked = true
	return nil
}

// storeTar streams a tar of the tree as it is made: nobody knows its length before its end.
func (d *demo) storeTar(ctx context.Context) (int64, error) {
	bar := newMeter(d.con.err, d.tree.tar.key, -1)
	read, write := io.Pipe()
	made := make(chan error, 1)
	go func() {
		err := writeTar(write, d.tree)
		write.CloseWithError(err)
		made <- err
	}()
	sum := &countingHash{hash: sha256.New()}
	_, err := d.client.put(ctx, demoBucket, d.tree.tar.key, io.TeeReader(bar.reader(read), sum), -1, nil)
	read.CloseWithError(io.ErrClosedPipe) // so that the writer ends if the daemon did not take everything
	if tarErr := <-made; err == nil {
		err = tarErr
	}
	bar.done(err)
	d.tree.tar.size = sum.n
	copy(d.tree.tar.first[:], sum.hash.Sum(nil))
	return sum.n, err
}

func writeTar(w io.Writer, t *tree) error {
	buffered := bufio.NewWriterSize(w, 256<<10)
	archive := tar.NewWriter(buffered)
	for _, o := range t.objects {
		body, err := os.ReadFile(o.path)
		if err != nil {
			return err
		}
		if err := archive.WriteHeader(&tar.Header{Name: o.key, Mode: 0o644, Size: int64(len(body))}); err != nil {
			return err
		}
		if _, err := archive.Write(body); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return buffered.Flush()
}

// compare reads the object and says which round's it is, 1 or 2. What was acknowledged last must be there; what was
// under way when the daemon was killed may be there whole, or not at all with the version before it whole.
func (d *demo) compare(ctx context.Context, o *demoObject) (version int, err error) {
	_, body, err := d.client.get(ctx, demoBucket, o.key)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, body)
	if err != nil {
		return 0, fmt.Errorf("after %d bytes: %w", n, err)
	}
	got := [sha256.Size]byte(hash.Sum(nil))
	switch {
	case got == o.first && !o.acked:
		return 1, nil
	case got == o.second && o.sent:
		return 2, nil
	case got == o.first:
		return 0, fmt.Errorf("LOST: the acknowledged second version is gone, the first is back")
	default:
		return 0, fmt.Errorf("DIFFERS: %d bytes with SHA-256 %x, stored were %x", n, got, o.first)
	}
}

// compareListing checks that the bucket lists exactly the keys that were stored.
func (d *demo) compareListing(ctx context.Context, all []*demoObject) (string, error) {
	want := make(map[string]bool, len(all))
	for _, o := range all {
		want[o.key] = true
	}
	for token := ""; ; {
		p, err := d.client.list(ctx, demoBucket, "", "", token, 0)
		if err != nil {
			return "", err
		}
		for _, o := range p.Objects {
			if !want[o.Key] {
				return "", fmt.Errorf("%s is listed twice, or was never stored", o.Key)
			}
			delete(want, o.Key)
		}
		if token = p.Next; token == "" {
			break
		}
	}
	for key := range want {
		return "", fmt.Errorf("%s and %d others are not listed", key, len(want)-1)
	}
	return fmt.Sprintf("%s, none missing, none too many", count(len(all), "key")), nil
}
