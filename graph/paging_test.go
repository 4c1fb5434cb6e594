package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pagedLists are lists that are longer than a page, or may be.
var pagedLists = []struct {
	name, query string
	// connection leads to the connection.
	connection string
	// forwardOnly lists take no last and before.
	forwardOnly bool
}{
	{
		name: "relations of an entity", connection: "entity.relations",
		query: `{ entity(by: { id: "alibaba-group" }) { relations(PAGE) { totalCount pageInfo { ...info } edges { cursor node { id } } } } }`,
	},
	{
		name: "relations of an entity, filtered", connection: "entity.relations",
		query: `{ entity(by: { id: "alibaba-group" }) { relations(types: [ACQUIRED, OWNS], direction: OUT, PAGE) {
			totalCount pageInfo { ...info } edges { cursor node { id } } } } }`,
	},
	{
		name: "figures of an entity", connection: "entity.observations",
		query: `{ entity(by: { id: "alibaba-cloud" }) { observations(PAGE) { totalCount pageInfo { ...info } edges { cursor node { id } } } } }`,
	},
	{
		name: "figures of one metric", connection: "entity.observations",
		query: `{ entity(by: { id: "alibaba-cloud" }) { observations(metric: "revenue", PAGE) { totalCount pageInfo { ...info } edges { cursor node { id } } } } }`,
	},
	{
		name: "acquired companies", connection: "company.acquisitions",
		query: `{ company(name: "Alibaba") { acquisitions(PAGE) { totalCount pageInfo { ...info } edges { cursor node { id } } } } }`,
	},
	{
		name: "products", connection: "company.products",
		query: `{ company(name: "Alibaba Cloud") { products(PAGE) { totalCount pageInfo { ...info } edges { cursor node { id } } } } }`,
	},
	{
		name: "all entities", connection: "entities",
		query: `{ entities(PAGE) { totalCount pageInfo { ...info } edges { cursor node { id } } } }`,
	},
	{
		name: "entities of some kinds", connection: "entities",
		query: `{ entities(kinds: [PERSON, PLACE], PAGE) { totalCount pageInfo { ...info } edges { cursor node { id } } } }`,
	},
	{
		name: "relations of the graph", connection: "relations",
		query: `{ relations(PAGE) { totalCount pageInfo { ...info } edges { cursor node { id } } } }`,
	},
	{
		name: "search results", connection: "search", forwardOnly: true,
		query: `{ search(text: "alibaba", PAGE) { totalCount pageInfo { ...info } edges { cursor node { id } } } }`,
	},
}

// paged is a page as a client sees it.
type paged struct {
	entries []string // cursor and id
	total   float64
	// hasNext and hasPrevious are those of pageInfo, start and end its cursors.
	hasNext, hasPrevious bool
	start, end           string
}

func (w *world) page(t *testing.T, query, connection, arguments string) paged {
	t.Helper()
	query = strings.Replace(query, "PAGE", arguments, 1) +
		" fragment info on PageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
	list := pick(w.data(t, query, nil), connection)[0]
	p := paged{
		total:   pick(list, "totalCount")[0].(float64),
		hasNext: pick(list, "pageInfo.hasNextPage")[0].(bool), hasPrevious: pick(list, "pageInfo.hasPreviousPage")[0].(bool),
		start: showRow(list, "pageInfo.startCursor"), end: showRow(list, "pageInfo.endCursor"),
	}
	for _, edge := range pick(list, "edges") {
		p.entries = append(p.entries, showRow(edge, "cursor node.id"))
	}
	return p
}

