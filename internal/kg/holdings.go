package kg

import (
	"cmp"
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"sync"
)

// This file follows one type of relation to its end: what a company owns and
// what that owns, who owns it, what it acquired and what that had acquired.

// HoldingOptions say which holdings are followed; the zero value asks for all
// that hold today.
type HoldingOptions struct {
	// AsOf is the day on which they hold: nil for that of the view's clock,
	// else today. A holding whose dates do not rule the day out holds on it.
	AsOf *Day
	// MinStake is in percent and asked of every link on the way, which may
	// not be less; links without a stake pass only if it is 0.
	MinStake float64
	// MaxDepth is the largest number of links on the way; 0 for any.
	MaxDepth int
}

// query checks the options and returns what they ask of the store.
func (o HoldingOptions) query(v *View, dir Direction) (RelationQuery, error) {
	if err := (RelationFilter{MinStake: o.MinStake}).check(); err != nil {
		return RelationQuery{}, err
	}
	day := o.AsOf
	if day == nil {
		var err error
		if day, err = v.MomentOrToday(nil); err != nil {
			return RelationQuery{}, err
		}
	}
	q := RelationQuery{Direction: dir, Types: []RelationType{Owns}, When: When{AsOf: day}, MinStake: o.MinStake, Direct: true}
	return q, checkChain(dir, o.MaxDepth)
}

func checkChain(dir Direction, maxDepth int) error {
	if dir != Out && dir != In {
		return Invalidf("direction", "a chain is followed OUT or IN, not %s", dir)
	}
	if maxDepth < 0 {
		return Invalidf("maxDepth", "a depth is 1 or more, or 0 for any, not %d", maxDepth)
	}
	return nil
}

// Distant is an entity that was reached over a chain of relations. It is the far
// end of the Link, by which it was reached first: the last one on a shortest
// way, and where there are several of these the first by Place.
type Distant struct {
	*Link
	// Depth is the number of links on a shortest way, 1 where it is direct.
	Depth int
}

// Holding is an entity that another owns or is owned by, over one holding or
// several on end.
type Holding struct {
	Distant
	page   int
	shares *pageShares
}

// Effective returns the integrated ownership (ownership.go) between the two
// ends: the share of the entity that was asked in this one where it was asked
// what it owns, the share of this one in it where it was asked who owns it. It
// counts all holdings on the day, also those that MinStake and MaxDepth passed
// over. An entity has all of itself, whatever it holds of it. The shares of all
// pages that were read together are worked out when one is first asked for; a
// walk past the budget is an ErrTooComplex.
func (h *Holding) Effective(ctx context.Context) (Share, error) {
	all, err := h.shares.all(ctx)
	if err != nil {
		return Share{}, err
	}
	return all[h.page][h.Far], nil
}

// Holdings returns a page of the entities that the entity with the id owns (Out)
// or is owned by (In) over any chain of holdings, each once and never itself, in
// order of depth and then of id (bytes). An id that names no entity owns nothing.
//
// The walk makes one call of the store for every level, and goes no deeper than
// the page needs. A walk past the budget is an ErrTooComplex, since the rest of
// a level would be missing.
func (v *View) Holdings(ctx context.Context, of ID, dir Direction, o HoldingOptions, p PageArgs) (*Page[*Holding], error) {
	q, err := o.query(v, dir)
	if err != nil {
		return nil, err
	}
	pages, err := v.holdingPages(ctx, []ID{of}, q, o.MaxDepth, p)
	if err != nil {
		return nil, err
	}
	return pages[0], nil
}

// Holdings is View.Holdings for the member, walking for all members of its
// cohort at once.
func (m *Member) Holdings(ctx context.Context, dir Direction, o HoldingOptions, p PageArgs) (*Page[*Holding], error) {
	c := m.cohort
	q, err := o.query(c.view, dir)
	if err != nil {
		return nil, err
	}
	pages, err := share(c, question("holdings", chainQuestion{q.Direction, q.When, q.MinStake, o.MaxDepth}, p), func() ([]*Page[*Holding], error) {
		return c.view.holdingPages(ctx, c.ids(), q, o.MaxDepth, p)
	})
	if err != nil {
		return nil, err
	}
	return pages[m.index], nil
}

