package limits

import (
	"context"
	"fmt"

	"github.com/dustin/go-humanize"

	"github.com/holdfast-storage/holdfast/bench"
	own "github.com/holdfast-storage/holdfast/fuse-free-api/md5"
)

// limit is a side with what is said of it.
type limit struct {
	side   bench.Side
	figure bench.Figure
	unit   bench.Unit
	about  string
}

// Lines measures every limit that needs no server, in turn, as lines of the
// table. Where the drives cannot be used past the page cache those lines are left out.
func Lines(ctx context.Context, turns bench.Turns, files *Files) ([]bench.Line, error) {
	encode, err := Encode(files.shape.Data, files.shape.Parity)
	if err != nil {
		return nil, err
	}
	all := append(processor(encode), files.limits()...)
	sides := make([]bench.Side, len(all))
	for i, l := range all {
		sides[i] = l.side
	}
	series, err := bench.InTurn(ctx, turns, sides...)
	if err != nil {
		return nil, err
	}
	lines := make([]bench.Line, len(all))
	for i, l := range all {
		lines[i] = l.line(series[i])
	}
	return lines, nil
}

func (l limit) line(s bench.Series) bench.Line {
	line := bench.Line{Name: s.Name, Value: s.Median(l.figure), Unit: l.unit, About: l.about}
	for i, sample := range s.Samples {
		value := l.figure(sample)
		if i == 0 {
			line.Least, line.Most = value, value
		}
		line.Least, line.Most = min(line.Least, value), max(line.Most, value)
	}
	return line
}

// processor is what one core does.
func processor(encode bench.Side) []limit {
	rate := func(side bench.Side, about string) limit {
		return limit{side, bench.ByteRate, bench.BytesPerSecond, about}
	}
	one, _ := own.NewGroup().Instructions()
	return []limit{
		rate(MemoryCopy(), "one core, between two buffers of 512 MiB; bytes copied"),
		rate(XXHash(), "one core, pieces of 4 KiB, in cache"),
		rate(MD5(), "one core, in cache: MD5 as Go has it"),
		rate(OwnMD5(), "one core, in cache: one upload, with "+one+" (none: as crypto/md5)"),
		rate(OwnMD5s(own.Lanes), "all cores, in cache: as many uploads as are hashed beside each other"),
		rate(SHA256(), "one core, in cache"),
		rate(encode, "one core, columns of 128 KiB, in cache; bytes of data columns"),
	}
}

// limits is what the drives do.
func (f *Files) limits() []limit {
	modes := []bool{false}
	if f.CanDirect() {
		modes = append(modes, true)
	}
	var all []limit
	for _, v := range []Volume{Redundant, Bodies} {
		for _, way := range f.Writings() {
			all = append(all, limit{f.Write(v, way), bench.ByteRate, bench.BytesPerSecond, f.aboutWrite(v, way)})
		}
	}
	for _, v := range []Volume{Redundant, Bodies} {
		for _, direct := range modes {
			all = append(all, limit{f.Read(v, direct), bench.ByteRate, bench.BytesPerSecond, f.aboutRead(v, direct)})
		}
	}
	lone := LoneCommit(f.shape.Parity)
	if lone.Files > len(f.homes) {
		return all
	}
	over := lone
	over.Overwrite = true
	return append(all,
		limit{f.Commit(lone), bench.OpsRate, bench.OpsPerSecond, "append and fdatasync in parallel, one commit after the other: what an object of 4 KiB takes that comes alone"},
		limit{f.Commit(over), bench.OpsRate, bench.OpsPerSecond, "the same to files that are as long as they will be and were written before"})
}

func (f *Files) aboutWrite(v Volume, way Writing) string {
	about, blocks := "through the page cache", ""
	if way.direct() {
		about = "O_DIRECT from huge pages"
	}
	if n := way.bytes() / BlockBytes; n > 1 {
		blocks = fmt.Sprintf("%d ", n)
	}
	return fmt.Sprintf("%s to %d new files in parallel, %sblocks of %s at a time, fdatasync at the end, %s; bytes of bodies",
		humanize.IBytes(uint64(f.perDrive(v)*int64(len(f.homes)))), len(f.homes), blocks, humanize.IBytes(BlockBytes), about)
}

func (f *Files) aboutRead(v Volume, direct bool) string {
	about := "through the page cache, which was emptied of them"
	if direct {
		about = "O_DIRECT"
	}
	return fmt.Sprintf("%s of %d files in parallel, %s at a time, the same files each time, %s; bytes of bodies",
		humanize.IBytes(uint64(f.perDrive(v)*int64(len(f.homes)))), len(f.homes), humanize.IBytes(ReadBytes), about)
}
