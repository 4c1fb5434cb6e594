package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"time"
)

// rng is splitmix64: tiny, fast, and the same on every Go release.
type rng struct{ s uint64 }

func (r *rng) u64() uint64 {
	r.s += 0x9e3779b97f4a7c15
	z := r.s
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}
func (r *rng) n(n int) int      { return int(r.u64() % uint64(n)) }
func (r *rng) f() float64       { return float64(r.u64()>>11) / (1 << 53) }
func (r *rng) p(x float64) bool { return r.f() < x }

// stream derives an independent generator, so that changing one part of the
// graph does not move the random numbers of the others.
func stream(seed uint64, tag uint64) *rng {
	r := &rng{seed ^ tag*0xd1342543de82ef95}
	r.u64()
	return r
}

var (
	syl1 = []string{"Nor", "Al", "Vel", "Kar", "Tri", "Bel", "Osh", "Lum", "Gra", "Sol", "Quen", "Mar", "Hel", "Dor", "Fen", "Ast", "Cor", "Zan", "Ith", "Pel", "Rav", "Bryn", "Cas", "Del", "Ever", "Fro", "Gal", "Har", "Jun", "Kel", "Lor", "Mon", "Nal", "Orb", "Pra", "Riv", "Sten", "Tor", "Ul", "Wes"}
	syl2 = []string{"da", "vi", "ren", "to", "mi", "ga", "len", "so", "ka", "ri", "ne", "bo", "sha", "ter", "wi", "lo", "man", "fi", "du", "sta", "ho", "je", "pa", "cu", "ver", "ni", "ta", "ze"}
	syl3 = []string{"vik", "ton", "ra", "lis", "dex", "nova", "mont", "berg", "field", "sys", "cor", "lane", "wick", "gen", "ix", "ora", "beck", "holm", "stad", "mar", "tech", "via", "port", "dale", "um", "is", "ex", "on", "ia", "ent"}

	sectors  = []string{"Robotics", "Energy", "Foods", "Logistics", "Software", "Pharma", "Materials", "Insurance", "Mining", "Airlines", "Retail", "Media", "Semiconductors", "Biotech", "Shipping", "Chemicals", "Capital", "Motors", "Networks", "Analytics", "Textiles", "Steel", "Optics", "Games", "Health", "Water", "Paper", "Dynamics", "Systems", "Labs", "Instruments", "Aerospace", "Construction", "Security", "Cloud", "Rail", "Solar", "Brewing", "Packaging", "Consulting"}
	suffixes = []string{"", "", "", " Inc", " Ltd", " GmbH", " Group", " Holdings", " SA", " AG", " Partners", " International", " PLC", " BV"}
	country  = []string{"US", "US", "US", "US", "US", "GB", "GB", "DE", "DE", "FR", "JP", "CN", "CN", "IN", "IN", "CA", "SE", "NL", "CH", "BR", "IL", "KR", "AU", "ES", "IT", "PL", "SG", "IE", "ZA", "MX"}
	cityA    = []string{"North", "East", "Port", "New", "Lake", "Saint", "Fort", "Old", "Upper", "Mount"}
	cityB    = []string{"haven", "bridge", "ford", "minster", "burg", "ville", "shore", "gate", "dale", "crest", "mouth", "stead"}
	status   = []string{"active", "active", "active", "active", "active", "active", "acquired", "dissolved", "public", "public"}
	sources  = []string{"registry", "annual-report", "press-release", "filing", "news", "analyst", "self-reported"}
	titles   = []string{"CEO", "CFO", "CTO", "COO", "Chair", "Director", "Board member", "Founder", "Head of sales", "General counsel"}
	first    = []string{"Ada", "Boris", "Chen", "Dina", "Emeka", "Farah", "Goran", "Hana", "Ines", "Jonas", "Kofi", "Lena", "Mateo", "Nadia", "Oskar", "Priya", "Quinn", "Rosa", "Sven", "Tariq", "Uma", "Viktor", "Wei", "Ximena", "Yusuf", "Zoe", "Aiko", "Bram", "Clara", "Dmitri"}
	adj      = []string{"Swift", "Blue", "Core", "Prime", "Open", "Deep", "Clear", "Micro", "Hyper", "Green", "True", "Bright", "Silent", "Rapid", "Flex", "Nova"}
	noun     = []string{"Ledger", "Sensor", "Cell", "Drive", "Cart", "Valve", "Board", "Stream", "Panel", "Engine", "Kit", "Suite", "Press", "Lens", "Fiber", "Pump"}
)

func root(r *rng) string {
	s := syl1[r.n(len(syl1))]
	for k := r.n(3); k > 0; k-- {
		s += syl2[r.n(len(syl2))]
	}
	return s + syl3[r.n(len(syl3))]
}