// chainQuestion tells questions about chains apart (see question).
type chainQuestion struct {
	Direction Direction
	When      When
	MinStake  float64
	MaxDepth  int
}

// DirectHoldings returns the page that Relations gives of the member's own
// holdings, one entry for each of them in the order of their starts; MaxDepth is
// not used.
func (m *Member) DirectHoldings(ctx context.Context, dir Direction, o HoldingOptions, p PageArgs) (*Page[*Holding], error) {
	c := m.cohort
	q, err := o.query(c.view, dir)
	if err != nil {
		return nil, err
	}
	f := RelationFilter{Types: q.Types, Direction: dir, When: q.When, MinStake: q.MinStake, Direct: true}
	pages, err := share(c, question("direct holdings", f, p), func() ([]*Page[*Holding], error) {
		links, err := c.view.relationPages(ctx, c, f, p)
		if err != nil {
			return nil, err
		}
		pages := make([]*Page[*Distant], len(links))
		for i, page := range links {
			pages[i] = convert(page, func(l *Link) *Distant { return &Distant{l, 1} })
		}
		return withShares(pages, c.ids(), c.view.newWeb("the effective stakes", unfiltered(q)), dir), nil
	})
	if err != nil {
		return nil, err
	}
	return pages[m.index], nil
}

func (v *View) holdingPages(ctx context.Context, roots []ID, q RelationQuery, maxDepth int, p PageArgs) ([]*Page[*Holding], error) {
	w := v.newWeb("the chain of holdings", q)
	pages, err := w.pages(ctx, roots, maxDepth, p)
	if err != nil {
		return nil, err
	}
	if q.MinStake > 0 {
		w = v.newWeb("the effective stakes", unfiltered(q))
	}
	return withShares(pages, roots, w, q.Direction), nil
}

// unfiltered is the query for every holding on the day, which effective stakes
// are worked out from.
func unfiltered(q RelationQuery) RelationQuery {
	q.MinStake = 0
	return q
}

// AcquisitionOptions say which acquisitions are followed.
type AcquisitionOptions struct {
	// When is asked of every deal on the way; the zero value restricts nothing.
	When When
	// MaxDepth is the largest number of deals on the way; 0 for any.
	MaxDepth int
}

// Acquisitions returns a page of the entities that the entity with the id
// acquired (Out) or was acquired by (In), directly or over what those acquired
// or were acquired by, each once and never itself, in order of depth and then of
// id (bytes). Deals on a chain need not follow one another in time: whoever
// acquires a company has what that had acquired before, too.
//
// It walks as Holdings does.
func (v *View) Acquisitions(ctx context.Context, of ID, dir Direction, o AcquisitionOptions, p PageArgs) (*Page[*Distant], error) {
	pages, err := v.acquisitionPages(ctx, []ID{of}, dir, o, p)
	if err != nil {
		return nil, err
	}
	return pages[0], nil
}

// Acquisitions is View.Acquisitions for the member, walking for all members of
// its cohort at once.
func (m *Member) Acquisitions(ctx context.Context, dir Direction, o AcquisitionOptions, p PageArgs) (*Page[*Distant], error) {
	c := m.cohort
	pages, err := share(c, question("acquisitions", chainQuestion{dir, o.When, 0, o.MaxDepth}, p), func() ([]*Page[*Distant], error) {
		return c.view.acquisitionPages(ctx, c.ids(), dir, o, p)
	})
	if err != nil {
		return nil, err
	}
	return pages[m.index], nil
}

func (v *View) acquisitionPages(ctx context.Context, roots []ID, dir Direction, o AcquisitionOptions, p PageArgs) ([]*Page[*Distant], error) {
	if err := checkChain(dir, o.MaxDepth); err != nil {
		return nil, err
	}
	w := v.newWeb("the chain of acquisitions", RelationQuery{Direction: dir, Types: []RelationType{Acquired}, When: o.When, Direct: true})
	return w.pages(ctx, roots, o.MaxDepth, p)
}

