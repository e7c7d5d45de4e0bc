package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// reorder puts a command's flags before its arguments, for the flag parser below stops at the first argument
// and would take what follows for more of them. It knows each flag of the command, and so which of them take
// the next word. Unknown commands and flags are wrong usage here already; `--` ends the flags; a single `-`
// is an argument; `help` in front is --help behind.
func reorder(app *cli.App, argv []string) ([]string, error) {
	if len(argv) < 2 {
		return argv, nil
	}
	out, rest := argv[:1:1], argv[1:]
	if rest[0] == "help" {
		rest = append(rest[1:len(rest):len(rest)], "--help")
	}

	// The command: `drive fail` is two words deep. At the top only --help and --version may come first. A command
	// that does something itself (`bench`) takes what names none below it as its own flags and arguments.
	commands, path := app.Commands, "holdfast"
	var command *cli.Command
	for len(commands) > 0 {
		own := command != nil && command.Action != nil
		if own && (len(rest) == 0 || find(commands, rest[0]) == nil) {
			break
		}
		if len(rest) == 0 {
			return nil, &usageError{command: path, err: fmt.Errorf("a command is missing: %s", names(commands))}
		}
		word := rest[0]
		if isHelp(word) || command == nil && (word == "--version" || word == "-v") {
			return append(out, word), nil
		}
		next := find(commands, word)
		if next == nil {
			return nil, &usageError{command: path, err: fmt.Errorf("unknown command %q", word)}
		}
		command, commands, rest = next, next.Subcommands, rest[1:]
		out, path = append(out, command.Name), path+" "+command.Name
	}

	var arguments []string
	for len(rest) > 0 {
		word := rest[0]
		rest = rest[1:]
		switch {
		case word == "--":
			arguments = append(arguments, rest...)
			rest = nil
		case word == "-" || !strings.HasPrefix(word, "-"):
			arguments = append(arguments, word)
		case isHelp(word):
			return append(out[:1+strings.Count(path, " ")], "--help"), nil
		default:
			name, _, hasValue := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-"), "=")
			takesValue, known := lookFlag(command, name)
			if !known {
				return nil, &usageError{command: path, err: fmt.Errorf("unknown flag %s (an argument that begins with - goes behind --)", word)}
			}
			out = append(out, word)
			if takesValue && !hasValue {
				if len(rest) == 0 {
					return nil, &usageError{command: path, err: fmt.Errorf("%s needs a value", word)}
				}
				out, rest = append(out, rest[0]), rest[1:]
			}
		}
	}
	if len(arguments) > 0 && find(commands, arguments[0]) != nil { // the parser below would take it for the command
		return nil, &usageError{command: path, err: fmt.Errorf("%s is a command, which stands in front of its flags (a directory of that name is ./%[1]s)", arguments[0])}
	}
	out = append(out, "--")
	return append(out, arguments...), nil
}

func isHelp(word string) bool { return word == "--help" || word == "-help" || word == "-h" }

func find(commands []*cli.Command, word string) *cli.Command {
	for _, command := range commands {
		if command.HasName(word) {
			return command
		}
	}
	return nil
}

func names(commands []*cli.Command) string {
	list := make([]string, len(commands))
	for i, command := range commands {
		list[i] = command.Name
	}
	return strings.Join(list, ", ")
}

// lookFlag says whether the command knows the flag and whether it is followed by a value.
func lookFlag(command *cli.Command, name string) (takesValue, known bool) {
	for _, flag := range command.Flags {
		for _, n := range flag.Names() {
			if n == name {
				_, isBool := flag.(*cli.BoolFlag)
				return !isBool, true
			}
		}
	}
	return false, false
}
