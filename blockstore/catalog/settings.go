package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
)

// settingPage is how many settings are read at a time.
const settingPage = 256

// Settings goes through the settings whose names begin with prefix, in the
// order of their names' bytes. It reads a page at a time, each as of its own
// moment, and ends with the first error.
func (c *Catalog) Settings(ctx context.Context, prefix string) iter.Seq2[Setting, error] {
	return func(yield func(Setting, error) bool) {
		last := ""
		for {
			page, err := c.SettingsAfter(ctx, prefix, last, settingPage)
			if err != nil {
				yield(Setting{}, err)
				return
			}
			for _, s := range page {
				if !yield(s, nil) {
					return
				}
			}
			if len(page) < settingPage {
				return
			}
			last = page[len(page)-1].Name
		}
	}
}

// SettingsAfter gives up to max settings whose names begin with prefix and are
// greater than after, in the order of their names' bytes.
func (c *Catalog) SettingsAfter(ctx context.Context, prefix, after string, max int) ([]Setting, error) {
	return read(ctx, c, func(r pebble.Reader) ([]Setting, error) { return listSettings(r, prefix, after, min(max, MaxPage)) })
}

// LastSetting gives the greatest name that begins with prefix, or ErrNotFound.
func (c *Catalog) LastSetting(ctx context.Context, prefix string) (string, error) {
	return read(ctx, c, func(r pebble.Reader) (name string, err error) {
		it, err := r.NewIter(prefixOptions(settingKey(prefix)))
		if err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, it.Close()) }()
		if !it.Last() {
			if err := it.Error(); err != nil {
				return "", err
			}
			return "", ErrNotFound
		}
		return string(it.Key()[1:]), nil
	})
}

func listSettings(r pebble.Reader, prefix, last string, max int) ([]Setting, error) {
	var out []Setting
	start := settingKey(prefix)
	if last >= prefix && last != "" {
		start = after(settingKey(last))
	}
	_, err := scan(r, start, settingKey(prefix), max, func(it *pebble.Iterator) error {
		s := Setting{Name: string(it.Key()[1:])}
		if s.Name == "" {
			return fmt.Errorf("%w: a setting without a name", errInconsistent)
		}
		if err := decodeValue(it.Key(), it, codeSetting(&s.Value)); err != nil {
			return err
		}
		s.Value = bytes.Clone(s.Value) // what was read aliases the database
		out = append(out, s)
		return nil
	})
	return out, err
}
