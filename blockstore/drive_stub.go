package blockstore

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// OfflineDrive stops using a drive until OnlineDrive.
func (p *Pool) OfflineDrive(ctx context.Context, ref string, o ChangeOptions) (ChangeReport, error) {
	return ChangeReport{}, errLater
}

// OnlineDrive takes a drive that is OFFLINE, or away, into use again.
func (p *Pool) OnlineDrive(ctx context.Context, ref string, o ChangeOptions) (ChangeReport, error) {
	return ChangeReport{}, errLater
}

// ClearDrive takes a FAULTED drive into use again.
func (p *Pool) ClearDrive(ctx context.Context, ref string, o ChangeOptions) (ChangeReport, error) {
	return ChangeReport{}, errLater
}

// RemoveDrive takes a drive that holds no columns out of the pool.
func (p *Pool) RemoveDrive(ctx context.Context, ref string, o ChangeOptions) (ChangeReport, error) {
	return ChangeReport{}, errLater
}

// EvacuateDrive has a drive's files moved to others; then it leaves the pool.
func (p *Pool) EvacuateDrive(ctx context.Context, ref string, o ChangeOptions) (ChangeReport, error) {
	return ChangeReport{}, errLater
}

// AddDrives makes drives of directories, to be used at once or as spares.
func (p *Pool) AddDrives(ctx context.Context, dirs []string, spare bool, o ChangeOptions) ([]ChangeReport, error) {
	return nil, errLater
}

// ReplaceDrive puts a new drive in a drive's place.
func (p *Pool) ReplaceDrive(ctx context.Context, ref, dir string, o ChangeOptions) (ChangeReport, error) {
	return ChangeReport{}, errLater
}

// UseSpares puts spares to use for drives that have been away for long.
func (p *Pool) UseSpares(ctx context.Context) error { return nil }

// SettleDrives ends the states REBUILDING and EVACUATING of drives where the
// work is done.
func (p *Pool) SettleDrives(ctx context.Context) error { return nil }

// awaySince is when a member was left out in this opening, or the opening.
func (p *Pool) awaySince(id uuid.UUID) time.Time { return time.Time{} }
