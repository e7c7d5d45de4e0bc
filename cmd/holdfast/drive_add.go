package main

import (
	"context"
	"encoding/json"
	"math"
	"net/http"

	"github.com/urfave/cli/v2"
)

func driveAddCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "add",
		Usage:     "add disks to the pool, for more room",
		ArgsUsage: "DIR…",
		Description: "A DIR is an empty or absent directory, meant to be one disk; /data{7...9} stands for three. New segments use the\n" +
			"added drives at once; what is stored already stays where it is. Name them to `holdfast serve`, too, the next time.\n\n" +
			"Refused: a directory that is in use or belongs to a pool, and without --force one that shares a device with another\n" +
			"drive where the pool's drives have one each.",
		Flags: changeFlags(),
		Action: addAction(con, false, func(r changeReport) string {
			return r.name() + " is " + r.State + " and takes new data"
		}),
	}
}

// addAction is what add and spare share.
func addAction(con *console, spare bool, done func(changeReport) string) cli.ActionFunc {
	read := func(_ *cli.Context, args []string) ([]string, error) { return driveDirs(args) }
	return action(adminClient, 1, math.MaxInt, read, func(c *cli.Context, cl *client, dirs []string) error {
		return change{
			con: con, done: done,
			send: func(ctx context.Context, cl *client, doc changeRequest) (changed, error) {
				return cl.addDrives(ctx, doc)
			},
		}.run(c, cl, changeRequest{Dirs: dirs, Spare: spare})
	})
}

func (c *client) addDrives(ctx context.Context, doc changeRequest) (got changed, err error) {
	var answer struct {
		Drives []json.RawMessage `json:"drives"`
	}
	if _, err := c.ask(ctx, adminRequest(http.MethodPost, "drives"), doc, &answer); err != nil {
		return changed{}, err
	}
	for _, raw := range answer.Drives {
		var report changeReport
		if err := json.Unmarshal(raw, &report); err != nil {
			return changed{}, err
		}
		got.drives, got.raw = append(got.drives, report), append(got.raw, raw)
	}
	return got, nil
}
