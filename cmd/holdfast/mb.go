package main

import (
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
		Action:      bucketAction(con, http.MethodPut, "made"),
	}
}

// bucketAction is what mb and rb share: one request about one bucket.
func bucketAction(con *console, method, did string) cli.ActionFunc {
	split := func(arg string) (string, string, error) {
		bucket, err := needBucket(arg)
		return bucket, "", err
	}
	return action(objectClient, 1, 1, readObject(split), func(c *cli.Context, cl *client, o objectName) error {
		if err := cl.call(c.Context, method, o.path()); err != nil {
			return err
		}
		return con.result(c, map[string]string{"bucket": o.bucket}, "%s %s", did, o.bucket)
	})
}
