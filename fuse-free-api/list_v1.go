package api

func (c *call) listObjectsV1() error { return notImplemented("Not built yet.") }
