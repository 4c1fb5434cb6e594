package graph_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the answers of the engine badger to testdata/*/*/want.json")

// TestOperations asks every operation of testdata with every set of variables
// beside it.
func TestOperations(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		cases, err := filepath.Glob(filepath.Join("testdata", "*", "*", "vars.json"))
		if err != nil || len(cases) == 0 {
			t.Fatalf("%d cases, %v", len(cases), err)
		}
		for _, file := range cases {
			dir := filepath.Dir(file)
			operation := filepath.Base(filepath.Dir(dir))
			t.Run(operation+"/"+filepath.Base(dir), func(t *testing.T) {
				var variables vars
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal(text, &variables); err != nil {
					t.Fatal(err)
				}
				var got bytes.Buffer
				var data json.RawMessage
				w.into(t, contract(t, operation), variables, &data)
				if err := json.Indent(&got, data, "", "  "); err != nil {
					t.Fatal(err)
				}
				got.WriteByte('\n')
				answer := filepath.Join(dir, "want.json")
				if *update && w.name == "badger" {
					if err := os.WriteFile(answer, got.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(answer)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got.String()); diff != "" {
					t.Errorf("the answer differs from %s (-want +got):\n%s", answer, diff)
				}
			})
		}
	})
}

// TestContractFacts checks what the operations must answer, whatever else
// stands beside it.
func TestContractFacts(t *testing.T) {
	const (
		acquired  = "company.acquisitions.edges"
		deal      = "node.id relation.start relation.stake.min relation.citations.source.id relation.citations.locator"
		relations = "entity.relations.nodes"
		figures   = "entity.observations.nodes"
	)
	cases := []struct {
		name      string
		operation string
		vars      vars
		// rows leads to the items, columns to what is shown of each.
		rows, columns string
		want          []string
		// more allows further rows, ordered asks for the rows in this order.
		more, ordered bool
	}{
		{
			name: "acquired in 2014", operation: "acquired-in", vars: vars{"company": "Alibaba", "during": "2014"},
			rows: acquired, columns: deal,
			want: []string{"alibaba-pictures 2014 - doc-002 line 49", "amap 2014 - doc-002,doc-004 line 69,line 33"},
		},
		{
			name: "acquired in 2014, counted", operation: "acquired-in", vars: vars{"company": "Alibaba", "during": "2014"},
			rows: "company.acquisitions", columns: "totalCount pageInfo.hasNextPage", want: []string{"2 false"},
		},
		{
			name: "acquired in 2016", operation: "acquired-in", vars: vars{"company": "Alibaba", "during": "2016"},
			rows: acquired, columns: deal, more: true,
			want: []string{
				"lazada 2016-04 50 doc-000,doc-000 line 11,line 12", "youku 2016 - doc-002,doc-004 line 55,line 29", "damai 2016 - doc-002 line 52",
			},
		},
		{
			name: "acquired in 2016, counted", operation: "acquired-in", vars: vars{"company": "Alibaba", "during": "2016"},
			rows: "company.acquisitions", columns: "totalCount", want: []string{"3"},
		},
		{
			name: "acquired from 2014 to 2016, by date", operation: "acquired-in", vars: vars{"company": "Alibaba", "during": "2014/2016"},
			rows: acquired, columns: "relation.start", ordered: true, want: []string{"2014", "2014", "2016", "2016", "2016-04"},
		},
		{
			name: "acquired in 2013", operation: "acquired-in", vars: vars{"company": "Alibaba", "during": "2013"},
			rows: "company.acquisitions", columns: "totalCount edges", want: []string{"0 -"},
		},
		{
			name: "possibly acquired in 2014", operation: "possible", vars: vars{"company": "Alibaba", "during": "2014"},
			rows: acquired, columns: "node.id relation.start", want: []string{"alibaba-pictures 2014", "amap 2014", "ucweb [2014..]"},
		},
		{
			name: "possibly acquired in June 2014", operation: "possible", vars: vars{"company": "Alibaba", "during": "2014-06"},
			rows: acquired, columns: "node.id", want: []string{"alibaba-pictures", "amap", "ucweb"},
		},
		{
			name: "who is about Lazada", operation: "relations", vars: vars{"name": "Lazada"},
			rows: relations, columns: "from.id type to.id stake.exact", more: true,
			want: []string{
				"alibaba-group ACQUIRED lazada -", "alibaba-group OWNS lazada 97.1", "lazada PART_OF aidc -",
				"lazada OPERATES_IN indonesia -", "lazada OPERATES_IN malaysia -", "lazada OPERATES_IN philippines -",
				"lazada OPERATES_IN singapore -", "lazada OPERATES_IN thailand -", "lazada OPERATES_IN vietnam -",
			},
		},
		{
			name: "relations of Lazada without a citation", operation: "relations", vars: vars{"name": "Lazada"},
			rows: relations + "[citations.locator!~.]", columns: "id",
		},
		{
			name: "customers of Alibaba Cloud", operation: "observations", vars: vars{"name": "Alibaba Cloud"},
			rows: figures + "[metric~^(paying_)?customers$]", columns: "metric value unit qualifier period", ordered: true,
			want: []string{
				"customers 2.3e+06 count MORE_THAN 2016-03-31", "customers 4e+06 count EXACT 2020-04-01/2021-03-31",
				"paying_customers 500000 count MORE_THAN 2016-03-31", "paying_customers 1e+06 count MORE_THAN 2017-11-12",
			},
		},
		{
			name: "periods of the revenue of Alibaba Cloud, newest last and unknown ones behind it", operation: "observations",
			vars: vars{"name": "Alibaba Cloud", "metric": "revenue"},
			rows: figures + "[unit=USD]", columns: "period", ordered: true,
			want: []string{
				"2017-07-01/2017-09-30", "2022-04-01/2023-03-31", "2025-01-01/2025-03-31", "2025-07-01/2025-09-30", "2025-07-01/2025-09-30", "-", "-",
			},
		},
		{
			name: "revenue of Alibaba Cloud in two currencies", operation: "observations", vars: vars{"name": "Alibaba Cloud", "metric": "revenue"},
			rows: figures, columns: "value unit period", more: true,
			want: []string{
				"2.97e+09 CNY 2017-07-01/2017-09-30", "4.47e+08 USD 2017-07-01/2017-09-30", "6e+10 CNY 2020-04-01/2021-03-31",
				"1.664e+10 USD 2022-04-01/2023-03-31", "6.267e+10 CNY 2022-04-01/2023-03-31", "3.0127e+10 CNY 2025-01-01/2025-03-31",
				"4.152e+09 USD 2025-01-01/2025-03-31", "4.35e+09 USD -", "1.223e+10 USD -",
			},
		},
		{
			name: "figures of Alibaba Cloud without a citation", operation: "observations", vars: vars{"name": "Alibaba Cloud", "first": 1000},
			rows: figures + "[citations.locator!~.]", columns: "id",
		},
		{
			name: "partners of the subsidiary Alibaba Cloud", operation: "two-hop", vars: vars{"company": "Alibaba"},
			rows:    "company.subsidiaries.edges.node[id=alibaba-cloud].partners.edges",
			columns: "node.id relation.value.amount relation.value.currency", more: true,
			want: []string{"nvidia 1.6e+09 USD", "microsoft-azure 5e+08 USD", "intel - -"},
		},
		{
			name: "holdings with a stated share", operation: "two-hop", vars: vars{"company": "Alibaba"},
			rows: "company.subsidiaries.edges", columns: "node.id relation.stake.exact", more: true,
			want: []string{"daraz 100", "lazada 97.1", "trendyol 86.6"},
		},
		{
			name: "conflicts about Taobao", operation: "conflicts", vars: vars{"about": vars{"name": "Taobao"}},
			rows: "conflicts", columns: "about.id claims.value", more: true,
			want: []string{
				"taobao 523000000 people, annual_active_consumers, Q4 2023,824000000 people, annual_active_users",
				"taobao 1200000000000 USD,870000000000 USD, transaction_volume, 2023",
				"taobao 709000000 people, 2023,721000000 people",
			},
		},
		{
			name: "acquisitions everywhere", operation: "global-relations", vars: vars{"types": "ACQUIRED", "during": "2014/2016"},
			rows: "relations.nodes", columns: "from.id to.id start", more: true,
			want: []string{
				"alibaba-group alibaba-pictures 2014", "alibaba-group amap 2014", "alibaba-group youku 2016",
				"alibaba-group damai 2016", "alibaba-group lazada 2016-04",
			},
		},
		{
			name: "acquisitions everywhere, counted", operation: "global-relations", vars: vars{"types": "ACQUIRED", "during": "2014/2016"},
			rows: "relations", columns: "totalCount", want: []string{"5"},
		},
		{
			name: "search for an alias", operation: "search", vars: vars{"text": "aliyun", "first": 1},
			rows: "search.edges", columns: "node.id matched", want: []string{"alibaba-cloud Aliyun"},
		},
		{
			name: "search for what Chinese names begin with", operation: "search", vars: vars{"text": "阿里"},
			rows: "search.edges", columns: "node.id matched", more: true,
			want: []string{"alibaba-cloud 阿里云", "alibaba-pictures 阿里巴巴影业集团"},
		},
		{
			name: "search by edit distance", operation: "search", vars: vars{"text": "autonvai", "first": 1},
			rows: "search.edges", columns: "node.id", want: []string{"amap"},
		},
		{
			name: "search in French", operation: "search", vars: vars{"text": "groupe ant", "first": 1},
			rows: "search.edges", columns: "node.id", want: []string{"ant-group"},
		},
	}
	onEveryEngine(t, func(t *testing.T, w *world) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				var got []string
				for _, row := range pick(w.data(t, contract(t, c.operation), c.vars), c.rows) {
					got = append(got, showRow(row, c.columns))
				}
				want := slices.Clone(c.want)
				if c.more {
					got = slices.DeleteFunc(got, func(row string) bool { return !slices.Contains(want, row) })
				}
				if !c.ordered {
					slices.Sort(got)
					slices.Sort(want)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	})
}

