package blockstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// Fsck examines a pool that no daemon serves: everything that a scrub reads, and
// besides the labels, the directories' contents and the making of the catalog.
// Without Repair and RebuildCatalog it looks only (Options.ReadOnly), so that it
// can be asked about a pool of which nobody knows yet what is wrong.

// FsckOptions say what Fsck does.
type FsckOptions struct {
	Options // of the pool; Init and ReadOnly are not looked at

	// Repair opens the pool as a daemon does, and makes good what can be: blocks,
	// files that left drives still hold, replicas of the catalog, files that
	// nothing needs.
	Repair bool
	// RebuildCatalog throws the replicas of the catalog away and makes one from
	// checkpoint and journal, which the others are then copied from.
	RebuildCatalog bool
	// Progress, if set, is told now and then how far it is, from one goroutine.
	Progress func(FsckProgress)
}

// FsckProgress is how far Fsck is.
type FsckProgress struct {
	Stage      string // what is being done
	Segments   int    // examined so far
	Of         int    // in all
	ReadBytes  int64
	TotalBytes int64 // to be read, as far as is known
}

// FsckReport is what Fsck came to.
type FsckReport struct {
	Pool         uuid.UUID `json:"pool"`
	Epoch        uint32    `json:"epoch"`
	Repair       bool      `json:"repair"`
	Rebuilt      bool      `json:"catalog_rebuilt"`
	Drives       int       `json:"drives"` // that are here
	Members      int       `json:"members"`
	Segments     int       `json:"segments"`
	Stripes      int64     `json:"stripes"`
	ReadBytes    int64     `json:"read_bytes"`
	WrittenBytes int64     `json:"written_bytes"`
	MendedBlocks int64     `json:"mended_blocks"`
	MovedFiles   int       `json:"moved_files"`
	UnreadFiles  int       `json:"unread_files"` // their drives are away
	Replicas     int       `json:"catalog_replicas"`
	Extents      int64     `json:"extents"`
	Objects      int64     `json:"objects"`
	Remaining    int       `json:"remaining"` // findings that were not mended
	Notes        []string  `json:"notes"`     // what is worth knowing and harms nothing
	Findings     []Finding `json:"findings"`
	Unlisted     int       `json:"unlisted_findings"` // beyond the first 100,000
}

// Well says whether nothing is wrong, or all was made good.
func (r *FsckReport) Well() bool { return r.Remaining == 0 }

// Further kinds of findings, which only Fsck makes.
const (
	FindingDrive   = "drive"   // a member is not there, or not in order
	FindingLabel   = "label"   // labels disagree
	FindingJournal = "journal" // what was acknowledged cannot be read
	FindingSegment = "segment" // a segment could not be examined, or mended
)

const fsckFindingsMost = 100_000

// Fsck examines the pool in o.Dirs, and repairs it if asked to.
//
// Errors: those of Open, but for ErrDamaged, which is a finding; ctx's. With an
// error the report holds what was found before.
func Fsck(ctx context.Context, o FsckOptions) (FsckReport, error) {
	c := &fsck{o: o}
	c.report.Repair = o.Repair
	opt, err := o.Options.withDefaults()
	if err != nil {
		return c.report, err
	}
	c.stage("reading labels")
	if err := c.labels(opt); err != nil {
		return c.report, err
	}
	opt.Init, opt.ReadOnly = false, !o.Repair && !o.RebuildCatalog
	opt.offline, opt.rebuildCatalog = true, o.RebuildCatalog
	opt.RebuildAfter = -1 // a drive that was not named is no reason to make its files elsewhere
	c.stage("opening the pool")
	p, err := Open(ctx, opt)
	if errors.Is(err, ErrDamaged) {
		c.find(Finding{Kind: FindingJournal, Column: -1, Text: err.Error()})
		return c.report, nil
	}
	if err != nil {
		return c.report, err
	}
	c.p = p
	err = c.examine(ctx)
	c.stage("closing the pool")
	return c.report, errors.Join(err, p.Close(context.WithoutCancel(ctx)))
}

