package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	envAccess = "HOLDFAST_ACCESS_KEY"
	envSecret = "HOLDFAST_SECRET_KEY"

	minAccessLen = 3
	minSecretLen = 8
)

// keyPair is what a client proves itself with. It prints without its secret, so that no log line shows it.
type keyPair struct {
	access string
	secret string
}

func (k keyPair) String() string   { return k.access + ":(secret)" }
func (k keyPair) GoString() string { return k.String() }

// errNoCredentials says that neither the environment nor the file holds keys.
var errNoCredentials = errors.New("no keys")

// credentialsPath is where the keys are kept: the path given, else holdfast/credentials below XDG_CONFIG_HOME or ~/.config.
// (Not os.UserConfigDir: the place is to be the same on every system, since the documentation names it.)
func credentialsPath(given string, getenv func(string) string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	dir := getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		home := getenv("HOME")
		if home == "" {
			return "", fmt.Errorf("neither XDG_CONFIG_HOME nor HOME is set, so there is no place for the keys: name one with HOLDFAST_CREDENTIALS")
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "holdfast", "credentials"), nil
}

// findKeys takes the keys from the environment, else from the file; from is the file's path, empty for the environment.
// It returns errNoCredentials (wrapped) if there are none.
func findKeys(given string, getenv func(string) string) (keys keyPair, from string, err error) {
	keys = keyPair{getenv(envAccess), getenv(envSecret)}
	if keys.access != "" || keys.secret != "" {
		if err := keys.check(); err != nil {
			return keyPair{}, "", &usageError{err: fmt.Errorf("keys in the environment: %w", err)}
		}
		return keys, "", nil
	}
	path, err := credentialsPath(given, getenv)
	if err != nil {
		return keyPair{}, "", err
	}
	keys, err = readKeys(path)
	return keys, path, err
}

func (k keyPair) check() error {
	switch {
	case k.access == "":
		return fmt.Errorf("%s is not set", envAccess)
	case k.secret == "":
		return fmt.Errorf("%s is not set", envSecret)
	case len(k.access) < minAccessLen:
		return fmt.Errorf("%s is shorter than %d characters", envAccess, minAccessLen)
	case len(k.secret) < minSecretLen:
		return fmt.Errorf("%s is shorter than %d characters", envSecret, minSecretLen)
	}
	for name, value := range map[string]string{envAccess: k.access, envSecret: k.secret} {
		if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return fmt.Errorf("%s has a character that is not printable ASCII", name)
		}
	}
	if strings.Contains(k.access, ":") {
		return fmt.Errorf("%s has a colon in it", envAccess)
	}
	return nil
}

// readKeys reads NAME=value lines, # begins a comment. A file that others can read is refused: its secret is out.
func readKeys(path string) (keyPair, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return keyPair{}, fmt.Errorf("%w in the environment and no file %s", errNoCredentials, path)
	} else if err != nil {
		return keyPair{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return keyPair{}, err
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return keyPair{}, &hintError{fmt.Errorf("%s: others may read it (mode %04o)", path, info.Mode().Perm()), "chmod 600 " + path}
	}
	var keys keyPair
	lines := bufio.NewScanner(io.LimitReader(f, 64<<10))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		switch {
		case !found:
			return keyPair{}, fmt.Errorf("%s: line %d is not NAME=value", path, n)
		case name == envAccess:
			keys.access = value
		case name == envSecret:
			keys.secret = value
		}
	}
	if err := lines.Err(); err != nil {
		return keyPair{}, fmt.Errorf("%s: %w", path, err)
	}
	if err := keys.check(); err != nil {
		return keyPair{}, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// makeKeys makes new keys from random and keeps them at path. If another process was first, its keys are returned
// and made is false: the file appears whole or not at all.
func makeKeys(path string, random io.Reader) (keys keyPair, made bool, err error) {
	raw := make([]byte, 45)
	if _, err := io.ReadFull(random, raw); err != nil {
		return keyPair{}, false, err
	}
	text := base64.RawURLEncoding.EncodeToString(raw)
	keys = keyPair{access: "HF" + strings.NewReplacer("-", "A", "_", "B").Replace(strings.ToUpper(text[:18])), secret: text[20:60]}

	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return keyPair{}, false, err
	}
	var page bytes.Buffer
	fmt.Fprintf(&page, "# Keys of Holdfast, made by `holdfast serve`. Whoever has them can read and delete every object.\n%s=%s\n%s=%s\n",
		envAccess, keys.access, envSecret, keys.secret)
	temp, err := os.CreateTemp(dir, ".credentials-*") // mode 0600
	if err != nil {
		return keyPair{}, false, err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(page.Bytes())
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return keyPair{}, false, err
	}
	// A link, not a rename: it fails if the file is there already.
	if err := os.Link(temp.Name(), path); errors.Is(err, fs.ErrExist) {
		keys, err = readKeys(path)
		return keys, false, err
	} else if err != nil {
		return keyPair{}, false, err
	}
	return keys, true, syncDir(dir)
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
