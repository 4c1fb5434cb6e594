package kg

// SnapshotOf is the snapshot through which the view reads.
func SnapshotOf(v *View) Snapshot { return v.snap }
