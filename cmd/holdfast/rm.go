package main

import (
	"fmt"
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
		Action: func(c *cli.Context) error {
			args, err := takes(c, 1, 1)
			if err != nil {
				return err
			}
			bucket, key, err := needKey(args[0])
			if err != nil {
				return err
			}
			cl, err := objectClient(c)
			if err != nil {
				return err
			}
			defer cl.close()
			if err := cl.call(c.Context, http.MethodDelete, "/"+bucket+"/"+key); err != nil {
				return err
			}
			if c.Bool("json") {
				return con.writeJSON(map[string]string{"bucket": bucket, "key": key})
			}
			_, err = fmt.Fprintf(con.out, "removed %s/%s\n", bucket, printable(key))
			return err
		},
	}
}
