package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/urfave/cli/v2"
)

// action is what most commands do: count their arguments, read them, and only then make a client and let do use it. So
// wrong usage is told before anything else that may be wrong.
func action[T any](open func(*cli.Context) (*client, error), least, most int, read func(c *cli.Context, args []string) (T, error),
	do func(c *cli.Context, cl *client, got T) error,
) cli.ActionFunc {
	return func(c *cli.Context) error {
		args, err := takes(c, least, most)
		if err != nil {
			return err
		}
		got, err := read(c, args)
		if err != nil {
			return err
		}
		cl, err := open(c)
		if err != nil {
			return err
		}
		defer cl.close()
		return do(c, cl, got)
	}
}

// plainAdmin is action for commands without arguments that ask the admin listener.
func plainAdmin(do func(c *cli.Context, cl *client) error) cli.ActionFunc {
	nothing := func(*cli.Context, []string) (struct{}, error) { return struct{}{}, nil }
	return action(adminClient, 0, 0, nothing, func(c *cli.Context, cl *client, _ struct{}) error { return do(c, cl) })
}

// objectName is BUCKET/KEY taken apart.
type objectName struct{ bucket, key string }

func (n objectName) path() string {
	if n.key == "" {
		return "/" + n.bucket
	}
	return "/" + n.bucket + "/" + n.key
}

// readObject makes of splitObject, needKey and their like what action wants.
func readObject(split func(arg string) (bucket, key string, err error)) func(*cli.Context, []string) (objectName, error) {
	return func(_ *cli.Context, args []string) (n objectName, err error) {
		n.bucket, n.key, err = split(args[0])
		return n, err
	}
}

// result prints what a command came to: v as JSON if that is wanted, else the line.
func (con *console) result(c *cli.Context, v any, format string, args ...any) error {
	if c.Bool("json") {
		return con.writeJSON(v)
	}
	_, err := fmt.Fprintf(con.out, format+"\n", args...)
	return err
}

// writeRaw prints the daemon's answer as one line of JSON, with the fields too that this client does not know.
func (con *console) writeRaw(raw []byte) error {
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		return fmt.Errorf("the daemon's answer: %w", err)
	}
	line.WriteByte('\n')
	_, err := con.out.Write(line.Bytes())
	return err
}
