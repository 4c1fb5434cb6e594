package torture

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/badgerstore"
	"keiretsu/internal/search"
)

// fillRole makes of the test binary a program that fills a folder with
// companies: "DIR SIZE SEED". It goes through kg.Graph.Apply, as everything
// that writes does, and lets the search index follow; only HTTP is left out,
// which would take an hour.
const fillRole = "fill"

// company returns the id of one of the companies with which a folder is filled.
func company(i int) string { return fmt.Sprintf("company-%06d", i) }

// fill fills a new folder.
func fill(t testing.TB, dir string, size int, seed uint64) {
	t.Helper()
	began := time.Now()
	stage(t, fillRole, dir, strconv.Itoa(size), strconv.FormatUint(seed, 10))
	progress(t, "filled a folder with %d companies in %s", size, time.Since(began).Round(time.Second))
}

func playFill(args []string) error {
	dir := args[0]
	size, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	seed, err := strconv.ParseUint(args[2], 10, 64)
	if err != nil {
		return err
	}
	ctx := context.Background()
	store, err := badgerstore.Open(ctx, badgerstore.Options{Dir: filepath.Join(dir, "store")})
	if err != nil {
		return err
	}
	index, err := search.Open(ctx, search.Options{Dir: filepath.Join(dir, "search"), Store: store, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	return errors.Join(fillGraph(ctx, kg.NewGraph(store, kg.Options{Text: index}), index, size, seed), index.Close(), store.Close())
}

// fillGraph records companies with two names and a number each, an ownership
// forest, partnerships of which a few companies have very many, and figures.
func fillGraph(ctx context.Context, g *kg.Graph, index *search.Index, size int, seed uint64) error {
	const portion = 1500
	r := chance(seed, "fill", 0)
	last, err := g.Apply(ctx, kg.Write{
		Sources: []*kg.Source{{ID: "registry", Title: "A register of companies"}},
		Metrics: []*kg.Metric{{Name: "staff", Definition: "Who works there.", Unit: "people"}},
	})
	for from := 0; err == nil && from < size; from += portion {
		w := kg.Write{By: "torture"}
		for i := from; i < min(size, from+portion); i++ {
			w.Claims = append(w.Claims, register(r, i)...)
		}
		last, err = g.Apply(ctx, w)
	}
	if err != nil {
		return err
	}
	return index.Wait(ctx, last.Revision)
}

// register returns what the register says of a company.
func register(r *rand.Rand, i int) []*kg.Claim {
	id, locator := kg.ID(company(i)), fmt.Sprintf("row %d", i)
	statements := []kg.Statement{
		&kg.EntityStatement{Entity: id, Kind: kg.KindCompany},
		&kg.NameStatement{Entity: id, Text: fmt.Sprintf("%s %d Holdings", invent(r), i), Lang: "en", Kind: kg.NamePreferred},
		&kg.NameStatement{Entity: id, Text: fmt.Sprintf("%s %d", invent(r), i), Lang: "en", Kind: kg.NameAlias},
		&kg.IdentifierStatement{Entity: id, Scheme: "register", Value: fmt.Sprintf("R%08d", i)},
	}
	relate := func(kind kg.RelationType, to int, stake *kg.Share) {
		start := kg.MustDate(fmt.Sprintf("%d-%02d-%02d", 1980+r.IntN(40), 1+r.IntN(12), 1+r.IntN(28)))
		statements = append(statements, &kg.RelationStatement{Type: kind, From: id, To: kg.ID(company(to)), Start: start, Stake: stake})
	}
	if i > 0 && r.IntN(2) == 0 {
		relate(kg.Owns, r.IntN(i), new(kg.ExactShare(1+float64(r.IntN(500))/100)))
	}
	if i > 0 && r.IntN(2) == 0 {
		relate(kg.PartnersWith, r.IntN(min(i, 1+r.IntN(i))), nil)
	}
	if r.IntN(2) == 0 {
		statements = append(statements, &kg.Figure{Subject: id, Metric: "staff", Value: float64(10 + r.IntN(5000)), Unit: "people", Qualifier: kg.Exactly, Nature: kg.Actual})
	}
	claims := make([]*kg.Claim, len(statements))
	for at, s := range statements {
		claims[at] = &kg.Claim{Statement: s, Source: "registry", Locator: locator}
	}
	return claims
}

var (
	heads = []string{"Al", "Bor", "Cy", "Dra", "El", "Fen", "Gal", "Hy", "Is", "Jor", "Kal", "Lum", "Mor", "Nor", "Om", "Pra", "Qui", "Ras", "Sol", "Tor"}
	tails = []string{"bant", "cor", "dine", "fex", "gard", "lith", "mark", "nova", "pharm", "quest", "rix", "star", "tech", "via", "wave", "zen"}
)

// invent makes up a word that could be the name of a company.
func invent(r *rand.Rand) string {
	return heads[r.IntN(len(heads))] + tails[r.IntN(len(tails))]
}
