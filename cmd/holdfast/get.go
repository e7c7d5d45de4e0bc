package main

import (
	"bufio"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/google/uuid"
	"github.com/urfave/cli/v2"
)

func getCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "get",
		Usage:     "fetch an object into a file, or to standard output",
		ArgsUsage: "BUCKET/KEY [FILE]",
		Description: "FILE - is standard output. Without FILE, or with a directory, the key's last part is the name.\n" +
			"The file appears whole or not at all; one that was there is replaced.",
		Flags:  clientFlags(),
		Action: func(c *cli.Context) error { return getAction(c, con) },
	}
}

func getAction(c *cli.Context, con *console) error {
	args, err := takes(c, 1, 2)
	if err != nil {
		return err
	}
	bucket, key, err := needKey(args[0])
	if err != nil {
		return err
	}
	file := "."
	if len(args) == 2 {
		file = args[1]
	}
	if file == "-" && c.Bool("json") {
		return usagef("--json and - both want standard output")
	}
	if info, err := os.Stat(file); file != "-" && err == nil && info.IsDir() {
		name := path.Base(key)
		if name == "." || name == ".." || name == "/" {
			return usagef("%q ends in no name for a file: give one", key)
		}
		file = filepath.Join(file, name)
	}
	cl, err := objectClient(c)
	if err != nil {
		return err
	}
	defer cl.close()
	head, body, err := cl.get(c.Context, bucket, key)
	if err != nil {
		return err
	}
	defer body.Close()

	bar := newMeter(con.err, printable(key), head.Size)
	if file == "-" {
		err = receive(con.out, bar.reader(body), &head)
	} else {
		err = saveFile(file, func(w io.Writer) error { return receive(w, bar.reader(body), &head) })
	}
	bar.done(err)
	if err != nil {
		if c.Context.Err() != nil {
			return c.Context.Err()
		}
		return fmt.Errorf("%s/%s: %w", bucket, printable(key), err)
	}
	switch {
	case file == "-":
		return nil
	case c.Bool("json"):
		return con.writeJSON(struct {
			objectHead
			File string `json:"file"`
		}{head, file})
	default:
		_, err = fmt.Fprintf(con.out, "fetched %s, %s\n", file, size(head.Size))
		return err
	}
}

// receive copies the body to w, and checks its length and, where the ETag is an MD5, its bytes.
func receive(w io.Writer, body io.Reader, head *objectHead) error {
	got := &countingHash{hash: md5.New()}
	if _, err := io.Copy(w, io.TeeReader(body, got)); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			text := size(got.n)
			if head.Size >= 0 {
				text += " of " + size(head.Size)
			}
			return fmt.Errorf("the daemon stopped after %s", text)
		}
		return err
	}
	if head.Size < 0 {
		head.Size = got.n
	}
	if sum := hex.EncodeToString(got.hash.Sum(nil)); len(head.ETag) == len(sum) && head.ETag != sum {
		return fmt.Errorf("what arrived has MD5 %s, the object has %s", sum, head.ETag)
	}
	return nil
}

// saveFile lets write fill a new file beside the one wanted and puts it in that one's place, durable, only if all
// went well. The mode is what the umask leaves, as for any new file. What is there and no file (a pipe, a device) is
// written to as it is; behind a link, what it points to is replaced.
func saveFile(file string, write func(io.Writer) error) (err error) {
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target
	}
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(file, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	temp := filepath.Join(filepath.Dir(file), ".holdfast-"+uuid.NewString())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(temp)
		}
	}()
	buffered := bufio.NewWriterSize(f, 256<<10)
	if err := errors.Join(write(buffered), buffered.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, file); err != nil {
		return err
	}
	return syncDir(filepath.Dir(file))
}
