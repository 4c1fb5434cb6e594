package export

import (
	"mime"
	"testing"
)

func TestEveryFormatNamesItsFiles(t *testing.T) {
	for _, f := range append(Formats(), Format{Name: "jsonl"}) {
		if _, ok := files[f.Name]; !ok {
			t.Errorf("files says nothing of %s", f.Name)
		}
		ending, media := f.File()
		if _, _, err := mime.ParseMediaType(media); err != nil || ending == "" {
			t.Errorf("%s: ending %q, media type %q: %v", f.Name, ending, media, err)
		}
	}
	if ending, media := (Format{Name: "smoke"}).File(); ending != "smoke" || media != "application/octet-stream" {
		t.Errorf("an unknown one: %s, %s", ending, media)
	}
}
