package ingest

// SetBatch makes the batches of an import small.
func SetBatch(i *Import, weight int) { i.weight = weight }