// pageShares are the effective stakes between roots and what is on their pages.
type pageShares struct {
	web    *web
	dir    Direction
	roots  []ID
	wanted [][]ID

	once   sync.Once
	shares []map[ID]Share
	err    error
}

// withShares makes holdings of what stands on the pages of the roots.
func withShares(pages []*Page[*Distant], roots []ID, w *web, dir Direction) []*Page[*Holding] {
	s := &pageShares{web: w, dir: dir, roots: roots, wanted: make([][]ID, len(roots))}
	holdings := make([]*Page[*Holding], len(pages))
	for i, page := range pages {
		holdings[i] = convert(page, func(d *Distant) *Holding {
			s.wanted[i] = append(s.wanted[i], d.Far)
			return &Holding{Distant: *d, page: i, shares: s}
		})
	}
	return holdings
}

func convert[T, U any](p *Page[T], to func(T) U) *Page[U] {
	items := make([]Item[U], len(p.Items))
	for i, item := range p.Items {
		items[i] = Item[U]{item.Cursor, to(item.Value)}
	}
	return WithItems(p, items)
}

func (s *pageShares) all(ctx context.Context) ([]map[ID]Share, error) {
	s.once.Do(func() { s.shares, s.err = s.workOut(ctx) })
	return s.shares, s.err
}

func (s *pageShares) workOut(ctx context.Context) ([]map[ID]Share, error) {
	var roots []ID
	for i, root := range s.roots {
		if len(s.wanted[i]) > 0 {
			roots = append(roots, root)
		}
	}
	ctx, leave := s.web.enter(ctx)
	defer leave()
	if err := s.web.spread(ctx, roots, ""); err != nil {
		return nil, err
	}
	// All that one owner holds is worked out at once.
	type share struct {
		page int
		of   ID // the entity on the page
		in   ID
	}
	owned := make(map[ID][]share)
	for i, root := range s.roots {
		for _, id := range s.wanted[i] {
			owner, in := root, id
			if s.dir == In {
				owner, in = id, root
			}
			owned[owner] = append(owned[owner], share{i, id, in})
		}
	}
	g := newStakes(s.web)
	sums := g.integration()
	shares := make([]map[ID]Share, len(s.roots))
	for i := range shares {
		shares[i] = make(map[ID]Share, len(s.wanted[i]))
	}
	for _, owner := range slices.Sorted(maps.Keys(owned)) {
		if err := sums.of(ctx, g.index[owner]); err != nil {
			return nil, err
		}
		for _, o := range owned[owner] {
			shares[o.page][o.of] = sums.share(g.index[o.in])
		}
	}
	return shares, nil
}

// web is the part of the graph around some entities as far as it has been read:
// the relations that lead on from an entity are read once, whoever asks. Whoever
// uses it is inside (enter).
type web struct {
	view  *View
	what  string
	query RelationQuery // what leads on, In or Out; its Of is filled in

	mu    sync.Mutex
	walk  *walk
	read  map[ID][]*Relation // by the entity at which they were found, in the order of the store
	order []ID               // the keys of read, in the order of reading
	known map[ID]bool        // every entity that was come to
}

// newWeb returns a web of which nothing has been read; what names it in errors.
func (v *View) newWeb(what string, q RelationQuery) *web {
	return &web{view: v, what: what, query: q, read: make(map[ID][]*Relation), known: make(map[ID]bool)}
}

// enter begins a walk through the web, alone. The context it returns ends with
// the walk's time, and leave must be called. What earlier walks have read counts
// for the budget of later ones.
func (w *web) enter(ctx context.Context) (_ context.Context, leave func()) {
	w.mu.Lock()
	walk, ctx, cancel := w.view.newWalk(ctx, w.what)
	if w.walk != nil {
		walk.nodes, walk.edges = w.walk.nodes, w.walk.edges
	}
	w.walk = walk
	return ctx, func() { cancel(); w.mu.Unlock() }
}