type edge struct {
	from, to int32 // creation indexes of companies
	day      int32
	stake    uint16 // hundredths of a percent, 0: none
}

var day0 = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)

func days(y int) int { return int(time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC).Sub(day0).Hours() / 24) }

// date draws a day from the year lo to the end of 2025; later years are more likely.
func date(r *rng, lo int) int32 {
	a, b := days(lo), days(2026)
	return int32(a + int(math.Pow(r.f(), 0.6)*float64(b-a)))
}

var dateCache = map[int32]string{}

func ymd(d int32) string {
	s, ok := dateCache[d]
	if !ok {
		s = day0.AddDate(0, 0, int(d)).Format("2006-01-02")
		dateCache[d] = s
	}
	return s
}

type out struct {
	f *os.File
	w *bufio.Writer
	h hash.Hash
	n int
	b []byte
}

func create(path string) (*out, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	return &out{f: f, h: h, w: bufio.NewWriterSize(io.MultiWriter(f, h), 1<<20)}, nil
}

func (o *out) line() {
	o.b = append(o.b, '}', '\n')
	_, _ = o.w.Write(o.b) // Flush says what went wrong
	o.n++
	o.b = o.b[:0]
}

func (o *out) open(id byte, width, v int) {
	o.b = append(o.b[:0], `{"id":"`...)
	o.b = appendID(o.b, id, width, v)
	o.b = append(o.b, '"')
}

// str appends a member; no generated text needs escaping.
func (o *out) str(k, v string) {
	o.b = append(o.b, ',', '"')
	o.b = append(o.b, k...)
	o.b = append(o.b, '"', ':', '"')
	o.b = append(o.b, v...)
	o.b = append(o.b, '"')
}

func (o *out) id(k string, kind byte, width, v int) {
	o.b = append(o.b, ',', '"')
	o.b = append(o.b, k...)
	o.b = append(o.b, '"', ':', '"')
	o.b = appendID(o.b, kind, width, v)
	o.b = append(o.b, '"')
}

func (o *out) num(k string, v int) {
	o.b = append(o.b, ',', '"')
	o.b = append(o.b, k...)
	o.b = append(o.b, '"', ':')
	o.b = strconv.AppendInt(o.b, int64(v), 10)
}

func (o *out) stake(v uint16) {
	o.b = append(o.b, `,"stake":`...)
	o.b = strconv.AppendFloat(o.b, float64(v)/10000, 'f', 4, 64)
}

func appendID(b []byte, kind byte, width, v int) []byte {
	b = append(b, kind)
	for p := int(math.Pow10(width - 1)); p > 0; p /= 10 {
		b = append(b, byte('0'+v/p%10))
	}
	return b
}

func (o *out) close() (string, error) {
	if err := o.w.Flush(); err != nil {
		return "", err
	}
	return hex.EncodeToString(o.h.Sum(nil)), o.f.Close()
}

type hub struct {
	ID     string `json:"id"`
	Degree int    `json:"degree"`
}

func top(deg []int32, id []int32, k int) []hub {
	ix := make([]int, len(deg))
	for i := range ix {
		ix[i] = i
	}
	sort.Slice(ix, func(a, b int) bool {
		if deg[ix[a]] != deg[ix[b]] {
			return deg[ix[a]] > deg[ix[b]]
		}
		return id[ix[a]] < id[ix[b]]
	})
	var hs []hub
	for _, i := range ix[:min(k, len(ix))] {
		hs = append(hs, hub{string(appendID(nil, 'c', 7, int(id[i]))), int(deg[i])})
	}
	return hs
}

func main() {
	n := flag.Int("companies", 10000, "number of companies")
	seed := flag.Uint64("seed", 1, "seed; same seed and size give the same bytes")
	dir := flag.String("out", "data", "output folder")
	flag.Parse()
	if err := run(*n, *seed, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "companygen:", err)
		os.Exit(1)
	}
}

