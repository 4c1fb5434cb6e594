package search

import (
	"strings"
	"testing"

	"keiretsu/internal/kg"
)

// TestTranslated: names that say the same in two languages find each other from both
// sides, and tell what was translated; names that say something else do not.
func TestTranslated(t *testing.T) {
	for _, c := range []struct {
		a, b string
		// least is how alike they are at least; at 0 they do not find each other.
		least float64
		said  string
	}{
		{"华为技术有限公司", "Huawei Technologies Co., Ltd.", 1, "技术 technology"},
		{"華為技術有限公司", "Huawei Technologies", 1, "技術 technology"},
		{"阿里巴巴集团控股有限公司", "Alibaba Group Holding Limited", 1, "集团 group, 控股 holding"},
		{"阿里巴巴集团", "Alibaba Group Holding Limited", 0.9, "集团 group, (holding)"},
		{"阿里巴巴集团", "Alibaba", 0.9, "集团 group"},
		{"阿里巴巴", "Alibaba Group", 0.9, "(group)"},
		{"ソフトバンクグループ", "SoftBank", 0.75, "グループ group"},
		{"中国工商银行股份有限公司", "Industrial and Commercial Bank of China Limited", 1, "中国 china, 工商 industrial commercial, 银行 bank"},
		{"中国农业银行", "Agricultural Bank of China", 1, "中国 china, 农业 agricultural, 银行 bank"},
		{"中国银行", "Bank of China", 1, "中国 china, 银行 bank"},
		{"交通银行", "Bank of Communications", 1, "交通 communication, 银行 bank"},
		{"中国移动有限公司", "China Mobile Limited", 1, "中国 china, 移动 mobile"},
		{"中国联合网络通信集团有限公司", "China United Network Communications Group Company Limited", 0.9, "中国 china, 联合 united, 网络 network, 通信 communication, 集团 group"},
		{"中国石油化工股份有限公司", "China Petroleum & Chemical Corporation", 1, "中国 china, 石油 oil, 化工 chemical"},
		{"中国平安保险(集团)股份有限公司", "Ping An Insurance (Group) Company of China, Ltd.", 0.9, "中国 china, 保险 insurance, 集团 group, (company)"},
		{"国家电网有限公司", "State Grid Corporation of China", 0, ""},
		{"北京小米科技有限责任公司", "Beijing Xiaomi Technology Co., Ltd.", 1, "科技 technology"},
		{"TCL科技集团股份有限公司", "TCL Technology Group Corporation", 1, "科技 technology, 集团 group"},
		{"トヨタ自動車株式会社", "Toyota Motor Corporation", 1, "自動車 motor"},
		{"ソニーグループ株式会社", "Sony Group Corporation", 1, "グループ group"},
		{"ソフトバンクグループ株式会社", "SoftBank Group Corp.", 0.8, "グループ group"},
		{"パナソニック ホールディングス株式会社", "Panasonic Holdings Corporation", 0.8, "ホールディングス holding"},
		{"삼성전자 주식회사", "Samsung Electronics Co., Ltd.", 0.8, "전자 electronic"},
		{"한국전력공사", "Korea Electric Power Corporation", 0.9, "한국 korea, 전력 power, 공사 company"},
		{"Банк ВТБ (ПАО)", "VTB Bank PJSC", 1, "банк bank"},
		{"ОАО «Российские железные дороги»", "Russian Railways JSC", 1, "россииские russia, железныедороги railway"},
		{"Сбербанк России", "Sberbank of Russia", 1, "россии russia"},
		{"Московская биржа", "Moscow Exchange", 1, "московская moscow, биржа exchange"},

		{"华能技术有限公司", "Huawei Technologies Co., Ltd.", 0, ""},
		{"华为技术有限公司", "Huaneng Technologies Co., Ltd.", 0, ""},
		{"华为技术有限公司", "Huawei Investment & Holding Co., Ltd.", 0, ""},
		{"华为技术有限公司", "Technology Ltd", 0, ""},
		{"中国农业银行", "Bank of China", 0, ""},
		{"中国银行", "Agricultural Bank of China", 0, ""},
		{"中国工商银行", "China Construction Bank", 0, ""},
		{"中国移动", "China Unicom", 0, ""},
		{"中国联通", "China Mobile", 0, ""},
		{"中国农业发展银行", "Agricultural Bank of China", 0, ""},
		{"トヨタ自動車", "Honda Motor", 0, ""},
		{"삼성전자", "Samsung Life Insurance", 0, ""},
		{"Банк ВТБ", "Bank of Russia", 0, ""},
		{"银行", "Bank", 0, ""},
		{"集团", "Group", 0, ""},
		{"第2电力公司", "第3 Power", 0, ""},
		{"华为技术", "华为科技", 0, ""}, // one language
		{"Huawei Tech", "Huawei Technologies", 0, ""},
	} {
		t.Run(c.a+" and "+c.b, func(t *testing.T) {
			world := []*kg.Entity{entity(kg.KindCompany, "a", preferred(c.a)), entity(kg.KindCompany, "b", preferred(c.b))}
			index := open(t, t.TempDir(), filled(t, world...))
			found, err := index.Resembling(t.Context(), world, 5)
			if err != nil {
				t.Fatal(err)
			}
			for i := range world {
				var got kg.Resemblance
				if len(found[i]) > 0 && found[i][0].Translated != "" {
					got = found[i][0]
				}
				if got.Translated != c.said || got.Likeness < c.least-1e-9 || c.said != "" && (got.Name != world[i].Name("") || got.Other != world[1-i].Name("")) {
					t.Errorf("%s: %+v", world[i].ID, found[i])
				}
			}
		})
	}
}

