package graph_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// fact is a value taken from an answer.
type fact struct {
	value     any // a number or a text
	unit      string
	qualifier string
	// from is the part of the answer that holds the value and its citations.
	from any
}

// extract takes from an answer what was asked for.
type extract func(data any) []fact

// pick walks down an answer and returns what lies at the end of the path; lists
// on the way are walked through, nulls left out.
//
// A path is names joined by dots. Behind a name a condition in brackets may
// stand, a path from there, an operator and a text: = (is it), ~ (contains the
// regular expression, letter case aside), < and > (numbers as numbers, texts as
// texts). It holds if one of the values at its path fulfils it; with ! before
// the operator, if none does.
func pick(data any, path string) []any {
	found := flat(data)
	for _, step := range pathSyntax.FindAllStringSubmatch(path, -1) {
		name, conditions := step[1], conditionSyntax.FindAllStringSubmatch(step[2], -1)
		var next []any
		for _, x := range found {
			object, ok := x.(map[string]any)
			if !ok {
				panic(fmt.Sprintf("no %s in %v", name, x))
			}
			// A field may be missing where it stands in a fragment for another type.
			for _, y := range flat(object[name]) {
				if !slices.ContainsFunc(conditions, func(c []string) bool { return !holds(y, c[1], c[2] != "", c[3], c[4]) }) {
					next = append(next, y)
				}
			}
		}
		found = next
	}
	return found
}

var (
	pathSyntax      = regexp.MustCompile(`(\w+)((?:\[[^\]]*\])*)\.?`)
	conditionSyntax = regexp.MustCompile(`\[([\w.]+)(!?)([=~<>])([^\]]*)\]`)
)

func flat(x any) []any {
	switch x := x.(type) {
	case nil:
		return nil
	case []any:
		var all []any
		for _, y := range x {
			all = append(all, flat(y)...)
		}
		return all
	}
	return []any{x}
}

// holds reports that one of the values at the path stands in the relation to
// the text, or with not that none does.
func holds(x any, path string, not bool, operator, text string) bool {
	some := slices.ContainsFunc(pick(x, path), func(y any) bool {
		switch operator {
		case "=":
			return fmt.Sprint(y) == text
		case "~":
			return regexp.MustCompile("(?i)" + text).MatchString(fmt.Sprint(y))
		}
		c := 0
		if n, ok := y.(float64); ok {
			var bound float64
			if err := json.Unmarshal([]byte(text), &bound); err != nil {
				panic(err)
			}
			c = cmp.Compare(n, bound)
		} else {
			c = strings.Compare(fmt.Sprint(y), text)
		}
		return operator == "<" && c < 0 || operator == ">" && c > 0
	})
	return some != not
}

// take returns the values at a path from each of the items.
func take(items, value string) extract {
	return func(data any) (facts []fact) {
		for _, item := range pick(data, items) {
			for _, v := range pick(item, value) {
				facts = append(facts, fact{value: v, from: item})
			}
		}
		return facts
	}
}

// figures returns the numbers, or dates, of figures.
func figures(items string) extract {
	return func(data any) (facts []fact) {
		for _, item := range pick(data, items) {
			f := item.(map[string]any)
			value := f["value"]
			if value == nil {
				value = f["date"]
			}
			facts = append(facts, fact{value, f["unit"].(string), f["qualifier"].(string), item})
		}
		return facts
	}
}

// stakes returns the exact shares of edges, in percent.
func stakes(items string) extract {
	return func(data any) []fact {
		facts := take(items, "relation.stake.exact")(data)
		for i := range facts {
			facts[i].unit = "percent"
		}
		return facts
	}
}

// sums returns the amounts of money of edges.
func sums(items, money string) extract {
	return func(data any) (facts []fact) {
		for _, item := range pick(data, items) {
			for _, m := range pick(item, money) {
				sum := m.(map[string]any)
				facts = append(facts, fact{value: sum["amount"], unit: sum["currency"].(string), from: item})
			}
		}
		return facts
	}
}

// all joins what several extractions give.
func all(parts ...extract) extract {
	return func(data any) (facts []fact) {
		for _, part := range parts {
			facts = append(facts, part(data)...)
		}
		return facts
	}
}

// common keeps the values that both extractions give, with the items of both.
func common(a, b extract) extract {
	return func(data any) (facts []fact) {
		for _, x := range a(data) {
			for _, y := range b(data) {
				if x.value == y.value {
					facts = append(facts, fact{value: x.value, from: []any{x.from, y.from}})
				}
			}
		}
		return facts
	}
}

// counted returns how many different values there are.
func counted(of extract) extract {
	return reduced(of, func(facts []fact) fact {
		different := make(map[any]bool)
		for _, f := range facts {
			different[f.value] = true
		}
		return fact{value: float64(len(different)), unit: "count"}
	})
}

// summed adds the numbers up.
func summed(of extract) extract {
	return reduced(of, func(facts []fact) fact {
		total := 0.0
		for _, f := range facts {
			total += f.value.(float64)
		}
		return fact{value: total, unit: facts[0].unit, qualifier: facts[0].qualifier}
	})
}

// apart subtracts the smallest percentage from the largest.
func apart(of extract) extract {
	return reduced(of, func(facts []fact) fact {
		byValue := func(a, b fact) int { return cmp.Compare(a.value.(float64), b.value.(float64)) }
		return fact{
			value: slices.MaxFunc(facts, byValue).value.(float64) - slices.MinFunc(facts, byValue).value.(float64),
			unit:  "percentage points",
		}
	})
}

func reduced(of extract, reduce func([]fact) fact) extract {
	return func(data any) []fact {
		facts := of(data)
		if len(facts) == 0 {
			return nil
		}
		result := reduce(facts)
		var from []any
		for _, f := range facts {
			from = append(from, f.from)
		}
		result.from = from
		return []fact{result}
	}
}

// ranked takes values from each item, those first whose number at the path by
// is larger.
func ranked(items, by, value string) extract {
	return func(data any) []fact {
		sorted := slices.DeleteFunc(pick(data, items), func(item any) bool { return len(pick(item, by)) == 0 })
		slices.SortStableFunc(sorted, func(a, b any) int {
			return cmp.Compare(pick(b, by)[0].(float64), pick(a, by)[0].(float64))
		})
		var facts []fact
		for _, item := range sorted {
			for _, v := range pick(item, value) {
				facts = append(facts, fact{value: v, from: item})
			}
		}
		return facts
	}
}

// most is the first of what ranked gives, with all the items it is compared with.
func most(items, by, value string) extract {
	return reduced(ranked(items, by, value), func(facts []fact) fact { return facts[0] })
}

// citationsIn returns everything that is cited in a part of an answer.
func citationsIn(x any) (found cited) {
	switch x := x.(type) {
	case []any:
		for _, y := range x {
			found.Citations = append(found.Citations, citationsIn(y).Citations...)
		}
	case map[string]any:
		for key, y := range x {
			if key != "citations" {
				found.Citations = append(found.Citations, citationsIn(y).Citations...)
				continue
			}
			var here cited
			text, err := json.Marshal(map[string]any{key: y})
			if err == nil {
				err = json.Unmarshal(text, &here)
			}
			if err != nil {
				panic(err)
			}
			found.Citations = append(found.Citations, here.Citations...)
		}
	}
	return found
}
