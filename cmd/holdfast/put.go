package main

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"
)

func putCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "put",
		Usage:     "store a file, or standard input",
		ArgsUsage: "FILE BUCKET[/KEY]",
		Description: "FILE - is standard input, of any length. Without a key the file's name is the key.\n" +
			"When it ends with 0 the object is on the drives, whole, and any M of them may fail.",
		Flags: clientFlags(
			&cli.StringFlag{Name: "content-type", Usage: "`TYPE` kept with the object", DefaultText: "by the file's name"},
			&cli.StringSliceFlag{Name: "meta", Usage: "`NAME=VALUE` kept with the object; may be given again"},
		),
		Action: func(c *cli.Context) error { return putAction(c, con) },
	}
}

func putAction(c *cli.Context, con *console) error {
	args, err := takes(c, 2, 2)
	if err != nil {
		return err
	}
	file := args[0]
	bucket, key, err := splitObject(args[1])
	if err != nil {
		return err
	}
	if key == "" {
		if file == "-" {
			return usagef("standard input has no name: BUCKET/KEY is wanted")
		}
		key = filepath.Base(file)
	}
	header, err := putHeader(c, file)
	if err != nil {
		return err
	}
	body, length, err := openSource(con, file)
	if err != nil {
		return err
	}
	defer body.Close()
	cl, err := objectClient(c)
	if err != nil {
		return err
	}
	defer cl.close()

	sent := &countingHash{hash: md5.New()}
	bar := newMeter(con.err, printable(key), length)
	head, err := cl.put(c.Context, bucket, key, io.TeeReader(bar.reader(body), sent), length, header)
	bar.done(err)
	if err != nil {
		return err
	}
	// The ETag of a plain PUT is the MD5 of what arrived.
	if sum := hex.EncodeToString(sent.hash.Sum(nil)); len(head.ETag) == len(sum) && head.ETag != sum {
		return fmt.Errorf("%s/%s: the daemon stored other bytes than were sent (MD5 %s, sent %s)", bucket, key, head.ETag, sum)
	}
	head.Size = sent.n
	if c.Bool("json") {
		head.ContentType = header.Get("Content-Type")
		return con.writeJSON(head)
	}
	_, err = fmt.Fprintf(con.out, "stored %s/%s, %s\n", bucket, printable(key), size(head.Size))
	return err
}

func putHeader(c *cli.Context, file string) (http.Header, error) {
	header := make(http.Header)
	contentType := c.String("content-type")
	if contentType == "" {
		contentType = mime.TypeByExtension(filepath.Ext(file))
	}
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	header.Set("Content-Type", contentType)
	for _, pair := range c.StringSlice("meta") {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" || strings.ContainsFunc(name, func(r rune) bool { return !isTokenRune(r) }) {
			return nil, usagef("--meta %q: NAME=VALUE is wanted, the name of letters, digits, - and _", pair)
		}
		header.Set("x-amz-meta-"+name, value)
	}
	return header, nil
}

func isTokenRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_'
}

// openSource opens what is to be stored. The length is -1 where only the end will tell: pipes and the like.
func openSource(con *console, file string) (io.ReadCloser, int64, error) {
	if file == "-" {
		return io.NopCloser(con.in), -1, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = &fs.PathError{Op: "put", Path: file, Err: fmt.Errorf("is a directory")}
	case info.Mode().IsRegular():
		return f, info.Size(), nil
	default:
		return f, -1, nil
	}
	f.Close()
	return nil, 0, err
}

// countingHash takes what passes by into a hash and counts it.
type countingHash struct {
	hash interface {
		io.Writer
		Sum([]byte) []byte
	}
	n int64
}

func (h *countingHash) Write(p []byte) (int, error) {
	h.n += int64(len(p))
	return h.hash.Write(p)
}