// TestPages walks through every list, in pages of several sizes and in both
// directions, and compares with the list in one page.
func TestPages(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		for _, list := range pagedLists {
			t.Run(list.name, func(t *testing.T) {
				whole := w.page(t, list.query, list.connection, "first: 1000")
				if whole.hasNext || whole.hasPrevious || len(whole.entries) < 3 || whole.total != float64(len(whole.entries)) {
					t.Fatalf("the whole list: %d entries, %v counted, next %v, previous %v",
						len(whole.entries), whole.total, whole.hasNext, whole.hasPrevious)
				}
				if different := slices.Compact(slices.Sorted(slices.Values(whole.entries))); len(different) != len(whole.entries) {
					t.Fatalf("%d entries, %d of them different", len(whole.entries), len(different))
				}
				for _, size := range []int{7, len(whole.entries) - 1, len(whole.entries)} {
					t.Run(fmt.Sprintf("forward by %d", size), func(t *testing.T) {
						var got []string
						arguments := fmt.Sprintf("first: %d", size)
						for more := true; more; {
							p := w.page(t, list.query, list.connection, arguments)
							check(t, p, whole, size, p.hasPrevious == (got != nil))
							got = append(got, p.entries...)
							more = p.hasNext
							arguments = fmt.Sprintf("first: %d, after: %q", size, p.end)
						}
						if diff := cmp.Diff(whole.entries, got); diff != "" {
							t.Errorf("-want +got:\n%s", diff)
						}
					})
					if list.forwardOnly {
						continue
					}
					t.Run(fmt.Sprintf("backward by %d", size), func(t *testing.T) {
						var got []string
						arguments := fmt.Sprintf("last: %d", size)
						for more := true; more; {
							p := w.page(t, list.query, list.connection, arguments)
							check(t, p, whole, size, p.hasNext == (got != nil))
							got = append(slices.Clone(p.entries), got...)
							more = p.hasPrevious
							arguments = fmt.Sprintf("last: %d, before: %q", size, p.start)
						}
						if diff := cmp.Diff(whole.entries, got); diff != "" {
							t.Errorf("-want +got:\n%s", diff)
						}
					})
				}
				if list.forwardOnly {
					return
				}
				second, secondLast := cursorOf(whole.entries[1]), cursorOf(whole.entries[len(whole.entries)-2])
				between := whole.entries[2 : len(whole.entries)-2]
				for _, arguments := range []string{"first: 1000", "last: 1000"} {
					p := w.page(t, list.query, list.connection, fmt.Sprintf("%s, after: %q, before: %q", arguments, second, secondLast))
					if !slices.Equal(p.entries, between) {
						t.Errorf("between two cursors, %s: got %v; want %v", arguments, p.entries, between)
					}
				}
			})
		}
	})
}

func check(t *testing.T, p, whole paged, size int, other bool) {
	t.Helper()
	switch {
	case len(p.entries) == 0 || len(p.entries) > size:
		t.Fatalf("a page of %d entries", len(p.entries))
	case p.total != whole.total:
		t.Errorf("a page counts %v entries of the list; want %v", p.total, whole.total)
	case p.start != cursorOf(p.entries[0]) || p.end != cursorOf(p.entries[len(p.entries)-1]):
		t.Errorf("the cursors of the page are not those of its ends")
	case !other:
		t.Errorf("the page does not say whether it is the first that was asked for")
	}
}

func cursorOf(entry string) string {
	cursor, _, _ := strings.Cut(entry, " ")
	return cursor
}

// TestEmptyPages asks for pages without entries.
func TestEmptyPages(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		for _, list := range pagedLists {
			whole := w.page(t, list.query, list.connection, "first: 1000")
			last := whole.end
			none := w.page(t, list.query, list.connection, fmt.Sprintf("first: 3, after: %q", last))
			if want := (paged{total: whole.total, hasPrevious: true, start: "-", end: "-"}); !cmp.Equal(none, want, cmp.AllowUnexported(paged{})) {
				t.Errorf("%s, behind the end: got %+v; want %+v", list.name, none, want)
			}
			none = w.page(t, list.query, list.connection, "first: 0")
			if want := (paged{total: whole.total, hasNext: true, start: "-", end: "-"}); !cmp.Equal(none, want, cmp.AllowUnexported(paged{})) {
				t.Errorf("%s, nothing asked for: got %+v; want %+v", list.name, none, want)
			}
			some := w.page(t, list.query, list.connection, "after: null")
			if want := min(50, len(whole.entries)); len(some.entries) != want {
				t.Errorf("%s, no size asked for: %d entries; want %d", list.name, len(some.entries), want)
			}
		}
	})
}
