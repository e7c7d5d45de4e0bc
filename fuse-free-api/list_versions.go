package api

func (c *call) listVersions() error { return notImplemented("Not built yet.") }
