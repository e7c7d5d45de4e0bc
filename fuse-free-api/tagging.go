package api

import (
	"context"
	"errors"
	"net/http"
)

const (
	// maxTaggingBytes is enough for ten tags with every character escaped.
	maxTaggingBytes = 128 << 10
	// taggingTries is how often tags are set on an object that is overwritten
	// meanwhile, before its writers are to settle it among themselves.
	taggingTries = 8
)

func (c *call) getTagging() error {
	if err := c.onlyVersion(); err != nil {
		return err
	}
	info, err := c.s.opts.Store.Stat(c.r.Context(), c.bucket, c.key)
	if err != nil {
		return err
	}
	tags, err := parseTags(keptTags(info.System))
	if err != nil {
		return err
	}
	x := c.beginXML()
	x.root("Tagging")
	x.start("TagSet")
	for _, tag := range tags {
		x.start("Tag")
		x.text("Key", tag.Name)
		x.text("Value", tag.Value)
		x.end("Tag")
	}
	x.end("TagSet")
	x.end("Tagging")
	x.flush()
	return nil
}

func (c *call) putTagging() error {
	if err := c.onlyVersion(); err != nil {
		return err
	}
	doc, err := c.document(maxTaggingBytes)
	if err != nil {
		return err
	}
	tags, err := parseTagging(doc)
	if err != nil {
		return err
	}
	if err := c.setTags(c.r.Context(), tags); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusOK)
	return nil
}

func (c *call) deleteTagging() error {
	if err := c.onlyVersion(); err != nil {
		return err
	}
	if err := c.setTags(c.r.Context(), nil); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// setTags gives the object these tags and no others. They belong to the
// object as it is now: one that is overwritten meanwhile is looked at anew.
func (c *call) setTags(ctx context.Context, tags tagSet) error {
	for range taggingTries {
		info, err := c.s.opts.Store.Stat(ctx, c.bucket, c.key)
		if err != nil {
			return err
		}
		if keptTags(info.System) == tags.encode() {
			return nil
		}
		system := mergePairs(withoutPairs(info.System, taggingName), tags.pairs())
		err = c.s.opts.Store.SetSystem(ctx, c.bucket, c.key, info.Version, system)
		if !errors.Is(err, ErrPrecondition) {
			return err
		}
	}
	return fault(codeOperationAborted, "The object is being overwritten again and again; its tags were not changed. Try again.")
}

// parseTagging reads a Tagging document.
func parseTagging(doc []byte) (tagSet, error) {
	var tags tagSet
	sets := 0
	err := readXML(doc, "Tagging", func(x *xmlReader, name string) error {
		if sets++; name != "TagSet" || sets > 1 {
			return x.unknown(name)
		}
		return x.children(func(x *xmlReader, name string) error {
			if name != "Tag" {
				return x.unknown(name)
			}
			if len(tags) == maxTags {
				return tooManyTags()
			}
			tag, err := readTag(x)
			tags = append(tags, tag)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	if sets == 0 {
		return nil, fault(codeMalformedXML, "The body is not a Tagging document: it has no TagSet.")
	}
	twice, err := tags.arrange()
	if err == nil && twice != "" {
		err = fault(codeInvalidTag, "Two tags have the same key.").about("TagKey", clip(twice))
	}
	if err != nil {
		return nil, err
	}
	return tags, nil
}

func readTag(x *xmlReader) (Pair, error) {
	var key, value *string
	err := x.children(func(x *xmlReader, name string) error {
		switch name {
		case "Key":
			return x.once(name, &key)
		case "Value":
			return x.once(name, &value)
		}
		return x.unknown(name)
	})
	switch {
	case err != nil:
		return Pair{}, err
	case key == nil || value == nil:
		return Pair{}, x.malformed("a Tag has a Key and a Value")
	}
	return Pair{Name: *key, Value: *value}, nil
}