func run(n int, seed uint64, dir string) error {
	if n < 100 || n > 9_000_000 {
		return fmt.Errorf("companies must be 100 to 9000000")
	}
	start := time.Now()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// id[i] is the public number of the i-th company created: shuffled, so that
	// early (well connected) companies are spread over the key space.
	id := make([]int32, n)
	for i := range id {
		id[i] = int32(i + 1)
	}
	r := stream(seed, 1)
	for i := n - 1; i > 0; i-- {
		j := r.n(i + 1)
		id[i], id[j] = id[j], id[i]
	}

	// 1. Ownership forest: 55% have a parent created before them; half of the
	// choices copy the parent of an earlier edge (so children per parent follow
	// a power law). No chain is longer than maxDepth edges.
	const maxDepth = 8
	r = stream(seed, 2)
	depth := make([]uint8, n)
	children := make([]int32, n)
	kids := make([][]int32, n)
	own := make([]edge, 0, n*6/10)
	parentEdge := make([]int32, n)
	for i := range parentEdge {
		parentEdge[i] = -1
	}
	deepest := 0
	for i := 1; i < n; i++ {
		if !r.p(0.55) {
			continue
		}
		var p int32
		for try := 0; ; try++ {
			if len(own) > 0 && r.p(0.5) {
				p = own[r.n(len(own))].from
			} else {
				p = int32(r.n(i))
			}
			if depth[p] < maxDepth {
				break
			}
		}
		depth[i] = depth[p] + 1
		deepest = max(deepest, int(depth[i]))
		children[p]++
		kids[p] = append(kids[p], int32(i))
		st := uint16(10000)
		if r.p(0.45) {
			st = uint16(5001 + r.n(4999))
		}
		parentEdge[i] = int32(len(own))
		own = append(own, edge{p, int32(i), date(r, 1960), st})
	}

	// 2. Acquisitions: 15 per 100 companies, 1990-2025. 65% copy an earlier
	// acquirer (power law). A company is acquired at most once; where the
	// acquirer owns a not yet acquired child, that is the target in 6 of 10.
	r = stream(seed, 3)
	nAcq := n * 15 / 100
	acq := make([]edge, 0, nAcq)
	taken := make([]bool, n)
	nextKid := make([]int32, n)
	acqDeg := make([]int32, n)
	for len(acq) < nAcq {
		var a int32
		switch {
		case len(acq) > 0 && r.p(0.65):
			a = acq[r.n(len(acq))].from
		case len(own) > 0 && r.p(0.5):
			a = own[r.n(len(own))].from
		default:
			a = int32(r.n(n))
		}
		t := int32(-1)
		if r.p(0.6) {
			for int(nextKid[a]) < len(kids[a]) {
				c := kids[a][nextKid[a]]
				nextKid[a]++
				if !taken[c] {
					t = c
					break
				}
			}
		}
		for t < 0 {
			c := int32(r.n(n))
			if c != a && !taken[c] {
				t = c
			}
		}
		taken[t] = true
		e := edge{a, t, date(r, 1990), uint16(5001 + r.n(5000))}
		if pe := parentEdge[t]; pe >= 0 && own[pe].from == a {
			own[pe].day = e.day
			e.stake = own[pe].stake
		}
		acqDeg[a]++
		acq = append(acq, e)
	}

	// 3. Partnerships: 2.3 per company, undirected and simple. Six hubs take
	// n/6 (at most 40000) divided by the square root of their rank; the rest
	// is half preferential.
	r = stream(seed, 4)
	nPart := n * 23 / 10
	part := make([]edge, 0, nPart)
	seen := make(map[uint64]struct{}, nPart)
	deg := make([]int32, n)
	add := func(a, b int32) bool {
		if a == b {
			return false
		}
		if id[a] > id[b] {
			a, b = b, a
		}
		k := uint64(a)<<32 | uint64(b)
		if _, dup := seen[k]; dup {
			return false
		}
		seen[k] = struct{}{}
		deg[a]++
		deg[b]++
		part = append(part, edge{a, b, date(r, 1985), 0})
		return true
	}
	for k := 0; k < 6; k++ {
		h := int32(r.n(n))
		want := int(float64(min(n/6, 40000)) / math.Sqrt(float64(k+1)))
		for want > 0 {
			if add(h, int32(r.n(n))) {
				want--
			}
		}
	}
	hubEdges := len(part)
	for len(part) < nPart {
		a := int32(r.n(n))
		b := int32(r.n(n))
		if len(part) > hubEdges && r.p(0.5) {
			e := part[hubEdges+r.n(len(part)-hubEdges)]
			b = e.from
			if r.p(0.5) {
				b = e.to
			}
		}
		add(a, b)
	}
	seen = nil

	// Write entities, by public id.
	inv := make([]int32, n)
	for i, v := range id {
		inv[v-1] = int32(i)
	}
	ents, err := create(filepath.Join(dir, "entities.jsonl"))
	if err != nil {
		return err
	}
	r = stream(seed, 5)
	for v := 1; v <= n; v++ {
		i := inv[v-1]
		sec := sectors[r.n(len(sectors))]
		ents.open('c', 7, v)
		ents.str("type", "Company")
		ents.str("name", root(r)+" "+sec+suffixes[r.n(len(suffixes))])
		ents.str("country", country[r.n(len(country))])
		ents.str("city", cityA[r.n(len(cityA))]+cityB[r.n(len(cityB))])
		ents.str("industry", sec)
		ents.num("founded", 1900+int(math.Sqrt(r.f())*125))
		ents.num("employees", int(math.Pow(10, 0.7+r.f()*2.2))+int(children[i])*150+int(deg[i]))
		ents.str("status", status[r.n(len(status))])
		ents.line()
	}
	nPerson := n * 12 / 10
	for v := 1; v <= nPerson; v++ {
		ents.open('p', 7, v)
		ents.str("type", "Person")
		ents.str("name", first[r.n(len(first))]+" "+root(r))
		ents.str("country", country[r.n(len(country))])
		ents.num("born", 1930+r.n(75))
		ents.line()
	}
	nProd := n / 2
	for v := 1; v <= nProd; v++ {
		ents.open('d', 7, v)
		ents.str("type", "Product")
		ents.str("name", adj[r.n(len(adj))]+noun[r.n(len(noun))]+" "+strconv.Itoa(1+r.n(9000)))
		ents.str("category", sectors[r.n(len(sectors))])
		ents.num("launched", 1960+r.n(66))
		ents.line()
	}
	eSum, err := ents.close()
	if err != nil {
		return err
	}

	rels, err := create(filepath.Join(dir, "relations.jsonl"))
	if err != nil {
		return err
	}
	r = stream(seed, 6)
	rid := 0
	begin := func(kind string, fk byte, from int, tk byte, to int, day int32) {
		rid++
		rels.open('r', 8, rid)
		rels.str("type", kind)
		rels.id("from", fk, 7, from)
		rels.id("to", tk, 7, to)
		rels.str("since", ymd(day))
	}
	counts := map[string]int{}
	for _, e := range own {
		begin("OWNS", 'c', int(id[e.from]), 'c', int(id[e.to]), e.day)
		rels.stake(e.stake)
		rels.str("source", sources[r.n(len(sources))])
		rels.line()
	}
	counts["OWNS"] = len(own)
	for _, e := range acq {
		begin("ACQUIRED", 'c', int(id[e.from]), 'c', int(id[e.to]), e.day)
		rels.stake(e.stake)
		if r.p(0.6) {
			rels.num("price", int(math.Pow(10, 5.5+r.f()*4.5)))
		}
		rels.str("source", sources[r.n(len(sources))])
		rels.line()
	}
	counts["ACQUIRED"] = len(acq)
	for _, e := range part {
		begin("PARTNERS_WITH", 'c', int(id[e.from]), 'c', int(id[e.to]), e.day)
		if r.p(0.2) {
			rels.str("until", ymd(min(e.day+int32(r.n(4000)), int32(days(2026)-1))))
		}
		rels.str("source", sources[r.n(len(sources))])
		rels.line()
	}
	counts["PARTNERS_WITH"] = len(part)
	nRole := n * 15 / 10
	for k := 0; k < nRole; k++ {
		d := date(r, 1985)
		// every person has a role; the surplus goes to random people
		p := k + 1
		if p > nPerson {
			p = 1 + r.n(nPerson)
		}
		begin("HAS_ROLE", 'p', p, 'c', 1+r.n(n), d)
		if r.p(0.5) {
			rels.str("until", ymd(min(d+int32(r.n(5000)), int32(days(2026)-1))))
		}
		rels.str("title", titles[r.n(len(titles))])
		rels.str("source", sources[r.n(len(sources))])
		rels.line()
	}
	counts["HAS_ROLE"] = nRole
	for k := 1; k <= nProd; k++ {
		begin("MAKES", 'c', 1+r.n(n), 'd', k, date(r, 1960))
		rels.str("source", sources[r.n(len(sources))])
		rels.line()
	}
	counts["MAKES"] = nProd
	rSum, err := rels.close()
	if err != nil {
		return err
	}

	m := map[string]any{
		"generator": "companygen 1", "seed": seed, "companies": n, "people": nPerson, "products": nProd,
		"relations": rels.n, "relationsByType": counts, "deepestOwnership": deepest,
		"sha256":          map[string]string{"entities.jsonl": eSum, "relations.jsonl": rSum},
		"topPartners":     top(deg, id, 10),
		"topAcquirers":    top(acqDeg, id, 10),
		"topOwners":       top(children, id, 10),
		"edgesPerCompany": float64(rels.n) / float64(n),
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), append(b, '\n'), 0o644); err != nil {
		return err
	}
	fmt.Printf("%d entities, %d relations in %s\n", ents.n, rels.n, time.Since(start).Round(time.Millisecond))
	return nil
}
