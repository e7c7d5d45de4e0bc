package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// errInconsistent says that the entries of a replica contradict each other:
// its database is of no use.
var errInconsistent = errors.New("catalog: inconsistent replica")

// get reads one entry. ErrNotFound if it is absent; what does not decode is an
// error of the replica, since only encoders write entries.
func get(r pebble.Reader, key []byte, code func(*coder)) error {
	return new(coder).get(r, key, code)
}

// get is the other get, in the memory of a coder that is used again.
func (c *coder) get(r pebble.Reader, key []byte, code func(*coder)) error {
	v, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("reading the catalog: %w", err)
	}
	err = c.decode(v, code)
	if cerr := closer.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("%w: entry %x: %v", errInconsistent, key, err)
	}
	return nil
}

func getMeta(r pebble.Reader) (meta, error) {
	var m meta
	err := get(r, metaKey, m.code)
	if errors.Is(err, ErrNotFound) {
		return meta{}, nil
	}
	return m, err
}

func getBucket(r pebble.Reader, name string) (Bucket, error) {
	b := Bucket{Name: name}
	err := get(r, bucketKey(name), b.code)
	return b, err
}

func getBucketName(r pebble.Reader, id uint64) (string, error) {
	var name string
	err := get(r, idKey(id), codeName(&name))
	return name, err
}

func getObject(r pebble.Reader, bucket uint64, key string) (Object, error) {
	var o Object
	err := get(r, objectKey(bucket, key), o.code)
	return o, err
}

func getUpload(r pebble.Reader, bucket uint64, key string, id uint64) (Upload, error) {
	u := Upload{Bucket: bucket, Key: key, ID: id}
	err := get(r, uploadKey(bucket, key, id), u.code)
	return u, err
}

func getPart(r pebble.Reader, upload uint64, number int) (Part, error) {
	p := Part{Upload: upload, Number: number}
	err := get(r, partKey(upload, number), p.code)
	return p, err
}

func getSegment(r pebble.Reader, id drive.SegmentID) (SegmentEntry, error) {
	s := SegmentEntry{ID: id}
	err := get(r, segmentKey(uint64(id)), s.code)
	return s, err
}

// getLive is zero for a segment without an entry.
func getLive(r pebble.Reader, id drive.SegmentID) (int64, error) {
	var n int64
	err := get(r, liveKey(uint64(id)), codeLive(&n))
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	return n, err
}

func getSetting(r pebble.Reader, name string) ([]byte, error) {
	var v []byte
	err := get(r, settingKey(name), func(c *coder) {
		codeSettingValue(c, 1, &v)
		v = append([]byte(nil), v...) // what was read aliases the database
	})
	return v, err
}

// bucketEmpty tells whether the bucket holds neither objects nor uploads.
func bucketEmpty(r pebble.Reader, id uint64) (bool, error) {
	for _, prefix := range [][]byte{objectPrefix(id), uploadPrefix(id)} {
		it, err := r.NewIter(prefixOptions(prefix))
		if err != nil {
			return false, err
		}
		some := it.First()
		if err := errors.Join(it.Error(), it.Close()); err != nil {
			return false, err
		}
		if some {
			return false, nil
		}
	}
	return true, nil
}

// valuer is the part of an iterator that decoding an entry needs.
type valuer interface{ ValueAndErr() ([]byte, error) }

// decodeValue decodes the value an iterator stands on.
func decodeValue(key []byte, it valuer, code func(*coder)) error {
	return new(coder).entry(key, it, code)
}

// entry is decodeValue, in the memory of a coder that is used again.
func (c *coder) entry(key []byte, it valuer, code func(*coder)) error {
	v, err := it.ValueAndErr()
	if err != nil {
		return err
	}
	if err := c.decode(v, code); err != nil {
		return fmt.Errorf("%w: entry %x: %v", errInconsistent, key, err)
	}
	return nil
}

func decodePart(key []byte, it valuer) (int, Part, error) {
	number, err := parsePartNumber(key)
	if err != nil {
		return 0, Part{}, err
	}
	p := Part{Upload: binary.BigEndian.Uint64(key[1:]), Number: number}
	err = decodeValue(key, it, p.code)
	return number, p, err
}

func parsePartNumber(key []byte) (int, error) {
	if len(key) != 11 || key[0] != kindPart {
		return 0, fmt.Errorf("%w: part key %x", errInconsistent, key)
	}
	return int(binary.BigEndian.Uint16(key[9:])), nil
}
