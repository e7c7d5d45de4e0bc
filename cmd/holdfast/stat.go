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
		Action: func(c *cli.Context) error {
			args, err := takes(c, 1, 1)
			if err != nil {
				return err
			}
			bucket, key, err := splitObject(args[0])
			if err != nil {
				return err
			}
			cl, err := objectClient(c)
			if err != nil {
				return err
			}
			defer cl.close()
			if key == "" {
				err = cl.call(c.Context, http.MethodHead, "/"+bucket)
				if err != nil {
					return missing(err, bucket)
				}
				if c.Bool("json") {
					return con.writeJSON(map[string]string{"bucket": bucket})
				}
				_, err = fmt.Fprintf(con.out, "bucket:   %s\n", bucket)
				return err
			}
			head, err := cl.head(c.Context, bucket, key)
			if err != nil {
				return missing(err, bucket+"/"+key)
			}
			if c.Bool("json") {
				return con.writeJSON(head)
			}
			return printHead(con, head)
		},
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