// showRow writes the values at the paths; a dash where there is none.
func showRow(row any, columns string) string {
	var cells []string
	for column := range strings.FieldsSeq(columns) {
		var values []string
		for _, v := range pick(row, column) {
			values = append(values, fmt.Sprint(v))
		}
		if values == nil {
			values = []string{"-"}
		}
		cells = append(cells, strings.Join(values, ","))
	}
	return strings.Join(cells, " ")
}

// TestOneEntityByEveryName asks for entities by several of their names.
func TestOneEntityByEveryName(t *testing.T) {
	cases := map[string][]string{
		"alibaba-cloud":    {"阿里云", "Aliyun", "ALIBABA CLOUD", "Nuage d'alibaba", "  alibaba   cloud "},
		"amap":             {"Amap", "AutoNavi", "高德地图", "autonavi"},
		"alibaba-group":    {"Alibaba", "Alibaba Group Holding Limited", "Alibaba Group Holding Ltd.", "groupe Alibaba"},
		"ant-group":        {"Ant Group", "Ant Financial Services Group", "蚂蚁集团", "GROUPE ANT"},
		"alibaba-pictures": {"ChinaVision Media", "阿里巴巴影业集团"},
	}
	onEveryEngine(t, func(t *testing.T, w *world) {
		for id, names := range cases {
			var first any
			for _, name := range names {
				got := w.data(t, contract(t, "entity"), vars{"name": name})
				if showRow(got, "entity.id") != id {
					t.Errorf("%q finds %s; want %s", name, showRow(got, "entity.id"), id)
				}
				if first == nil {
					first = got
				}
				if diff := cmp.Diff(first, got); diff != "" {
					t.Errorf("%q answers otherwise than %q:\n%s", name, names[0], diff)
				}
			}
		}
	})
}

