package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/urfave/cli/v2"
)

func statCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "stat",
		Usage:     "say what is known about an object or a bucket",
		ArgsUsage: "BUCKET[/KEY]",
		Description: "Exit code 3 if there is no such object or bucket, so that a script can ask:\n" +
			"holdfast stat photos/cat.jpg >/dev/null || holdfast put cat.jpg photos/cat.jpg",
		Flags: clientFlags(),
		Action: action(objectClient, 1, 1, readObject(splitObject), func(c *cli.Context, cl *client, o objectName) error {
			if o.key == "" {
				if err := cl.call(c.Context, http.MethodHead, o.path()); err != nil {
					return missing(err, o.bucket)
				}
				return con.result(c, map[string]string{"bucket": o.bucket}, "bucket:   %s", o.bucket)
			}
			head, err := cl.head(c.Context, o.bucket, o.key)
			switch {
			case err != nil:
				return missing(err, o.bucket+"/"+o.key)
			case c.Bool("json"):
				return con.writeJSON(head)
			default:
				return printHead(con, head)
			}
		}),
	}
}

// missing turns "not found" into the answer no.
func missing(err error, what string) error {
	if isStatus(err, http.StatusNotFound) {
		return &noError{fmt.Sprintf("there is no %s", printable(what))}
	}
	return err
}

func printHead(con *console, h objectHead) error {
	fmt.Fprintf(con.out, "object:   %s/%s\nsize:     %s\n", h.Bucket, printable(h.Key), sizeWithBytes(h.Size))
	if h.Modified != nil {
		fmt.Fprintf(con.out, "modified: %s\n", h.Modified.Local().Format(time.RFC3339))
	}
	fmt.Fprintf(con.out, "etag:     %s\n", h.ETag)
	_, err := fmt.Fprintf(con.out, "type:     %s\n", printable(h.ContentType))
	for _, name := range slices.Sorted(maps.Keys(h.Meta)) {
		_, err = fmt.Fprintf(con.out, "meta:     %s=%s\n", printable(name), printable(h.Meta[name]))
	}
	return err
}
