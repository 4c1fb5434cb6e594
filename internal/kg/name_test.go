package kg

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
	"pgregory.net/rapid"
)

func TestCoreWords(t *testing.T) {
	for name, want := range map[string]string{
		"Müller Maschinenbau GmbH & Co. KG": "muller maschinenbau", "OOO Yandex": "yandex", "阿里巴巴（中国）有限公司": "阿里巴巴中国", "株式会社 ソニー": "ソニー",
		"Grupo Bimbo S.A.B. de C.V.": "grupo bimbo", "Ltd": "ltd", "有限公司": "有限公司", "...": "",
	} {
		got := CoreWords(name)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if core := CoreName(name); strings.Join(got, "") != core {
			t.Errorf("%s: words %q, and the core name is %q", name, got, core)
		}
	}
}

func TestBareWords(t *testing.T) {
	for name, want := range map[string]string{
		"Müller Maschinenbau Gesellschaft mit beschränkter Haftung": "muller maschinenbau",
		"Société à responsabilité limitée du Nord":                  "du nord",
		"Общество с ограниченной ответственностью «Ромашка»":        "ромашка",
		"Huawei Jishu Youxian Gongsi":                               "huawei jishu",
		"The Bank of Nova Scotia":                                   "bank nova scotia",
		"Acme Private Limited Company":                              "acme private", // the end is a legal form of its own
		"Limited Partnership":                                       "limited partnership",
		"And the":                                                   "and the",
	} {
		if got := strings.Join(BareWords(name), " "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestSameNumbers(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"Fund II", "Fund III", false},
		{"Fund II", "II Fnd", true},
		{"Plan A", "Plan B", false},
		{"Class of 1998", "Class of 1998", true},
		{"3i Group", "4i Group", false},
		{"Fund", "Fund 1", false},
		{"阿里", "阿里巴巴", true},
	} {
		if got := SameNumbers(FoldWords(c.a), FoldWords(c.b)); got != c.want {
			t.Errorf("%s and %s: %t", c.a, c.b, got)
		}
	}
}

func TestNamesThatAreOne(t *testing.T) {
	for want, names := range map[string][]string{
		"alibabagroup":   {"Alibaba Group", "ALIBABA GROUP", "alibaba group", "Alibaba-Group", "AlibabaGroup", "Ａｌｉｂａｂａ　Ｇｒｏｕｐ", "Alibaba\u00a0Group", "Álibàbâ Gröup"},
		"groupealibaba":  {"groupe Alibaba", "Groupe ALIBABA"},
		"tmallgenie":     {"T-Mall Genie", "Tmall Genie", "TMALL GENIE", "T‑Mall Genie", "Tmall\u200bGenie"},
		"autonavi":       {"AutoNavi", "Auto Navi", "autonavi"},
		"阿里云":            {"阿里云", " 阿里云 ", "「阿里云」", "阿里·云"},
		"高德地图":           {"高德地图", "高德 地图"},
		"elеme":          {"Elеme"}, // with a Cyrillic е, which is another letter
		"eleme":          {"Ele.me", "ele me", "ELE.ME"},
		"lazada":         {"Lazada", "Lázáda", "ＬＡＺＡＤＡ"},
		"strasse":        {"Straße", "STRASSE", "Strasse", "STRAẞE"},
		"obrien":         {"O'Brien", "O’Brien", "O´Brien", "O`Brien", "OBrien"},
		"skoda":          {"Škoda", "SKODA", "S\u030ckoda"},
		"lodz":           {"Łódź", "ŁÓDŹ", "Lodz"},
		"kobenhavn":      {"København", "KØBENHAVN", "Kobenhavn"},
		"dordevic":       {"Đorđević", "Dordevic"},
		"istanbul":       {"İstanbul", "ISTANBUL", "Istanbul"},
		"isik":           {"Işık", "isik"},
		"aeroskobing":    {"Ærøskøbing", "ÆRØSKØBING", "Aeroskobing"},
		"ae":             {"ǽ", "æ", "Ǣ"},
		"o":              {"ǿ", "ø", "Ó"},
		"завод":          {"Завод", "ЗАВОД"},
		"елка":           {"Ёлка", "Елка", "ёлка"},
		"ελλασ":          {"Ελλάς", "Ελλας"},
		"アント":            {"アント", "ｱﾝﾄ", "ア ン ト"},
		"ガス":             {"ガス", "ｶﾞｽ", "カ\u3099ス"},
		"삼성전자":           {"삼성전자", "삼성 전자", norm.NFD.String("삼성전자")},
		"葛城":             {"葛城", "葛\U000E0100城"},
		"fi":             {"ﬁ", "FI"},
		"iv":             {"Ⅳ", "IV"},
		"3m":             {"3M", "３Ｍ", "3 M"},
		"7eleven":        {"7-Eleven", "7 Eleven"},
		"att":            {"AT&T", "AT & T", "A.T.T."},
		"":               {"", " ", "—", "!?", "★", "👍", "\u0301", "´"},
		"हिन्दी":         {"हिन्दी"},
		"يوسف":           {"يُوسُف", "يوسف"},
		"שלום":           {"שָׁלוֹם", "שלום"},
		"nguyenvanthieu": {"Nguyễn Văn Thiệu", "Nguyen Van Thieu"},
	} {
		for _, name := range names {
			if got := FoldName(name); got != want {
				t.Errorf("%q is folded to %q, want %q", name, got, want)
			}
		}
	}
}

func TestNamesThatAreNotOne(t *testing.T) {
	for _, pair := range [][2]string{
		{"Ant Group", "Ant Financial"},
		{"Ant Group", "Ant"},
		{"Alibaba", "Alibaba Group"},
		{"阿里云", "阿里巴巴"},
		{"Ali", "阿里"},
		{"ガス", "カス"}, // in Japanese the mark makes another letter
		{"はは", "ばば"},
		{"हिन्दी", "हिन्द"},
		{"Elеme", "Eleme"},
	} {
		if FoldName(pair[0]) == FoldName(pair[1]) || CoreName(pair[0]) == CoreName(pair[1]) {
			t.Errorf("%q and %q are one name", pair[0], pair[1])
		}
	}
}

func TestWords(t *testing.T) {
	for name, want := range map[string][]string{
		"Alibaba Group Holding Ltd.": {"alibaba", "group", "holding", "ltd"},
		"T-Mall  Genie":              {"tmall", "genie"},
		" — ":                        nil,
		"A & B":                      {"a", "b"},
		"阿里 云":                       {"阿里", "云"},
	} {
		if got := FoldWords(name); !slices.Equal(got, want) {
			t.Errorf("%q has the words %q, want %q", name, got, want)
		}
	}
}

func TestLegalFormsAreDropped(t *testing.T) {
	for name, want := range map[string]string{
		"Apple Inc.":                     "apple",
		"APPLE, INC":                     "apple",
		"Alibaba Group Holding Limited":  "alibabagroupholding",
		"Alibaba.com Ltd":                "alibabacom",
		"Tencent Co., Ltd.":              "tencent",
		"Exxon Mobil Corporation":        "exxonmobil",
		"Acme LLC":                       "acme",
		"Acme L.L.C.":                    "acme",
		"BP p.l.c.":                      "bp",
		"Siemens AG":                     "siemens",
		"Daimler Aktiengesellschaft":     "daimler",
		"Robert Bosch GmbH":              "robertbosch",
		"Merck KGaA":                     "merck",
		"Würth GmbH & Co. KG":            "wurth",
		"SAP SE":                         "sap",
		"Danone S.A.":                    "danone",
		"Danone S. A.":                   "danone",
		"Orange SA":                      "orange",
		"Carrefour SAS":                  "carrefour",
		"Dupont S.à r.l.":                "dupont",
		"Dupont SARL":                    "dupont",
		"Eni S.p.A.":                     "eni",
		"Eni S. p. A.":                   "eni",
		"Barilla S.r.l.":                 "barilla",
		"Philips N.V.":                   "philips",
		"IKEA B.V.":                      "ikea",
		"Volvo AB":                       "volvo",
		"Nokia Oyj":                      "nokia",
		"Equinor ASA":                    "equinor",
		"Novo Nordisk A/S":               "novonordisk",
		"LEGO ApS":                       "lego",
		"Telefónica, S.A.":               "telefonica",
		"Cemex S.A.B. de C.V.":           "cemex",
		"Bimbo, S.A. de C.V.":            "bimbo",
		"Tienda S. de R.L. de C.V.":      "tienda",
		"Magazine Luiza S/A":             "magazineluiza",
		"Natura Ltda.":                   "natura",
		"Allegro Sp. z o.o.":             "allegro",
		"Allegro Spółka z o.o.":          "allegro",
		"Škoda Auto a.s.":                "skodaauto",
		"Avast s.r.o.":                   "avast",
		"Podravka d.d.":                  "podravka",
		"Lek d.o.o.":                     "lek",
		"OTP Bank Nyrt.":                 "otpbank",
		"ООО Ромашка":                    "ромашка",
		"Ромашка ООО":                    "ромашка",
		"ПАО «Газпром»":                  "газпром",
		"OOO Romashka":                   "romashka",
		"Gazprom PJSC":                   "gazprom",
		"Lazada Pte. Ltd.":               "lazada",
		"BHP Pty Ltd":                    "bhp",
		"Petronas Sdn. Bhd.":             "petronas",
		"PT Tokopedia Tbk":               "tokopedia",
		"Trendyol A.Ş.":                  "trendyol",
		"Trendyol Ltd. Şti.":             "trendyol",
		"Sony K.K.":                      "sony",
		"株式会社アント":                        "アント",
		"アント株式会社":                        "アント",
		"アント 株式会社":                       "アント",
		"トヨタ有限会社":                        "トヨタ",
		"삼성전자 주식회사":                      "삼성전자",
		"주식회사 카카오":                       "카카오",
		"阿里巴巴（中国）有限公司":                   "阿里巴巴中国",
		"阿里云计算有限公司":                      "阿里云计算",
		"高德软件有限公司":                       "高德软件",
		"蚂蚁科技集团股份有限公司":                   "蚂蚁科技集团",
		"臺灣有限責任公司":                       "臺灣",
		"上海 有限责任公司":                      "上海",
		"Co-operative Bank":              "cooperativebank",
		"Plan A B":                       "planab",
		"Costa Coffee":                   "costacoffee",
		"Incorporated Society of Design": "incorporatedsocietyofdesign",
		"Inc. Magazine":                  "incmagazine",
		"Marcopolo":                      "marcopolo",
		"Ant Group":                      "antgroup",
		"groupe Alibaba":                 "groupealibaba",
		"公司":                             "公司",
		"有限公司":                           "有限公司",
		"株式会社":                           "株式会社",
		"股份有限公司":                         "股份有限公司",
		"Ltd":                            "ltd",
		"Co., Ltd.":                      "coltd",
		"S. A.":                          "sa",
		"PT":                             "pt",
		"GmbH & Co. KG":                  "gmbhcokg",
		"有限公司株式会社":                       "有限公司株式会社",
		"":                               "",
		"!":                              "",
	} {
		if got := CoreName(name); got != want {
			t.Errorf("the core of %q is %q, want %q", name, got, want)
		}
	}
}

// anyName draws names of many scripts, with marks, punctuation and spaces.
func anyName() *rapid.Generator[string] {
	parts := rapid.SampledFrom([]string{
		"Ant", "ÄNT", "é", "ø", "ǿ", "Ł", "ß", "İ", "ı", "ﬁ", "Ⅳ", "Ｔ", "-", ".", "&", "´", "’", " ", "\u3000", "\u00a0", "\u0301", "\u0345", "\u3099", "\uff9e",
		"阿里", "株式会社", "有限公司", "㈱", "が", "ｶﾞ", "삼성", "ᄀ", "ᅡ", "Завод", "ё", "й", "ά", "ΐ", "ſ", "हि", "्", "ไทย", "ُ", "ש", "ָ", "👍", "\U000E0100", "½", "²", "Ltd", "S.A.", "Co", "\xff",
	})
	return rapid.OneOf(
		rapid.String(),
		rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(parts, 0, 8).Draw(t, "parts"), "") }),
	)
}

func TestFoldingIsOnceAndForAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkFold(t, anyName().Draw(t, "name")) })
}

// checkFold fails unless the folded name is a key: the same for all ways to
// write the name, and made of letters and digits.
func checkFold(t interface{ Errorf(string, ...any) }, name string) {
	fold := FoldName(name)
	if again := FoldName(fold); again != fold {
		t.Errorf("%+q is folded to %+q, and that to %+q", name, fold, again)
	}
	if strings.ContainsFunc(fold, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsPunct(r) || unicode.IsControl(r) || unicode.IsUpper(r)
	}) {
		t.Errorf("%+q is folded to %+q", name, fold)
	}
	if joined := FoldName(strings.Join(FoldWords(name), " ")); joined != fold {
		t.Errorf("%+q is folded to %+q, its words to %+q", name, fold, joined)
	}
	core := CoreName(name)
	if (core == "") != (fold == "") || !strings.Contains(fold, core) {
		t.Errorf("%+q is folded to %+q, its core to %+q", name, fold, core)
	}
}

func TestFoldingIsBlindToHowANameIsWritten(t *testing.T) {
	letters := rapid.StringOfN(rapid.RuneFrom([]rune("abcxyzABCXYZ0189 éÉüÜçñåÅøłđ阿里云高德アガ삼성завод")), 1, 20, -1)
	rapid.Check(t, func(t *rapid.T) {
		name := letters.Draw(t, "name")
		fold := FoldName(name)
		for how, other := range map[string]string{
			"in capitals":            strings.ToUpper(name),
			"in small letters":       strings.ToLower(name),
			"taken apart":            norm.NFD.String(name),
			"put together":           norm.NFC.String(name),
			"in wide letters":        width.Widen.String(name),
			"in narrow letters":      width.Narrow.String(name),
			"in quotation marks":     "“" + name + "”",
			"with hyphens":           strings.ReplaceAll(name, " ", "-"),
			"without spaces":         strings.ReplaceAll(name, " ", ""),
			"with more spaces":       " " + strings.ReplaceAll(name, " ", "  ") + "\n",
			"with a byte-order mark": "\ufeff" + name,
		} {
			if got := FoldName(other); got != fold {
				t.Errorf("%s, %q is folded to %q, and %q to %q", how, other, got, name, fold)
			}
		}
	})
}

