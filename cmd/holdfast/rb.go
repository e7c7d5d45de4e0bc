package main

import (
	"net/http"

	"github.com/urfave/cli/v2"
)

func rbCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:        "rb",
		Usage:       "remove an empty bucket",
		ArgsUsage:   "BUCKET",
		Description: "A bucket with objects in it stays; remove them first (holdfast ls, holdfast rm).",
		Flags:       clientFlags(),
		Action:      bucketAction(con, http.MethodDelete, "removed"),
	}
}
