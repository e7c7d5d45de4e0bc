package main

import "context"

func waitMended(ctx context.Context, con *console, cl *client) error { return nil }
