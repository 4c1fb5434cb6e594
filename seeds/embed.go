package seeds

import "embed"

// Files holds every file of facts.
//
//go:embed *.yaml */*.yaml
var Files embed.FS