// fsck is one call of Fsck.
type fsck struct {
	o        FsckOptions
	p        *Pool
	progress FsckProgress
	report   FsckReport
}

func (c *fsck) stage(what string) {
	c.progress.Stage = what
	c.tell()
}

func (c *fsck) tell() {
	if c.o.Progress != nil {
		c.o.Progress(c.progress)
	}
}

func (c *fsck) find(list ...Finding) {
	for _, f := range list {
		if !f.Mended {
			c.report.Remaining++
		}
		if len(c.report.Findings) == fsckFindingsMost {
			c.report.Unlisted++
			continue
		}
		c.report.Findings = append(c.report.Findings, f)
	}
}

func (c *fsck) notef(format string, args ...any) {
	c.report.Notes = append(c.report.Notes, fmt.Sprintf(format, args...))
}

func (c *fsck) examine(ctx context.Context) error {
	p := c.p
	v := p.members.now()
	c.report.Pool, c.report.Epoch, c.report.Members = p.id, v.label.Epoch, len(v.label.Members)
	if why := p.readOnly(); why != nil && !p.opt.ReadOnly {
		return why // a repair was asked for
	}
	c.drives(v)
	if err := c.strangers(ctx); err != nil {
		return err
	}
	if c.o.Repair {
		c.stage("ending open segments")
		if err := p.SealOpen(ctx); err != nil {
			return err
		}
	}
	if err := c.segments(ctx); err != nil {
		return err
	}
	if c.o.Repair {
		if err := p.SettleDrives(ctx); err != nil {
			return err
		}
	}
	c.renewal()
	if err := c.awaitReplicas(ctx); err != nil {
		return err
	}
	c.stage("holding the catalog against the segments")
	cross, err := p.CrossCheck(ctx, nil, nil) // what is lost is named already
	c.report.Extents, c.report.Objects = cross.Extents, cross.Objects
	c.find(cross.Findings...)
	if err != nil {
		return err
	}
	if err := c.replicas(ctx); err != nil {
		return err
	}
	if err := c.counts(ctx); err != nil {
		return err
	}
	c.stage("naming the objects")
	return c.p.nameFindings(ctx, c.report.Findings)
}

// segments reads every block of every segment, and mends if asked to.
func (c *fsck) segments(ctx context.Context) error {
	p := c.p
	c.progress.Stage = "reading segments"
	ids := p.Segments()
	c.progress.Of = len(ids)
	for _, id := range ids {
		s := p.segments.get(id)
		s.mu.Lock()
		c.progress.TotalBytes += (s.end - drive.FirstBlock) * int64(s.width())
		s.mu.Unlock()
	}
	c.tell()
	for _, id := range ids {
		gone := c.filesGone(id)
		r, err := p.Mend(ctx, id, MendOptions{
			Move: c.o.Repair, Records: true, ReadOnly: !c.o.Repair,
			Progress: func(read, _ int64) {
				c.progress.ReadBytes += read
				c.tell()
			},
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.report.Segments++
		c.report.Stripes += r.Stripes
		c.report.ReadBytes += r.ReadBytes
		c.report.WrittenBytes += r.WrittenBytes
		c.report.MendedBlocks += r.MendedBlocks
		c.report.MovedFiles += r.MovedFiles
		c.report.UnreadFiles += r.Unread
		if c.o.Repair && len(gone) > 0 {
			still := c.filesGone(id)
			for i := range gone {
				gone[i].Mended = !slices.ContainsFunc(still, func(f Finding) bool { return f.Drive == gone[i].Drive })
			}
		} else {
			c.report.UnreadFiles = max(c.report.UnreadFiles-len(gone), 0) // those are known
		}
		c.find(gone...)
		c.find(r.Findings...)
		if err != nil {
			c.find(Finding{Kind: FindingSegment, Segment: id, Column: -1, Text: err.Error()})
		}
		c.progress.Segments++
		c.tell()
	}
	return nil
}
