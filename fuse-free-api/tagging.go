package api

func (c *call) getTagging() error { return notImplemented("Not built yet.") }

func (c *call) putTagging() error { return notImplemented("Not built yet.") }

func (c *call) deleteTagging() error { return notImplemented("Not built yet.") }
