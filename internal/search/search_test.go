package search

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// TestMain fails if anything is left running. bleve starts its analysers with the
// program and keeps them.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

func entity(kind kg.EntityKind, id kg.ID, names ...kg.Name) *kg.Entity {
	return &kg.Entity{ID: id, Kind: kind, Names: names}
}

func preferred(text string) kg.Name { return kg.Name{Text: text, Kind: kg.NamePreferred} }
func legal(text string) kg.Name     { return kg.Name{Text: text, Kind: kg.NameLegal} }
func alias(text string) kg.Name     { return kg.Name{Text: text, Kind: kg.NameAlias} }
func former(text string) kg.Name    { return kg.Name{Text: text, Kind: kg.NameFormer} }

// world is modelled on the names of one group of companies, with a few others.
func world() []*kg.Entity {
	const (
		company = kg.KindCompany
		product = kg.KindProduct
		place   = kg.KindPlace
	)
	return []*kg.Entity{
		entity(company, "alibaba-group", preferred("Alibaba Group"), legal("Alibaba Group Holding Limited"), alias("Alibaba"), alias("groupe Alibaba")),
		entity(company, "alibaba-cloud", preferred("Alibaba Cloud"), alias("Aliyun"), alias("Nuage d'alibaba"), alias("Cloud Intelligence Group")),
		entity(product, "function-compute", preferred("阿里云函数计算")),
		entity(company, "alibaba-pictures", preferred("Alibaba Pictures"), alias("阿里巴巴影业集团"), former("ChinaVision Media")),
		entity(product, "alibaba-com", preferred("Alibaba.com")),
		entity(product, "alipay", preferred("Alipay"), alias("Réseau Alipay")),
		entity(company, "amap", preferred("Amap"), alias("高德地图"), former("AutoNavi")),
		entity(company, "ant-group", preferred("Ant Group"), alias("groupe ANT"), alias("蚂蚁集团"), former("Ant Financial")),
		entity(company, "lazada", preferred("Lazada"), alias("Groupe Lazada")),
		entity(product, "tmall", preferred("Tmall"), alias("Tmall.com")),
		entity(product, "tmall-genie", preferred("T-Mall Genie"), alias("天猫精灵")),
		entity(product, "quark-ai-glasses", preferred("Quark AI Glasses"), alias("夸克AI眼镜")),
		entity(product, "quark-ai-glasses-s1", preferred("Quark AI Glasses S1")),
		entity(company, "samsung", preferred("Samsung Electronics"), alias("삼성전자")),
		entity(company, "mueller", preferred("Müller GmbH")),
		entity(place, "da-nang", preferred("Đà Nẵng")),
		entity(company, "sberbank", preferred("Сбербанк")),
		entity(company, "icbc", preferred("ICBC"), alias("中国工商银行")),
		entity(company, "rakuten", preferred("楽天グループ")),
		entity(kg.KindPerson, "jack-ma", preferred("Jack Ma"), alias("马云")),
		entity(place, "hangzhou", preferred("Hangzhou"), alias("杭州")),
		entity(kg.KindEvent, "singles-day", preferred("Singles' Day"), alias("11.11")),
	}
}

// filled returns a store that holds the entities.
func filled(t testing.TB, entities ...*kg.Entity) kg.Store {
	t.Helper()
	store := kgtest.NewModel()
	t.Cleanup(func() { _ = store.Close() })
	put(t, store, entities...)
	return store
}

func put(t testing.TB, store kg.Store, entities ...*kg.Entity) kg.Revision {
	t.Helper()
	b := &kg.Batch{}
	for _, e := range entities {
		b.Put = append(b.Put, e)
	}
	return apply(t, store, b)
}

