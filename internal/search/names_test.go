package search

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNamesAsTerms(t *testing.T) {
	for _, c := range []struct {
		name, text string
		words      []string
		pieces     []string
		readings   []string
	}{
		{name: "words", text: "Ant Group", words: []string{"ant", "group"}},
		{name: "apostrophe", text: "Nuage d'alibaba", words: []string{"alibaba", "d", "dalibaba", "nuage"}},
		{name: "hyphen", text: "T-Mall Genie", words: []string{"genie", "mall", "t", "tmall"}},
		{name: "numbers", text: "11.11", words: []string{"11", "1111"}},
		{name: "accents leave no reading", text: "Đà Nẵng", words: []string{"da", "nang"}},
		{
			name: "Chinese", text: "阿里云", words: []string{"阿里云"}, pieces: []string{"阿", "里", "阿里", "云", "里云"},
			readings: []string{"aliyun", "eliyun", "liyun", "yun"},
		},
		{
			name: "two scripts", text: "AI眼镜", words: []string{"ai", "ai眼镜", "眼镜"}, pieces: []string{"眼", "镜", "眼镜"},
			readings: []string{"aiyanjing", "aiwenjing", "yanjing", "wenjing", "jing"},
		},
		{
			name: "Korean words", text: "삼성 전자", words: []string{"삼성", "전자"}, pieces: []string{"삼", "성", "삼성", "전", "성전", "자", "전자"},
			readings: []string{"samseongjeonja", "jeonja"},
		},
		{
			name: "long vowels", text: "グループ", words: []string{"グループ"}, pieces: []string{"グ", "ル", "グル", "ー", "ルー", "プ", "ープ"},
			readings: []string{"gurupu"},
		},
		{name: "Cyrillic", text: "Сбербанк", words: []string{"сбербанк"}, readings: []string{"sberbank"}},
		{name: "nothing to read", text: "!?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := foldEntityName(preferred(c.text))
			if diff := cmp.Diff(c.words, f.words); diff != "" {
				t.Errorf("words (-want +got):\n%s", diff)
			}
			var got []string
			pieces(f.closed, func(s string) { got = append(got, s) })
			if diff := cmp.Diff(c.pieces, got); diff != "" {
				t.Errorf("pieces (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.readings, f.readings); diff != "" {
				t.Errorf("readings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadingsKeepTheSecondReadingOfALaterCharacter(t *testing.T) {
	for _, c := range []struct{ text, reading string }{
		{"重庆银行", "chongqingyinhang"},
		{"长安", "changan"},
		{"乐视", "leshi"},
	} {
		if all := readings([]string{c.text}); !slices.Contains(all, c.reading) {
			t.Errorf("%s is read as %q, not as %s", c.text, all, c.reading)
		}
	}
}

func TestScriptRuns(t *testing.T) {
	for _, c := range []struct {
		word string
		want []string
	}{
		{"amap", []string{"amap"}},
		{"高德", []string{"高德"}},
		{"双11节", []string{"双", "11", "节"}},
		{"アーb", []string{"アー", "b"}},
		{"กุ้งab", []string{"กุ้ง", "ab"}},
	} {
		if diff := cmp.Diff(c.want, scriptRuns(c.word)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.word, diff)
		}
	}
}

// TestFormat fails when documents change, be it here or in how kg folds names:
// indexes on disk must then be built anew.
func TestFormat(t *testing.T) {
	const known = "4"
	const sum = "510a97b096ee1f56"
	h := sha256.New()
	for _, e := range world() {
		for _, f := range newDocument(e).Fields {
			lines := f.Value()
			if f.Name() != fieldNames {
				var all []string
				for _, token := range (terms{}).Analyze(lines) {
					all = append(all, string(token.Term))
				}
				slices.Sort(all)
				lines = []byte(strings.Join(all, "\n"))
			}
			h.Write([]byte(f.Name()))
			h.Write(lines)
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)[:8]); got != sum || format != known {
		t.Errorf("format %s has the sum %s; noted are %s and %s. If documents have changed, raise format and note both here", format, got, known, sum)
	}
}