func FuzzFoldName(f *testing.F) {
	for _, name := range []string{"Alibaba Group", "T-Mall", "阿里云", "Łódź", "O´Brien", "ǿ", "株式会社", "ｶﾞ", "\u0345α", "ᄀ ᅡ", "\xff", "Co., Ltd."} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) { checkFold(t, name) })
}

func TestNamesInOrder(t *testing.T) {
	want := []string{
		"", "3M", "7-Eleven", "alibaba", "Alibaba", "Alibaba Group", "alipay", "Ant", "Änt", "Antler", "Banana", "éclair", "Eclipse", "Łódź", "Lozère",
		"Zürich", "Ελλάς", "Завод", "アント", "阿里云", "高德地图",
	}
	var keys [][]byte
	for _, name := range want {
		keys = append(keys, entityNamed(name).SortKey())
	}
	for i := 1; i < len(keys); i++ {
		if bytes.Compare(keys[i-1], keys[i]) >= 0 {
			t.Errorf("%q does not stand before %q", want[i-1], want[i])
		}
	}
}

func TestSortKeysAreBounded(t *testing.T) {
	a, b := entityNamed(strings.Repeat("a", 1000)), entityNamed(strings.Repeat("a", 1001))
	if len(a.SortKey()) > maxCollationKey || !bytes.Equal(a.SortKey(), b.SortKey()) {
		t.Errorf("keys of %d and %d bytes", len(a.SortKey()), len(b.SortKey()))
	}
}

// TestSortKeysBelongToTheCaller sees that the collators' memory is not handed out.
func TestSortKeysBelongToTheCaller(t *testing.T) {
	a := entityNamed("Alibaba").SortKey()
	kept := slices.Clone(a)
	for range 100 {
		entityNamed("Zürich and a longer name").SortKey()
	}
	if !bytes.Equal(a, kept) {
		t.Error("a key changes when others are made")
	}
}

func entityNamed(name string) *Entity {
	return &Entity{ID: "id", Names: []Name{{Text: name, Kind: NamePreferred}}}
}
