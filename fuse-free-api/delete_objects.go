package api

func (c *call) deleteObjects() error { return notImplemented("Not built yet.") }