// TestPeopleAreNotTranslated: Mr Bank is not 银行.
func TestPeopleAreNotTranslated(t *testing.T) {
	world := []*kg.Entity{entity(kg.KindPerson, "a", preferred("李银行")), entity(kg.KindPerson, "b", preferred("Li Bank"))}
	found, err := open(t, t.TempDir(), filled(t, world...)).Resembling(t.Context(), world, 5)
	if err != nil || len(found[0])+len(found[1]) > 0 {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestSearchTranslates: who types a name in one language finds it in another, behind
// names that have the words and before those that are misspelt.
func TestSearchTranslates(t *testing.T) {
	index := open(t, t.TempDir(), filled(t,
		entity(kg.KindCompany, "icbc", preferred("中国工商银行")), entity(kg.KindCompany, "abc", preferred("中国农业银行")),
		entity(kg.KindCompany, "icbc-leasing", preferred("Industrial and Commercial Bank of China Leasing")),
		entity(kg.KindCompany, "slip", preferred("Indistrial and Comercial Bank of China")),
		entity(kg.KindCompany, "toyota", preferred("Toyota Motor Corporation")),
	))
	for text, want := range map[string]string{
		"Industrial and Commercial Bank of China": "icbc-leasing icbc slip",
		"トヨタ自動車":                                  "toyota",
	} {
		hits, total, err := index.Search(t.Context(), kg.TextQuery{Text: text, Limit: 3})
		var got []string
		for _, h := range hits {
			got = append(got, string(h.ID))
		}
		if strings.Join(got, " ") != want || err != nil {
			t.Errorf("%s: %s of %d, %v", text, got, total, err)
		}
	}
}

// TestTradeWords: no word has two meanings, and none is so short that it would be
// found inside others.
func TestTradeWords(t *testing.T) {
	meant := make(map[string]string)
	for line := range strings.Lines(tradeWords) {
		for _, form := range strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == '|' || r == '\n' }) {
			closed := kg.FoldName(form)
			if other, ok := meant[closed]; ok {
				t.Errorf("%s is in the lines %q and %q", form, other, line)
			}
			meant[closed] = line
			if letters := []rune(closed); len(letters) < 2 {
				t.Errorf("%q in the line %q is too short", form, line)
			}
		}
	}
	for word, light := range map[string]bool{"集团": true, "holdings": true, "银行": false, "railways": false} {
		if known, ok := trade[word]; !ok || known.light != light {
			t.Errorf("%s: %+v, %t", word, known, ok)
		}
	}
}
