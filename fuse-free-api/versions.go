package api

// nullVersion is the one version that an object has where versions are not
// kept.
const nullVersion = "null"

// onlyVersion refuses a request for another version than the one there is.
func (c *call) onlyVersion() error {
	if !c.query.Has("versionId") {
		return nil
	}
	return checkVersion(c.query.Get("versionId"))
}

func checkVersion(id string) error {
	switch id {
	case nullVersion:
		return nil
	case "":
		return fault(codeInvalidArgument, "The version id is empty.").about("ArgumentName", "versionId").about("ArgumentValue", "")
	}
	return fault(codeNoSuchVersion, "The specified version does not exist: versions are not kept, and the only one is %q.", nullVersion)
}
