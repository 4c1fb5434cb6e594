package search

import (
	"slices"
	"testing"

	"keiretsu/internal/kg"
)

// TestResembling: names that people or registers write a little otherwise find each
// other, and names that say something else do not.
func TestResembling(t *testing.T) {
	for _, c := range []struct {
		a, b string
		// least and most bound how alike they are; at 0 they do not find each other.
		least, most float64
	}{
		{"Müller Maschinenbau GmbH", "Maschinenbau Mueller", 1, 1},
		{"Müller Maschinenbau GmbH", "Mueller Maschinenbau Gesellschaft mit beschränkter Haftung", 1, 1},
		{"Lopez, Roberto", "Roberto López", 1, 1},
		{"Platinum Emerald & Plutonim Mining Ltd.", "Platinum Emerald and Plutonim Mining Limited", 1, 1},
		{"华为技术有限公司", "Huawei Jishu Youxian Gongsi", 1, 1},
		{"华为技术有限公司", "Huawai Jishu", 0.85, 0.95},
		{"ПАО «Газпром»", "Gasprom PAO", 0.8, 0.9},
		{"Публичное акционерное общество Газпром", "Gazprom PJSC", 1, 1},
		{"Galapagos Conservation Trst", "GALAPAGOS CONSERVATION TRUST", 0.9, 1},
		{"Vangaurd Growth", "Vanguard Growth", 0.85, 0.95},
		{"AstraZeneca PLC", "Astra Zenica", 0.85, 0.95},
		{"Nvidia Semiconductor", "Mvidia Semiconductor", 0.9, 0.96},
		{"Mircosoft", "Microsoft Corporation", 0.85, 0.95},
		{"The Bank of Nova Scotia", "Bank Nova Scotia", 1, 1},
		{"Grand Fund II", "Grand Fund III", 0, 0},
		{"Orchard Leasing 1998", "Orchard Leasing 1999", 0, 0},
		{"Company A", "Company B", 0, 0},
		{"Meier", "Maria", 0, 0},
		{"Alibaba Pictures", "Alibaba Partners", 0, 0},
		{"中国石油化工", "中国石油天然气", 0, 0},
		{"GmbH", "Limited", 0, 0},
	} {
		t.Run(c.a+" and "+c.b, func(t *testing.T) {
			world := []*kg.Entity{entity(kg.KindCompany, "a", preferred(c.a)), entity(kg.KindCompany, "b", preferred(c.b))}
			index := open(t, t.TempDir(), filled(t, world...))
			found, err := index.Resembling(t.Context(), world, 5)
			if err != nil {
				t.Fatal(err)
			}
			for i, other := range []kg.ID{"b", "a"} {
				likeness := 0.0
				if len(found[i]) > 0 {
					likeness = found[i][0].Likeness
				}
				if likeness < c.least || likeness > c.most || len(found[i]) > 1 || likeness > 0 && found[i][0].ID != other {
					t.Errorf("%s: %+v, want %.2f to %.2f", world[i].ID, found[i], c.least, c.most)
				}
			}
		})
	}
}

func TestSkeletons(t *testing.T) {
	for name, want := range map[string][]string{
		"Philips Electric Lighting N.V.": {"flpselktrklgtng", "elktrkflpslgtng"},
		"Aliababa Co":                    {"aliababa"}, // albb would be too little
		"Sun":                            nil,
		"...":                            nil,
	} {
		if got := skeletons(name); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
