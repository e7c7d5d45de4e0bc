package main

import (
	"fmt"
	"net/http"

	"github.com/urfave/cli/v2"
)

func mbCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:        "mb",
		Usage:       "make a bucket",
		ArgsUsage:   "BUCKET",
		Description: "Names have 3 to 63 characters: lower-case letters, digits, - and . between them.",
		Flags:       clientFlags(),
		Action:      func(c *cli.Context) error { return bucketAction(c, con, http.MethodPut, "made") },
	}
}

// bucketAction is what mb and rb share: one request about one bucket.
func bucketAction(c *cli.Context, con *console, method, did string) error {
	args, err := takes(c, 1, 1)
	if err != nil {
		return err
	}
	bucket, err := needBucket(args[0])
	if err != nil {
		return err
	}
	cl, err := objectClient(c)
	if err != nil {
		return err
	}
	defer cl.close()
	if err := cl.call(c.Context, method, "/"+bucket); err != nil {
		return err
	}
	if c.Bool("json") {
		return con.writeJSON(map[string]string{"bucket": bucket})
	}
	_, err = fmt.Fprintf(con.out, "%s %s\n", did, bucket)
	return err
}
