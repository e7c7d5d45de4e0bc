package main

import (
	"net/http"

	"github.com/urfave/cli/v2"
)

func scrubScheduleCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "schedule",
		Usage:     "say when scrubs begin by themselves",
		ArgsUsage: "CRON",
		Description: "CRON is a line of cron in one argument: minute, hour, day of the month, month, day of the week, in the daemon's time\n" +
			"zone; or off. \"0 3 * * SUN\" is every Sunday at three, and what holds until another is given. The schedule is kept in\n" +
			"the pool. A run that was missed, because the daemon did not run, is made up.",
		Flags: adminFlags(),
		Action: action(adminClient, 1, 1, readCron, func(c *cli.Context, cl *client, cron string) error {
			r, raw, err := cl.scrub(c.Context, http.MethodPost, "schedule", map[string]string{"cron": cron})
			switch {
			case isStatus(err, http.StatusBadRequest):
				return &usageError{err: err}
			case err != nil:
				return err
			case c.Bool("json"):
				return con.writeRaw(raw)
			default:
				return con.result(c, nil, "%s", nextText(r))
			}
		}),
	}
}

func readCron(_ *cli.Context, args []string) (string, error) { return args[0], nil }
