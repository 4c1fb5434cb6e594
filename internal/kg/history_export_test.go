package kg

// SnapshotOf is the snapshot through which the view reads.
func SnapshotOf(v *View) Snapshot { return v.snap }

// ClaimID is the id that the claim has when it is recorded.
func ClaimID(c *Claim) ID { return c.deriveID() }
