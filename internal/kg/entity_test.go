package kg

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNameInALanguage(t *testing.T) {
	e := &Entity{ID: "alibaba", Names: []Name{
		{Text: "Alibaba", Lang: "en", Kind: NamePreferred},
		{Text: "阿里巴巴", Lang: "zh-Hans", Kind: NamePreferred},
		{Text: "アリババ", Lang: "ja", Kind: NameAlias},
		{Text: "Alibaba Dienst", Lang: "de", Kind: NameFormer},
		{Text: "Ali", Lang: "", Kind: NameAlias},
	}}
	for lang, want := range map[string]string{
		"": "Alibaba", "en": "Alibaba", "EN-us": "Alibaba", "zh": "阿里巴巴", "zh-Hant": "阿里巴巴", "ja": "アリババ", "fr": "Alibaba",
		"de": "Alibaba", // what it was once called is not its name
	} {
		if got := e.Name(lang); got != want {
			t.Errorf("in %q its name is %q, want %q", lang, got, want)
		}
	}
	if got := (&Entity{ID: "nameless"}).Name("en"); got != "nameless" {
		t.Errorf("an entity without a name is called %q", got)
	}
}

func TestNameKeys(t *testing.T) {
	e := &Entity{Names: []Name{
		{Text: "Ant Group Co., Ltd.", Kind: NameLegal},
		{Text: "ANT GROUP", Kind: NameFormer},
		{Text: "Ant-Group", Kind: NameAlias},
		{Text: "★", Kind: NameAlias},
		{Text: "蚂蚁", Kind: NamePreferred},
	}}
	want := []NameKey{
		{Fold: "antgroup", Rank: NameAlias},
		{Fold: "antgroupcoltd", Rank: NameLegal},
		{Fold: "蚂蚁", Rank: NamePreferred},
		{Fold: "antgroup", Core: true, Rank: NameLegal},
		{Fold: "蚂蚁", Core: true, Rank: NamePreferred},
	}
	if diff := cmp.Diff(want, e.NameKeys()); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func TestIdentifiersInNormalForm(t *testing.T) {
	for _, c := range [][4]string{
		{"LEI", " 5493001KJTIIGC8Y1R12 ", "lei", "5493001kjtiigc8y1r12"},
		{" HKEX", "9988.HK", "hkex", "9988.hk"},
		{"", "", "", ""},
	} {
		if scheme, value := IdentifierKey(c[0], c[1]); scheme != c[2] || value != c[3] {
			t.Errorf("%q %q is %q %q, want %q %q", c[0], c[1], scheme, value, c[2], c[3])
		}
	}
}
