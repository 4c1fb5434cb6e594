package search

import "testing"

func TestAlike(t *testing.T) {
	for _, c := range []struct {
		a, b        string
		least, most float64
	}{
		{"Alibaba", "ALIBABA", 1, 1},
		{"Société Générale", "Societe Generale", 1, 1},
		{"Group Alibaba", "Alibaba Group", 1, 1},
		{"Ali baba", "Alibaba", 1, 1},
		{"Alibaba", "Alibabba", 0.85, 0.9},
		{"高德地图", "Gaode Ditu", 0.9, 0.9},
		{"삼성", "Samseong", 0.9, 0.9},
		{"Алибаба", "Alibaba", 0.9, 0.9},
		{"华为技术", "华为", 0.5, 0.5},
		{"华为技术有限公司", "华为", 0.5, 0.5},
		{"华为技术有限公司", "Huawei Jishu Youxian Gongsi", 0.9, 0.9},
		{"Gasprom PAO", "Gazprom", 0.85, 0.86},
		{"Tencent", "Alibaba", 0, 0.3},
		{"", "Alibaba", 0, 0},
		{"...", "Alibaba", 0, 0},
	} {
		for _, got := range []float64{Alike(c.a, c.b), Alike(c.b, c.a)} {
			if got < c.least || got > c.most {
				t.Errorf("Alike(%q, %q) = %.3f, want %.2f to %.2f", c.a, c.b, got, c.least, c.most)
			}
		}
	}
}