func apply(t testing.TB, store kg.Store, b *kg.Batch) kg.Revision {
	t.Helper()
	b.At = time.Unix(1_700_000_000, 0)
	r, err := store.Apply(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// open returns an index of the store that has caught up with it.
func open(t testing.TB, dir string, store Store) *Index {
	t.Helper()
	x := start(t, Options{Dir: dir, Store: store})
	catchUp(t, x, store)
	return x
}

// start returns an index that has only been opened.
func start(t testing.TB, o Options) *Index {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	x, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func catchUp(t testing.TB, x *Index, store Store) {
	t.Helper()
	snap, err := store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if err := x.Wait(t.Context(), snap.Revision()); err != nil {
		t.Fatal(err)
	}
}

func find(t testing.TB, x *Index, q kg.TextQuery) ([]kg.TextHit, int) {
	t.Helper()
	hits, total, err := x.Search(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return hits, total
}

func found(t testing.TB, x *Index, text string) []kg.ID {
	t.Helper()
	hits, _ := find(t, x, kg.TextQuery{Text: text})
	var ids []kg.ID
	for _, h := range hits {
		ids = append(ids, h.ID)
	}
	return ids
}

func TestSearchFindsNamesInAnyLanguage(t *testing.T) {
	x := open(t, t.TempDir(), filled(t, world()...))
	for _, c := range []struct {
		name, text string
		first      kg.ID
		matched    string
	}{
		{"preferred name", "Alibaba Cloud", "alibaba-cloud", "Alibaba Cloud"},
		{"alias", "aliyun", "alibaba-cloud", "Aliyun"},
		{"legal name", "alibaba group holding limited", "alibaba-group", "Alibaba Group Holding Limited"},
		{"former name", "AutoNavi", "amap", "AutoNavi"},
		{"alias in French", "groupe ant", "ant-group", "groupe ANT"},
		{"the group before what it owns", "groupe Alibaba", "alibaba-group", "groupe Alibaba"},
		{"short name before longer ones", "alibaba", "alibaba-group", "Alibaba"},
		{"without the legal form", "Muller", "mueller", "Müller GmbH"},
		{"with a legal form of its own", "Alibaba Ltd", "alibaba-group", "Alibaba"},
		{"accents", "da nang", "da-nang", "Đà Nẵng"},
		{"accents, closed up", "DANANG", "da-nang", "Đà Nẵng"},
		{"accents typed", "reseau alipay", "alipay", "Réseau Alipay"},
		{"spaces where there are none", "auto navi", "amap", "AutoNavi"},
		{"hyphen", "tmall genie", "tmall-genie", "T-Mall Genie"},
		{"hyphen as a space", "t mall genie", "tmall-genie", "T-Mall Genie"},
		{"behind an apostrophe", "nuage alibaba", "alibaba-cloud", "Nuage d'alibaba"},
		{"digits", "11/11", "singles-day", "11.11"},
		{"any word", "genie", "tmall-genie", "T-Mall Genie"},
		{"words of several names", "aliyun intelligence", "alibaba-cloud", "Aliyun"},
		{"most of the words", "the quark glasses shop", "quark-ai-glasses", "Quark AI Glasses"},

		{"beginning", "alib", "alibaba-com", "Alibaba.com"},
		{"beginning of the last word", "quark ai g", "quark-ai-glasses", "Quark AI Glasses"},
		{"beginning of a later word", "elect", "samsung", "Samsung Electronics"},
		{"beginning of every word", "sam ele", "samsung", "Samsung Electronics"},
		{"one letter", "r", "alipay", "Réseau Alipay"},

		{"Chinese name", "高德地图", "amap", "高德地图"},
		{"Chinese beginning", "高德", "amap", "高德地图"},
		{"Chinese end", "地图", "amap", "高德地图"},
		{"Chinese character", "猫", "tmall-genie", "天猫精灵"},
		{"Chinese inside another script", "眼镜", "quark-ai-glasses", "夸克AI眼镜"},
		{"two scripts in one word", "AI眼镜", "quark-ai-glasses", "夸克AI眼镜"},
		{"Korean beginning", "삼성", "samsung", "삼성전자"},
		{"Korean, spaced", "삼성 전자", "samsung", "삼성전자"},
		{"Korean inside", "성전", "samsung", "삼성전자"},
		{"Japanese, two scripts", "グループ", "rakuten", "楽天グループ"},
		{"half-width Japanese", "ｸﾞﾙｰﾌﾟ", "rakuten", "楽天グループ"},
		{"Cyrillic", "СБЕР", "sberbank", "Сбербанк"},

		{"transposed letters", "autonvai", "amap", "AutoNavi"},
		{"missing letter", "lazda", "lazada", "Lazada"},
		{"letter too many", "hangzzhou", "hangzhou", "Hangzhou"},
		{"two slips in a long word", "elektronicks", "samsung", "Samsung Electronics"},
		{"a slip in one of the words", "quark ai glases", "quark-ai-glasses", "Quark AI Glasses"},
		{"a slip in Chinese", "高得地图", "amap", "高德地图"},
		{"umlaut spelt out", "Mueller", "mueller", "Müller GmbH"},

		{"pinyin", "gaode", "amap", "高德地图"},
		{"pinyin syllables", "gao de di tu", "amap", "高德地图"},
		{"pinyin from inside", "ditu", "amap", "高德地图"},
		{"pinyin where no alias helps", "aliyunhanshu", "function-compute", "阿里云函数计算"},
		{"second reading of a character", "gongshangyinhang", "icbc", "中国工商银行"},
		{"Cyrillic in Latin letters", "sberbank", "sberbank", "Сбербанк"},
		{"Korean in Latin letters", "samseongjeonja", "samsung", "삼성전자"},
	} {
		t.Run(c.name, func(t *testing.T) {
			hits, total := find(t, x, kg.TextQuery{Text: c.text, Limit: 3})
			if len(hits) == 0 {
				t.Fatalf("%q finds nothing", c.text)
			}
			if hits[0].ID != c.first || hits[0].Matched != c.matched {
				t.Errorf("%q finds %v, wanted %s by %q first", c.text, hits, c.first, c.matched)
			}
			if total < len(hits) {
				t.Errorf("%d hits of %d", len(hits), total)
			}
		})
	}
}

func TestSearchFindsAllThatContainIt(t *testing.T) {
	x := open(t, t.TempDir(), filled(t, world()...))
	for _, c := range []struct {
		name, text string
		want       []kg.ID
	}{
		{"Chinese", "阿里", []kg.ID{"function-compute", "alibaba-pictures"}},
		{"begun word", "alip", []kg.ID{"alipay"}},
		{"whole name, then words", "quark ai glasses", []kg.ID{"quark-ai-glasses", "quark-ai-glasses-s1"}},
		{"the second word has no match", "lazada qqqq", []kg.ID{"lazada"}},
		{"most words have no match", "lazada qqqq xxxx", nil},
		{"characters in another order", "里阿", nil},
		{"short words have no slips", "amp", nil},
		{"numbers have no slips", "1112", nil},
		{"unknown", "zzzz", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, found(t, x, c.text)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", c.text, diff)
			}
		})
	}
}

func TestEveryNameFindsItsEntityFirst(t *testing.T) {
	entities := world()
	x := open(t, t.TempDir(), filled(t, entities...))
	for _, e := range entities {
		for _, n := range e.Names {
			for _, text := range []string{n.Text, strings.ToUpper(n.Text), "  " + n.Text + "!"} {
				if ids := found(t, x, text); len(ids) == 0 || ids[0] != e.ID {
					t.Errorf("%q finds %v, wanted %s first", text, ids, e.ID)
				}
			}
		}
	}
}

// TestOrder names entities after the reason for their place.
func TestOrder(t *testing.T) {
	company := func(id kg.ID, names ...kg.Name) *kg.Entity { return entity(kg.KindCompany, id, names...) }
	x := open(t, t.TempDir(), filled(
		t,
		company("0-whole-preferred", preferred("Nordstern")),
		company("1-whole-legal", preferred("Zz"), legal("NORDSTERN")),
		company("2-whole-alias-a", preferred("Zy"), alias("Nord Stern")),
		company("2-whole-alias-b", preferred("Zx"), alias("nordstern")),
		company("3-whole-former", preferred("Zw"), former("Nordstern")),
		company("4-core", preferred("Nordstern GmbH")),
		company("5-core-former", preferred("Zv"), former("Nordstern AG")),
		company("6-begins", preferred("Nordstern Bank")),
		company("7-begins-longer", preferred("Nordsternlicht Bank")),
		company("8-begins-alias", preferred("Zu"), alias("Nordstern II")),
		company("a-word", preferred("Bank Nordstern")),
		company("b-begun-word", preferred("A Nordsternwerk")),
		company("c-one-slip", preferred("Nordstren Holding")),
		company("d-two-slips", preferred("Nordsterren X")),
		company("e-sound", preferred("Нордстерн")),
		company("f-other", preferred("Südkreuz")),
	))
	hits, total := find(t, x, kg.TextQuery{Text: "nordstern"})
	var ids []kg.ID
	for i, h := range hits {
		ids = append(ids, h.ID)
		if i > 0 && h.Score > hits[i-1].Score {
			t.Errorf("%s has the score %v, higher than %v of %s before it", h.ID, h.Score, hits[i-1].Score, hits[i-1].ID)
		}
	}
	if !slices.IsSorted(ids) || total != len(ids) || total != 15 {
		t.Errorf("%d hits, in the order %v", total, ids)
	}
}

func TestKinds(t *testing.T) {
	x := open(t, t.TempDir(), filled(t, world()...))
	for _, c := range []struct {
		name  string
		kinds []kg.EntityKind
		want  []kg.ID
	}{
		{"any", nil, []kg.ID{"alibaba-group", "alibaba-com", "alibaba-cloud", "alibaba-pictures"}},
		{"one", []kg.EntityKind{kg.KindProduct}, []kg.ID{"alibaba-com"}},
		{"two", []kg.EntityKind{kg.KindPlace, kg.KindProduct}, []kg.ID{"alibaba-com"}},
		{"none with this name", []kg.EntityKind{kg.KindWork}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			hits, total := find(t, x, kg.TextQuery{Text: "alibaba", Kinds: c.kinds})
			var ids []kg.ID
			for _, h := range hits {
				ids = append(ids, h.ID)
			}
			if diff := cmp.Diff(c.want, ids); diff != "" || total != len(c.want) {
				t.Errorf("%d hits (-want +got):\n%s", total, diff)
			}
		})
	}
}

// TestPagesJoin also goes beyond the hits that are compared name by name.
// TestSounding: who sounds like somebody in another script is found from both
// sides, whole names only, legal forms aside.
func TestSounding(t *testing.T) {
	company := func(id kg.ID, names ...string) *kg.Entity {
		e := entity(kg.KindCompany, id)
		for _, n := range names {
			e.Names = append(e.Names, alias(n))
		}
		return e
	}
	world := []*kg.Entity{
		company("gaode-han", "高德地图有限公司"), company("gaode-latin", "Gaode Ditu Ltd"), company("gaode-homophone", "高徳地图"),
		company("chongqing", "重庆"), company("chongqing-latin", "Chongqing"), company("zhongqing-latin", "Zhong Qing"),
		company("sber-cyrillic", "ПАО Сбербанк", "x"), company("sber-latin", "Other Name", "Sberbank"),
		company("alone", "Gaode"), company("longer", "高德地图北京"), company("long-latin", strings.Repeat("Anhui ", 10)), company("long-han", strings.Repeat("安徽", 10)),
		entity(kg.KindPerson, "gaode-person", preferred("Gaode Ditu")), company("nothing", "..."),
	}
	index := open(t, t.TempDir(), filled(t, world...))
	got := func(limit int) map[kg.ID][]kg.ID {
		t.Helper()
		found, err := index.Resembling(t.Context(), world, limit)
		if err != nil {
			t.Fatal(err)
		}
		told := map[kg.ID][]kg.ID{}
		for i, others := range found {
			for _, r := range others {
				told[world[i].ID] = append(told[world[i].ID], r.ID)
			}
			slices.Sort(told[world[i].ID])
		}
		return told
	}
	want := map[kg.ID][]kg.ID{
		"gaode-han": {"gaode-homophone", "gaode-latin"}, "gaode-latin": {"gaode-han", "gaode-homophone"}, "gaode-homophone": {"gaode-han", "gaode-latin"},
		"chongqing": {"chongqing-latin", "zhongqing-latin"}, "chongqing-latin": {"chongqing", "zhongqing-latin"}, "zhongqing-latin": {"chongqing", "chongqing-latin"},
		"sber-cyrillic": {"sber-latin"}, "sber-latin": {"sber-cyrillic"}, "long-latin": {"long-han"}, "long-han": {"long-latin"},
	}
	if diff := cmp.Diff(want, got(10)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for id, found := range got(1) {
		if len(found) != 1 || found[0] == id {
			t.Errorf("%s: %v", id, found)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := index.Resembling(ctx, world, 10); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits: %v", err)
	}
}

func TestPagesJoin(t *testing.T) {
	entities := generated(3 * maxRanked)
	for i, e := range entities {
		e.Names[0].Text += " group"
		e.Kind = kg.EntityKind(1 + i%2)
	}
	x := open(t, t.TempDir(), filled(t, entities...))
	for _, c := range []struct {
		name string
		q    kg.TextQuery
		size []int
		min  int
	}{
		{"more than are ranked", kg.TextQuery{Text: "group"}, []int{100, 999, 1000, 1001, 1700}, 3 * maxRanked},
		{"more than are ranked of a kind", kg.TextQuery{Text: "group ltd", Kinds: []kg.EntityKind{kg.KindOrganization}}, []int{333}, 3 * maxRanked / 2},
		{"all ranked", kg.TextQuery{Text: "alba"}, []int{1, 2, 7}, 10},
		{"several words", kg.TextQuery{Text: "bank alba china"}, []int{13}, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole, total := find(t, x, c.q)
			if total != len(whole) || total < c.min {
				t.Fatalf("%d hits, said to be %d", len(whole), total)
			}
			seen := make(map[kg.ID]bool)
			for i, h := range whole {
				if seen[h.ID] {
					t.Fatalf("%s comes twice", h.ID)
				}
				seen[h.ID] = true
				if i == 0 {
					continue
				}
				if before := whole[i-1]; h.Score > before.Score || h.Score == before.Score && h.ID < before.ID {
					t.Fatalf("%v comes behind %v", h, before)
				}
			}
			for _, size := range c.size {
				q := c.q
				q.Limit = size
				var joined []kg.TextHit
				for {
					page, n := find(t, x, q)
					if n != total || len(page) > size {
						t.Fatalf("a page of %d hits of %d, wanted %d of %d", len(page), n, size, total)
					}
					if len(page) == 0 {
						break
					}
					joined = append(joined, page...)
					q.After = &page[len(page)-1]
				}
				if diff := cmp.Diff(whole, joined); diff != "" {
					t.Errorf("pages of %d (-whole +joined):\n%s", size, diff)
				}
			}
		})
	}
}

func TestPlacesStayGoodWhileOthersWrite(t *testing.T) {
	store := filled(t, world()...)
	x := open(t, t.TempDir(), store)
	before, _ := find(t, x, kg.TextQuery{Text: "alibaba"})
	put(t, store, entity(kg.KindCompany, "alibaba-health", preferred("Alibaba Health")), entity(kg.KindCompany, "alibaba", preferred("Ali Baba")))
	catchUp(t, x, store)
	after, _ := find(t, x, kg.TextQuery{Text: "alibaba", After: &before[1]})
	want := append([]kg.TextHit{before[2]}, kg.TextHit{ID: "alibaba-health", Matched: "Alibaba Health"}, before[3])
	want[1].Score = after[1].Score
	if diff := cmp.Diff(want, after); diff != "" {
		t.Errorf("behind %v (-want +got):\n%s", before[1], diff)
	}
}

var hostile = []string{
	"", " ", "\t\n", "*", "?", "**", "a*", "*a", `"`, `"alibaba`, "'", "\\", "/.*/", "[", "(((", "a{1000000}", "^$", "~", "alibaba~9", "+alibaba -cloud",
	"name:alibaba", "alibaba^1000", "alibaba AND OR NOT", "\x00", "alibaba\x00cloud", "\xff\xfe", "a\xffb", "\u202e\u200b\ufeff", "\u0301", "\u0e33\u0e33",
	"ー", "ｰ", "ﷺﷺﷺ", "🙂", "1e400", "-1", "0", "%s%n", "<script>", "../../etc", "İ", "ß", "ŉ", "阿", "阿a阿a阿a", "ก้", strings.Repeat("a", 10_000),
	strings.Repeat("a ", 5_000), strings.Repeat("阿里", 5_000), strings.Repeat("\u0301", 10_000), strings.Repeat("ﷺ", 300), strings.Repeat("a阿", 100),
	strings.Repeat("é", 64), strings.Repeat("ab", 32) + " x",
}

func TestHostileText(t *testing.T) {
	x := open(t, t.TempDir(), filled(t, world()...))
	for _, text := range hostile {
		hits, total, err := x.Search(t.Context(), kg.TextQuery{Text: text, Limit: 10})
		if err != nil || total < len(hits) {
			t.Errorf("%.40q: %d hits of %d, error %v", text, len(hits), total, err)
		}
		if ask(text) == nil && (hits != nil || total != 0) {
			t.Errorf("%.40q says nothing and finds %v", text, hits)
		}
	}
	if x.current() == nil {
		t.Error("a search has put the index out of service")
	}
}

func TestHostileNames(t *testing.T) {
	var names []kg.Name
	for _, text := range hostile {
		names = append(names, alias(text))
	}
	names = append(names, preferred("Sound Name"), alias(strings.Repeat("银行", 500)), alias(strings.Repeat("w ", 500)))
	x := open(t, t.TempDir(), filled(t, entity(kg.KindConcept, "hostile", names...), entity(kg.KindConcept, "nameless")))
	for _, text := range append([]string{"sound name"}, hostile...) {
		if ask(text) == nil {
			continue
		}
		if ids := found(t, x, text); len(ids) != 1 {
			t.Errorf("%.40q finds %v, wanted the one that is called so", text, ids)
		}
	}
}

func FuzzSearch(f *testing.F) {
	for _, text := range hostile {
		f.Add(text, "Alibaba Group")
	}
	for _, e := range world() {
		f.Add(e.Names[0].Text, e.Names[len(e.Names)-1].Text)
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		a := ask(text)
		if a == nil {
			return
		}
		a.ladder()
		folded := []folded{foldEntityName(preferred(name))}
		got, err := decodeNames(encodeNames(folded))
		if err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		if diff := cmp.Diff(folded, got, cmp.AllowUnexported(folded[0]), equalEmpty); diff != "" {
			t.Fatalf("names change when written and read (-written +read):\n%s", diff)
		}
		r, fits := newRanker(a).rank("id", got)
		if s := r.hit.Score; fits != (s >= 1) || s >= 16 || s < 0 {
			t.Fatalf("%q fits %q: %v, with the score %v", text, name, fits, s)
		}
		if len([]rune(name)) <= maxText && a.closed == folded[0].closed && r.tier != wholeName {
			t.Fatalf("%q is %q, and has only the tier %d", text, name, r.tier)
		}
	})
}

var equalEmpty = cmp.Transformer("nil", func(s []string) []string { return append([]string{}, s...) })

func FuzzDecodeNames(f *testing.F) {
	f.Add([]byte{})
	f.Add(encodeNames([]folded{foldEntityName(preferred("高德地图")), foldEntityName(former("AutoNavi"))}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if names, err := decodeNames(b); err == nil && len(names) > len(b) {
			t.Fatalf("%d bytes hold %d names", len(b), len(names))
		}
	})
}

func TestSearchRefusesPlacesThatCannotBe(t *testing.T) {
	x := open(t, t.TempDir(), filled(t, world()...))
	for _, score := range []float64{-1, 16, math.NaN(), math.Inf(1)} {
		_, _, err := x.Search(t.Context(), kg.TextQuery{Text: "alibaba", After: &kg.TextHit{ID: "x", Score: score}})
		if !errors.Is(err, kg.ErrInvalid) {
			t.Errorf("behind the score %v: error %v, wanted ErrInvalid", score, err)
		}
	}
}

func TestSearchStopsWithItsContext(t *testing.T) {
	x := open(t, t.TempDir(), filled(t, world()...))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := x.Search(ctx, kg.TextQuery{Text: "alibaba"}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, wanted that of the context", err)
	}
	if x.current() == nil {
		t.Error("a search that was given up has put the index out of service")
	}
}
