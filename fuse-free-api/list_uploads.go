package api

func (c *call) listUploads() error { return notImplemented("Not built yet.") }
