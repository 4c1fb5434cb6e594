package search

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"keiretsu/internal/kg"
)

// generated returns n companies with names of two made-up words and a common one,
// legal names behind them and, for every fourth, a Chinese name: nine names for
// four companies.
func generated(n int) []*kg.Entity {
	r := rand.New(rand.NewPCG(1, 2))
	syllables := strings.Fields("al ba ca da el fi go ha in jo ka lu mo ne or pa qui ra so ti un va wo xi ya zen ar be cor dan es fra")
	common := strings.Fields("group holding international bank energy capital technology services china global industries media systems partners")
	characters := []rune("阿里云高德地图蚂蚁集团银行中国工商建设农业科技上海北京广州深圳网络信息电子商务投资控股发展贸易文化传媒影业天猫精灵优酷")
	pick := func(words []string) string { return words[r.IntN(len(words))] }
	word := func() string {
		s := pick(syllables)
		for range 1 + r.IntN(3) {
			s += pick(syllables)
		}
		return s
	}
	entities := make([]*kg.Entity, n)
	for i := range entities {
		name := word() + " " + word() + " " + pick(common)
		e := entity(kg.KindCompany, kg.ID(fmt.Sprintf("company-%06d", i)), preferred(name), legal(name+" "+pick(common)+" Ltd"))
		if i%4 == 0 {
			chinese := make([]rune, 4+r.IntN(6))
			for j := range chinese {
				chinese[j] = characters[r.IntN(len(characters))]
			}
			e.Names = append(e.Names, alias(string(chinese)))
		}
		entities[i] = e
	}
	return entities
}

// still is a store of entities that never changes: no work of its own shows in
// what is measured.
type still []*kg.Entity

func (s still) Snapshot(context.Context) (kg.Snapshot, error) { return stillSnapshot{entities: s}, nil }

func (s still) Changes(context.Context, kg.Revision) iter.Seq2[kg.Change, error] {
	return func(func(kg.Change, error) bool) {}
}

type stillSnapshot struct {
	kg.Snapshot
	entities still
}

func (s stillSnapshot) Revision() kg.Revision { return 1 }
func (s stillSnapshot) Close() error          { return nil }

func (s stillSnapshot) Scan(context.Context, kg.ScanQuery) iter.Seq2[kg.Record, error] {
	return func(yield func(kg.Record, error) bool) {
		for _, e := range s.entities {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{200, 45_000} {
		b.Run(fmt.Sprintf("entities=%d", n), func(b *testing.B) {
			store := still(generated(n))
			names := 0
			for _, e := range store {
				names += len(e.Names)
			}
			for b.Loop() {
				x, err := Open(b.Context(), Options{Dir: b.TempDir(), Store: store, Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					b.Fatal(err)
				}
				if err := x.Wait(b.Context(), 1); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := x.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(names)*float64(b.N)/b.Elapsed().Seconds(), "names/s")
		})
	}
}

func BenchmarkSearch(b *testing.B) {
	x := open(b, b.TempDir(), still(generated(45_000)))
	for _, c := range []struct{ name, text string }{
		{"whole name", "cabaqui gojo bank"},
		{"one word", "lumopa"},
		{"beginning", "lum"},
		{"one letter", "l"},
		{"common word", "group"},
		{"two common words", "bank china"},
		{"misspelt", "internatoinal lumpoa"},
		{"Chinese", "阿里"},
		{"pinyin", "gaode"},
		{"nothing", "qwertyuiop"},
	} {
		b.Run(c.name, func(b *testing.B) {
			total := 0
			for b.Loop() {
				_, total = find(b, x, kg.TextQuery{Text: c.text, Limit: 50})
			}
			b.ReportMetric(float64(total), "hits")
		})
	}
}
