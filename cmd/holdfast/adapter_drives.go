package main

import (
	"context"
	"fmt"

	"github.com/holdfast-storage/holdfast/blockstore"
	api "github.com/holdfast-storage/holdfast/fuse-free-api"
)

// ChangeDrive changes one drive's part in the pool.
func (a poolAdmin) ChangeDrive(ctx context.Context, action api.DriveAction, ref, dir string, opts api.ChangeOptions) (any, error) {
	if action == api.DriveReplace {
		report, err := a.pool.ReplaceDrive(ctx, ref, dir, blockstore.ChangeOptions(opts))
		return report, toAdmin(err)
	}
	change := map[api.DriveAction]func(context.Context, string, blockstore.ChangeOptions) (blockstore.ChangeReport, error){
		api.DriveFail:     a.pool.FailDrive,
		api.DriveOffline:  a.pool.OfflineDrive,
		api.DriveOnline:   a.pool.OnlineDrive,
		api.DriveClear:    a.pool.ClearDrive,
		api.DriveRemove:   a.pool.RemoveDrive,
		api.DriveEvacuate: a.pool.EvacuateDrive,
	}[action]
	if change == nil {
		panic(fmt.Sprintf("the admin API has a drive action %q that the pool has not", action))
	}
	report, err := change(ctx, ref, blockstore.ChangeOptions(opts))
	return report, toAdmin(err)
}

// AddDrives makes drives of directories.
func (a poolAdmin) AddDrives(ctx context.Context, dirs []string, spare bool, opts api.ChangeOptions) (any, error) {
	reports, err := a.pool.AddDrives(ctx, dirs, spare, blockstore.ChangeOptions(opts))
	return map[string]any{"drives": reports}, toAdmin(err)
}
