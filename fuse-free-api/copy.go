package api

func (c *call) copyObject() error { return notImplemented("Not built yet.") }
