package main

import (
	"net/http"

	"github.com/urfave/cli/v2"
)

func rmCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:        "rm",
		Usage:       "remove an object",
		ArgsUsage:   "BUCKET/KEY",
		Description: "Removing what is not there is no error, as in S3.",
		Flags:       clientFlags(),
		Action: action(objectClient, 1, 1, readObject(needKey), func(c *cli.Context, cl *client, o objectName) error {
			if err := cl.call(c.Context, http.MethodDelete, o.path()); err != nil {
				return err
			}
			return con.result(c, map[string]string{"bucket": o.bucket, "key": o.key}, "removed %s/%s", o.bucket, printable(o.key))
		}),
	}
}
