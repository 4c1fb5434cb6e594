package export

// files are the endings and media types of the formats, by their names.
var files = map[string]struct{ ending, media string }{
	"bods":    {"bods.json", "application/json"},
	"csv":     {"csv.zip", "application/zip"},
	"ftm":     {"ftm.json", "application/x-ndjson"},
	"graphml": {"graphml", "application/graphml+xml"},
	"jsonl":   {"jsonl", "application/x-ndjson"},
	"jsonld":  {"jsonld", "application/ld+json"},
	"nquads":  {"nq", "application/n-quads"},
}

// File returns how the name of a file of the format ends, without a dot before it,
// and its media type.
func (f Format) File() (ending, media string) {
	if file, ok := files[f.Name]; ok {
		return file.ending, file.media
	}
	return f.Name, "application/octet-stream"
}