// far is the end of a relation to which it leads on.
func (w *web) far(r *Relation) ID {
	if w.query.Direction == In {
		return r.From
	}
	return r.To
}

// expand reads what leads on from those of the entities that have not been read
// yet, in one call of the store.
func (w *web) expand(ctx context.Context, ids []ID) error {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id ID) bool { _, ok := w.read[id]; return ok })
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	q := w.query
	q.Of = slices.Compact(ids)
	comeTo := func(id ID) error {
		if w.known[id] {
			return nil
		}
		w.known[id] = true
		return w.walk.reach(1)
	}
	found := make([][]*Relation, len(q.Of))
	var over error
	for _, id := range q.Of {
		over = cmp.Or(over, comeTo(id))
	}
	if over != nil {
		return over
	}
	err := w.walk.relations(ctx, q, func(e Edge) bool {
		found[e.At] = append(found[e.At], e.Relation)
		over = comeTo(w.far(e.Relation))
		return over == nil
	})
	if err := cmp.Or(err, over); err != nil {
		return err
	}
	for i, id := range q.Of {
		w.read[id] = found[i]
	}
	w.order = append(w.order, q.Of...)
	return nil
}

// spread reads everything that the roots lead to, without following what leads
// on from except.
func (w *web) spread(ctx context.Context, roots []ID, except ID) error {
	seen := make(map[ID]bool)
	for frontier := roots; len(frontier) > 0; {
		if err := w.expand(ctx, frontier); err != nil {
			return err
		}
		var next []ID
		for _, id := range frontier {
			for _, r := range w.read[id] {
				if far := w.far(r); far != except && !seen[far] {
					seen[far] = true
					next = append(next, far)
				}
			}
		}
		frontier = next
	}
	return nil
}

// stop is an entity on a list, with the relation by which it was reached first.
type stop struct {
	id       ID
	depth    int
	relation *Relation
}

// lists returns for every root what it leads to, each entity once, by depth and
// then by id. A list ends early, after a whole level, where enough says so;
// whole reports that none did.
func (w *web) lists(ctx context.Context, roots []ID, maxDepth int, enough func(depth int, list []stop) bool) (lists [][]stop, whole bool, err error) {
	seen := make([]map[ID]bool, len(roots))
	levels := make([][]ID, len(roots))
	for i, root := range roots {
		seen[i], levels[i] = map[ID]bool{root: true}, []ID{root}
	}
	lists, whole = make([][]stop, len(roots)), true
	for depth := 1; maxDepth == 0 || depth <= maxDepth; depth++ {
		frontier := slices.Concat(levels...)
		if len(frontier) == 0 {
			break
		}
		if err := w.expand(ctx, frontier); err != nil {
			return nil, false, err
		}
		for i := range roots {
			if err := context.Cause(ctx); err != nil {
				return nil, false, err
			}
			levels[i] = w.advance(levels[i], seen[i], &lists[i], depth)
			if len(levels[i]) > 0 && enough(depth, lists[i]) {
				levels[i], whole = nil, false
			}
		}
	}
	return lists, whole, nil
}

// advance appends to a list the level behind the one given, and returns it.
func (w *web) advance(level []ID, seen map[ID]bool, list *[]stop, depth int) []ID {
	first := make(map[ID]*Relation)
	for _, id := range level {
		for _, r := range w.read[id] {
			far := w.far(r)
			if seen[far] {
				continue
			}
			if known := first[far]; known == nil || r.Place().Compare(known.Place()) < 0 {
				first[far] = r
			}
		}
	}
	next := slices.Sorted(maps.Keys(first))
	for _, id := range next {
		seen[id] = true
		*list = append(*list, stop{id, depth, first[id]})
	}
	return next
}

