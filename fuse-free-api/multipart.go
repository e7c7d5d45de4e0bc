package api

func (c *call) createUpload() error { return notImplemented("Not built yet.") }

func (c *call) uploadPart() error { return notImplemented("Not built yet.") }

func (c *call) uploadPartCopy() error { return notImplemented("Not built yet.") }

func (c *call) completeUpload() error { return notImplemented("Not built yet.") }

func (c *call) abortUpload() error { return notImplemented("Not built yet.") }

func (c *call) listParts() error { return notImplemented("Not built yet.") }
