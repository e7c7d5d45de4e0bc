package api

import (
	"context"
	"net/url"
)

// DriveAction is a change of one drive's part in the pool; the words are those
// of the command line and of the path /api/v1/drives/{ref}/{action}.
type DriveAction string

// The actions. DriveReplace needs a directory, the others none.
const (
	DriveFail     DriveAction = "fail"     // stop using it at once
	DriveOffline  DriveAction = "offline"  // do without it for a while
	DriveOnline   DriveAction = "online"   // use it again after offline
	DriveClear    DriveAction = "clear"    // forget its errors and use it again
	DriveRemove   DriveAction = "remove"   // forget a drive that holds nothing
	DriveEvacuate DriveAction = "evacuate" // move all that it holds, then forget it
	DriveReplace  DriveAction = "replace"  // put another directory in its place
)

// ChangeOptions say how a change of the pool's drives is meant.
type ChangeOptions struct {
	DryRun bool `json:"dry_run"` // say what would happen, and do nothing
	Force  bool `json:"force"`   // even if that goes below safety
}

// Drives changes which drives the pool uses, and how. Refused changes are an
// *AdminError: 404 no_such_drive, 409 below_safety, and 409 with another code
// where force does not help or another directory is needed.
type Drives interface {
	// ChangeDrive changes the drive that ref (slot, id or path) names; dir is
	// empty but for DriveReplace.
	ChangeDrive(ctx context.Context, action DriveAction, ref, dir string, opts ChangeOptions) (any, error)
	// AddDrives makes drives of empty directories: as spares, or to be used at
	// once.
	AddDrives(ctx context.Context, dirs []string, spare bool, opts ChangeOptions) (any, error)
}

const changeFields = `"dry_run" and "force", both true or false`

// driveRef is the drive that the path names.
func (c *adminCall) driveRef() (string, error) {
	ref, err := url.PathUnescape(c.part)
	if err != nil || ref == "" {
		return "", badRequest("The drive is not named.", "Name its slot, id or path, percent-encoded.")
	}
	return ref, nil
}

func (c *adminCall) changeDrive(action DriveAction) (any, error) {
	var opts ChangeOptions
	ref, err := c.driveRef()
	if err == nil {
		err = c.readDoc(&opts, changeFields)
	}
	if err != nil {
		return nil, err
	}
	return c.s.opts.Admin.ChangeDrive(c.r.Context(), action, ref, "", opts)
}

func (c *adminCall) replaceDrive() (any, error) {
	var doc struct {
		Dir string `json:"dir"`
		ChangeOptions
	}
	ref, err := c.driveRef()
	if err == nil {
		err = c.readDoc(&doc, `"dir", a path, `+changeFields)
	}
	if err != nil {
		return nil, err
	}
	if doc.Dir == "" {
		return nil, badRequest("The directory to put in the drive's place is not named.", `The body is to have "dir", the path of an empty directory.`)
	}
	return c.s.opts.Admin.ChangeDrive(c.r.Context(), DriveReplace, ref, doc.Dir, doc.ChangeOptions)
}

func (c *adminCall) addDrives() (any, error) {
	var doc struct {
		Dirs  []string `json:"dirs"`
		Spare bool     `json:"spare"`
		ChangeOptions
	}
	if err := c.readDoc(&doc, `"dirs", a list of paths, "spare", `+changeFields); err != nil {
		return nil, err
	}
	if len(doc.Dirs) == 0 {
		return nil, badRequest("No directory is named.", `The body is to have "dirs", a list of the paths of empty directories.`)
	}
	for _, dir := range doc.Dirs {
		if dir == "" {
			return nil, badRequest("A directory's path is empty.", "")
		}
	}
	return c.s.opts.Admin.AddDrives(c.r.Context(), doc.Dirs, doc.Spare, doc.ChangeOptions)
}
