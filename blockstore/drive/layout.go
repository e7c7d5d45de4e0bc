package drive

// For who looks at a directory without opening the drive.
const (
	// LabelName and SegmentsName are names in a drive's directory, as CatalogName.
	LabelName    = labelName
	SegmentsName = segmentsName
	// LabelMagic is what a label begins with.
	LabelMagic = labelMagic
	// MaxLabelBytes is the length of the longest label.
	MaxLabelBytes = maxLabel
)

// Strangers are the names in a drive's directory that no drive has.
func Strangers(names []string) []string {
	var list []string
	for _, name := range names {
		switch name {
		case labelName, labelNewName, lockName, segmentsName, CatalogName, "lost+found":
		default:
			list = append(list, name)
		}
	}
	return list
}
