package companygen_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/companygen"
)

const graph = `{"id":"c0000001","type":"Company","name":"Stenterfield Software Ltd","country":"AU","city":"Portstead","industry":"Software","founded":2002,"employees":63,"status":"active"}
{"id":"p0000001","type":"Person","name":"Ada Norton","country":"US","born":1960}
{"id":"r00000001","type":"OWNS","from":"c0003653","to":"c0003912","since":"2002-07-09","stake":0.6777,"source":"news"}
{"id":"r00000002","type":"ACQUIRED","from":"c0007060","to":"c0003343","since":"1999-06-21","stake":1.0000,"price":26896418,"source":"news"}
{"id":"r00000003","type":"HAS_ROLE","from":"p0000001","to":"c0005983","since":"2005-05-12","until":"2015-04-08","title":"Chair","source":"registry"}
{"id":"r00000004","type":"MAKES","from":"c0005794","to":"d0000001","since":"2023-04-06","source":"registry"}
{"id":"x","type":"LIKES"}
nonsense
`

// read lists what is in a file in words.
func read(text string) (list []string) {
	for d, err := range companygen.Read(ingest.Input{Name: "f", Reader: strings.NewReader(text)}) {
		switch d := d.(type) {
		case nil:
			list = append(list, err.Error())
		case *ingest.Source:
			list = append(list, "source "+d.ID.Value)
		case *ingest.Metric:
			list = append(list, "metric "+d.Name.Value)
		case *ingest.Entity:
			list = append(list, fmt.Sprintf("%s %s %s", d.Kind.Value, d.ID.Value, d.Names[0].Text.Value))
		case *ingest.Figure:
			list = append(list, fmt.Sprintf("%s of %s: %s", d.Metric.Value, d.Of.Value, d.Value.Value))
		case *ingest.Relation:
			list = append(list, fmt.Sprintf("%s %s %s on %q since %q until %q stake %q money %q text %q by %s at %s", d.From.Value, d.Type.Value, d.To.Value,
				d.On.Value, d.Since.Value, d.Until.Value, d.Stake.Value, d.Money.Value, d.Text.Value, d.Cites[0].Source.Value, d.Cites[0].Locator))
		}
	}
	return list
}

func TestRead(t *testing.T) {
	want := []string{
		"metric employees", "source companygen:registry", "company cg:c0000001 Stenterfield Software Ltd", "employees of cg:c0000001: 63",
		"person cg:p0000001 Ada Norton",
		"source companygen:news",
		`cg:c0003653 owns cg:c0003912 on "" since "2002-07-09" until "" stake "67.77" money "" text "" by companygen:news at r00000001`,
		`cg:c0007060 acquired cg:c0003343 on "1999-06-21" since "" until "" stake "100.00" money "26896418 USD" text "" by companygen:news at r00000002`,
		`cg:p0000001 holds_role cg:c0005983 on "" since "2005-05-12" until "2015-04-08" stake "" money "" text "Chair" by companygen:registry at r00000003`,
		`cg:c0005794 offers cg:d0000001 on "" since "2023-04-06" until "" stake "" money "" text "" by companygen:registry at r00000004`,
		`f:7: "LIKES" is no type of entity or relation`,
		"f:8: the line is not the JSON object that belongs here",
	}
	if diff := cmp.Diff(want, read(graph)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBrokenFiles(t *testing.T) {
	for text, want := range map[string]string{
		"id,name\n":      "f:1: this is no file of companygen: its lines are JSON objects with an id and a type",
		graph + `{"id":`: "f:9: the file ends in the middle of a record: it has been cut off",
		"":               "f:1: the file is empty",
	} {
		list := read(text)
		if got := list[len(list)-1]; got != want {
			t.Errorf("%.20q ends in %q; want %q", text, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(graph)
	f.Fuzz(func(_ *testing.T, text string) { read(text) })
}
