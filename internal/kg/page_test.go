package kg

import (
	"context"
	"errors"
	"math"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ptr[T any](v T) *T { return &v }

func TestPageArguments(t *testing.T) {
	for name, c := range map[string]struct {
		args PageArgs
		want window
		bad  string
	}{
		"nothing asked":      {PageArgs{}, window{DefaultPage, false}, ""},
		"first":              {PageArgs{First: ptr(3)}, window{3, false}, ""},
		"first of nothing":   {PageArgs{First: ptr(0)}, window{0, false}, ""},
		"the largest":        {PageArgs{First: ptr(MaxPage)}, window{MaxPage, false}, ""},
		"last":               {PageArgs{Last: ptr(3)}, window{3, true}, ""},
		"negative":           {PageArgs{First: ptr(-1)}, window{}, "first"},
		"too large":          {PageArgs{First: ptr(MaxPage + 1)}, window{}, "first"},
		"hugely negative":    {PageArgs{Last: ptr(math.MinInt)}, window{}, "last"},
		"last too large":     {PageArgs{Last: ptr(math.MaxInt)}, window{}, "last"},
		"both ways at once":  {PageArgs{First: ptr(1), Last: ptr(1)}, window{}, "last"},
		"backward, no count": {PageArgs{Before: ptr("x")}, window{DefaultPage, false}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.args.window()
			if c.bad != "" {
				var invalid *InvalidError
				if !errors.As(err, &invalid) || invalid.Argument != c.bad {
					t.Fatalf("got %v, want an error about %s", err, c.bad)
				}
				return
			}
			if err != nil || got != c.want {
				t.Fatalf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestPagesKnowWhatLiesBesideThem(t *testing.T) {
	count := func(context.Context) (int, error) { return 9, nil }
	cursor := strconv.Itoa
	for name, c := range map[string]struct {
		fetched    []int
		args       PageArgs
		want       []int
		next, prev bool
	}{
		"first page, more behind":        {[]int{1, 2, 3}, PageArgs{First: ptr(2)}, []int{1, 2}, true, false},
		"middle page":                    {[]int{3, 4, 5}, PageArgs{First: ptr(2), After: ptr("2")}, []int{3, 4}, true, true},
		"last page":                      {[]int{9}, PageArgs{First: ptr(2), After: ptr("8")}, []int{9}, false, true},
		"last page, backward":            {[]int{9, 8, 7}, PageArgs{Last: ptr(2)}, []int{8, 9}, false, true},
		"backward to the very beginning": {[]int{1}, PageArgs{Last: ptr(2), Before: ptr("2")}, []int{1}, true, false},
		"nothing there":                  {nil, PageArgs{First: ptr(2)}, []int{}, false, false},
		"nothing asked for":              {[]int{1}, PageArgs{First: ptr(0)}, []int{}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := c.args.window()
			if err != nil {
				t.Fatal(err)
			}
			p := newPage(c.fetched, w, c.args, cursor, count)
			if diff := cmp.Diff(c.want, p.Values()); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			for _, item := range p.Items {
				if item.Cursor != cursor(item.Value) {
					t.Errorf("value %d has cursor %s", item.Value, item.Cursor)
				}
			}
			if p.HasNext != c.next || p.HasPrevious != c.prev {
				t.Errorf("got next %v, previous %v; want %v, %v", p.HasNext, p.HasPrevious, c.next, c.prev)
			}
		})
	}
}

func TestCursorsComeBack(t *testing.T) {
	for name, place := range map[string]RelationPlace{
		"a day":       {MustDate("2014-04-13").Place(), "r-0123456789abcdef"},
		"open":        {MustDate("[..2014]").Place(), "r-0123456789abcdef"},
		"unknown":     {PartialDate{}.Place(), "x"},
		"long id":     {PartialDate{}.Place(), ID(make([]byte, MaxIDLength))},
		"unusual ids": {MustDate("0001").Place(), "wd:Q1359568/é\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readRelationCursor("after", relationCursor(place))
			if err != nil || got != place {
				t.Fatalf("got %+v, %v; want %+v", got, err, place)
			}
		})
	}
	o := ObservationPlace{"revenue", MustPeriod("2014/2016").Place(), "o-1"}
	if got, err := readObservationCursor("after", observationCursor(o)); err != nil || got != o {
		t.Errorf("got %+v, %v; want %+v", got, err, o)
	}
	s := ScanPlace{[]byte{1, 2, 0, 255}, "alibaba-group"}
	if got, err := readScanCursor("after", scanCursor(s)); err != nil || got.Compare(s) != 0 {
		t.Errorf("got %+v, %v; want %+v", got, err, s)
	}
	h := TextHit{ID: "amap", Score: 12.5}
	if got, err := readSearchCursor("after", searchCursor(h)); err != nil || got != h {
		t.Errorf("got %+v, %v; want %+v", got, err, h)
	}
}

func TestForeignCursorsAreRefused(t *testing.T) {
	relation := relationCursor(RelationPlace{MustDate("2014").Place(), "r-1"})
	for name, cursor := range map[string]string{
		"empty":            "",
		"not base64":       "***",
		"padded":           relation + "=",
		"cut off":          relation[:len(relation)-4],
		"of another list":  observationCursor(ObservationPlace{"revenue", Period{}.Place(), "o-1"}),
		"with more behind": newCursor(relationList).place(DatePlace{}).text("r").text("more").String(),
		"other version":    cursorBuilder{2, byte(relationList)}.place(DatePlace{}).text("r").String(),
		"length beyond":    append(newCursor(relationList).place(DatePlace{}), 0xff, 0xff, 0xff, 0xff, 0x0f).String(),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readRelationCursor("after", cursor)
			var invalid *InvalidError
			if !errors.As(err, &invalid) || invalid.Argument != "after" {
				t.Fatalf("got %v, want an error about after", err)
			}
		})
	}
	if _, err := readSearchCursor("after", searchCursor(TextHit{ID: "a", Score: math.NaN()})); err == nil {
		t.Error("a score that is no number passed")
	}
}

func FuzzCursors(f *testing.F) {
	f.Add(relationCursor(RelationPlace{MustDate("2014").Place(), "r-1"}))
	f.Add(observationCursor(ObservationPlace{"revenue", Period{}.Place(), "o-1"}))
	f.Add(scanCursor(ScanPlace{[]byte{1}, "a"}))
	f.Add(searchCursor(TextHit{ID: "a", Score: 1}))
	f.Fuzz(func(t *testing.T, cursor string) {
		if p, err := readRelationCursor("after", cursor); err == nil && relationCursor(p) != cursor {
			t.Errorf("%q comes back as %q", cursor, relationCursor(p))
		}
		if p, err := readObservationCursor("after", cursor); err == nil && observationCursor(p) != cursor {
			t.Errorf("%q comes back as %q", cursor, observationCursor(p))
		}
		if p, err := readScanCursor("after", cursor); err == nil && scanCursor(p) != cursor {
			t.Errorf("%q comes back as %q", cursor, scanCursor(p))
		}
		if h, err := readSearchCursor("after", cursor); err == nil && searchCursor(h) != cursor {
			t.Errorf("%q comes back as %q", cursor, searchCursor(h))
		}
	})
}
