package main

import "github.com/urfave/cli/v2"

const (
	defaultListen = "127.0.0.1:9000"
	defaultAdmin  = "127.0.0.1:9001"
)

// A constructor per flag rather than one value: the parser keeps state in them.

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print the result as JSON"}
}

func credentialsFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "credentials", EnvVars: []string{"HOLDFAST_CREDENTIALS"}, TakesFile: false,
		Usage:       "`FILE` with the keys, where the environment does not hold them",
		DefaultText: "~/.config/holdfast/credentials",
	}
}

func authorityFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "ca-cert", EnvVars: []string{"HOLDFAST_CA_CERT"},
		Usage: "`FILE` with certificates to trust, PEM, beside those that the system trusts",
	}
}

// clientFlags are those of every command that talks to the object listener.
func clientFlags(more ...cli.Flag) []cli.Flag {
	return append(more,
		&cli.StringFlag{
			Name: "endpoint", EnvVars: []string{"HOLDFAST_ENDPOINT"}, Value: "http://" + defaultListen,
			Usage: "`URL` of the object listener",
		},
		authorityFlag(), credentialsFlag(), jsonFlag())
}

// adminFlags are those of every command that talks to the admin listener.
func adminFlags(more ...cli.Flag) []cli.Flag {
	return append(more,
		&cli.StringFlag{
			Name: "admin-url", EnvVars: []string{"HOLDFAST_ADMIN_URL"}, Value: "http://" + defaultAdmin,
			Usage: "`URL` of the admin listener",
		},
		authorityFlag(), credentialsFlag(), jsonFlag())
}
