package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

func lsCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "ls",
		Usage:     "list buckets, or the objects of one",
		ArgsUsage: "[BUCKET[/PREFIX]]",
		Description: "Names that go on behind the next / are shown once, as a folder; --recursive lists every object.\n" +
			"--json prints one object a line.",
		Flags: clientFlags(&cli.BoolFlag{Name: "recursive", Aliases: []string{"r"}, Usage: "list every object below the prefix"}),
		Action: func(c *cli.Context) (err error) {
			args, err := takes(c, 0, 1)
			if err != nil {
				return err
			}
			var bucket, prefix string
			if len(args) == 1 {
				if bucket, prefix, err = splitObject(args[0]); err != nil {
					return err
				}
			}
			cl, err := objectClient(c)
			if err != nil {
				return err
			}
			defer cl.close()
			buffered := bufio.NewWriter(con.out)
			defer func() { err = errors.Join(err, buffered.Flush()) }()
			out := &console{in: con.in, out: buffered, err: con.err}
			if bucket == "" {
				return listBuckets(c, out, cl)
			}
			return listObjects(c, out, cl, bucket, prefix)
		},
	}
}

func listBuckets(c *cli.Context, con *console, cl *client) error {
	buckets, err := cl.buckets(c.Context)
	if err != nil {
		return err
	}
	for _, b := range buckets {
		if c.Bool("json") {
			err = con.writeJSON(b)
		} else {
			err = listLine(con, b.Created, "-", b.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func listObjects(c *cli.Context, con *console, cl *client, bucket, prefix string) error {
	delimiter := "/"
	if c.Bool("recursive") {
		delimiter = ""
	}
	for token := ""; ; {
		p, err := cl.list(c.Context, bucket, prefix, delimiter, token, 0)
		if err != nil {
			return err
		}
		if err := printPage(con, c.Bool("json"), bucket, p); err != nil {
			return err
		}
		if token = p.Next; token == "" {
			return nil
		}
	}
}

// printPage prints objects and folders together, in the order of their names.
func printPage(con *console, asJSON bool, bucket string, p page) error {
	objects, prefixes := p.Objects, p.Prefixes
	for len(objects)+len(prefixes) > 0 {
		var err error
		if len(objects) == 0 || len(prefixes) > 0 && prefixes[0] < objects[0].Key {
			if asJSON {
				err = con.writeJSON(map[string]string{"bucket": bucket, "prefix": prefixes[0]})
			} else {
				err = listLine(con, time.Time{}, "-", prefixes[0])
			}
			prefixes = prefixes[1:]
		} else {
			o := objects[0]
			if asJSON {
				err = con.writeJSON(objectHead{Bucket: bucket, Key: o.Key, Size: o.Size, ETag: strings.Trim(o.ETag, `"`), Modified: &o.Modified})
			} else {
				err = listLine(con, o.Modified, size(o.Size), o.Key)
			}
			objects = objects[1:]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func listLine(con *console, when time.Time, amount, name string) error {
	stamp := strings.Repeat(" ", len("2006-01-02 15:04"))
	if !when.IsZero() {
		stamp = when.Local().Format("2006-01-02 15:04")
	}
	_, err := fmt.Fprintf(con.out, "%s  %9s  %s\n", stamp, amount, printable(name))
	return err
}
