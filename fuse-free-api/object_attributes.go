package api

func (c *call) getObjectAttributes() error { return notImplemented("Not built yet.") }