// pages returns a page of the list of every root.
func (w *web) pages(ctx context.Context, roots []ID, maxDepth int, p PageArgs) ([]*Page[*Distant], error) {
	size, err := p.window()
	if err != nil {
		return nil, err
	}
	after, before, err := readCursors(p, readStopCursor)
	if err != nil {
		return nil, err
	}
	cut := func(list []stop) []stop {
		if before != nil {
			n, _ := slices.BinarySearchFunc(list, *before, compareStops)
			list = list[:n]
		}
		if after != nil {
			n, found := slices.BinarySearchFunc(list, *after, compareStops)
			if found {
				n++
			}
			list = list[n:]
		}
		return list
	}
	lists, whole, err := w.listsInside(ctx, roots, maxDepth, func(depth int, list []stop) bool {
		return before != nil && depth >= before.depth || !size.reverse && len(cut(list)) > size.size
	})
	if err != nil {
		return nil, err
	}
	counts := w.counter(roots, maxDepth, lists, whole)
	var relations []*Relation
	for i, list := range lists {
		list = cut(list)
		if size.reverse {
			list = slices.Clone(list)
			slices.Reverse(list)
		}
		lists[i] = list[:min(len(list), size.size+1)]
		for _, s := range lists[i] {
			relations = append(relations, s.relation)
		}
	}
	links := w.view.links(relations, func(i int) ID { return w.far(relations[i]) })
	pages := make([]*Page[*Distant], len(roots))
	for i, list := range lists {
		found := make([]*Distant, len(list))
		for j, s := range list {
			found[j] = &Distant{links[j], s.depth}
		}
		links = links[len(list):]
		pages[i] = newPage(found, size, p, func(d *Distant) string { return stopCursor(stop{id: d.Far, depth: d.Depth}) }, countAt(counts, i))
	}
	return pages, nil
}

// listsInside is lists for those who are not inside.
func (w *web) listsInside(ctx context.Context, roots []ID, maxDepth int, enough func(int, []stop) bool) ([][]stop, bool, error) {
	ctx, leave := w.enter(ctx)
	defer leave()
	return w.lists(ctx, roots, maxDepth, enough)
}

// counter returns a function that tells the lengths of the lists. Those that
// are not whole are walked to their end when it is first called.
func (w *web) counter(roots []ID, maxDepth int, lists [][]stop, whole bool) func(context.Context) ([]int, error) {
	lengths := func(lists [][]stop) []int {
		n := make([]int, len(lists))
		for i, list := range lists {
			n[i] = len(list)
		}
		return n
	}
	if whole {
		n := lengths(lists)
		return func(context.Context) ([]int, error) { return n, nil }
	}
	var once sync.Once
	var n []int
	var failed error
	return func(ctx context.Context) ([]int, error) {
		once.Do(func() {
			all, _, err := w.listsInside(ctx, roots, maxDepth, func(int, []stop) bool { return false })
			n, failed = lengths(all), err
		})
		return n, failed
	}
}

func compareStops(a, b stop) int {
	return cmp.Or(cmp.Compare(a.depth, b.depth), cmp.Compare(a.id, b.id))
}

// stopList marks cursors of lists of stops.
const stopList listKind = 48

func stopCursor(s stop) string {
	b := newCursor(stopList)
	return cursorBuilder(binary.AppendUvarint(b, uint64(s.depth))).text(string(s.id)).String()
}

func readStopCursor(argument, cursor string) (stop, error) {
	r := openCursor(stopList, cursor)
	depth, width := binary.Uvarint(r.rest)
	if width <= 0 || depth > 1<<31 {
		r.bad = true
		return stop{}, r.err(argument)
	}
	r.rest = r.rest[width:]
	s := stop{id: ID(r.text()), depth: int(depth)}
	return s, r.err(argument)
}

// DirectAcquisitions returns the page that Relations gives of the member's own
// deals, one entry for each of them in the order of their dates; MaxDepth is not
// used.
func (m *Member) DirectAcquisitions(ctx context.Context, dir Direction, o AcquisitionOptions, p PageArgs) (*Page[*Distant], error) {
	page, err := m.Relations(ctx, RelationFilter{Types: []RelationType{Acquired}, Direction: dir, When: o.When, Direct: true}, p)
	if err != nil {
		return nil, err
	}
	return convert(page, func(l *Link) *Distant { return &Distant{l, 1} }), nil
}