// TestNodesOfEveryKind asks again for everything that can be met, by its id.
func TestNodesOfEveryKind(t *testing.T) {
	const met = `{
  entities(first: 1000) {
    nodes {
      __typename id
      relations(first: 1000) { nodes { __typename id } }
      observations(first: 1000) { nodes { __typename id } }
    }
  }
  sources { __typename id }
}`
	const again = `query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }`
	onEveryEngine(t, func(t *testing.T, w *world) {
		types := make(map[string]string)
		data := w.data(t, met, nil)
		for _, path := range []string{"entities.nodes", "entities.nodes.relations.nodes", "entities.nodes.observations.nodes", "sources"} {
			for _, node := range pick(data, path) {
				types[showRow(node, "id")] = showRow(node, "__typename")
			}
		}
		kinds := make(map[string]bool)
		for _, kind := range types {
			kinds[kind] = true
		}
		for _, kind := range []string{
			"Company", "Organization", "Person", "Product", "Segment", "Place", "Event", "Work", "Concept",
			"Acquisition", "Ownership", "Investment", "Partnership", "Role", "Link", "Observation", "Source",
		} {
			if !kinds[kind] {
				t.Errorf("the seeds hold no %s", kind)
			}
		}
		ids := make([]string, 0, len(types))
		for id := range types {
			ids = append(ids, id)
		}
		for part := range slices.Chunk(ids, 1000) {
			nodes := pick(w.data(t, again, vars{"ids": part}), "nodes")
			if len(nodes) != len(part) {
				t.Fatalf("%d nodes for %d ids", len(nodes), len(part))
			}
			for i, node := range nodes {
				if got, want := showRow(node, "id __typename"), part[i]+" "+types[part[i]]; got != want {
					t.Errorf("got %s; want %s", got, want)
				}
			}
		}
		t.Logf("%d nodes", len(ids))
	})
}
