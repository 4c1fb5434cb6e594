package ingest

import (
	"testing"

	"keiretsu/internal/kg"
)

func TestFiscalPeriods(t *testing.T) {
	cases := []struct{ yearEnd, label, want string }{
		{"--03-31", "FY2021", "2020-04-01/2021-03-31"},
		{"--03-31", "Q1 FY2026", "2025-04-01/2025-06-30"},
		{"--03-31", "Q2 FY2026", "2025-07-01/2025-09-30"},
		{"--03-31", "Q3 FY2024", "2023-10-01/2023-12-31"},
		{"--03-31", "Q4 FY2024", "2024-01-01/2024-03-31"},
		{"--03-31", "H1 FY2025", "2024-04-01/2024-09-30"},
		{"--03-31", "H2 FY2025", "2024-10-01/2025-03-31"},
		{"--12-31", "FY2024", "2024-01-01/2024-12-31"},
		{"--12-31", "Q1 FY2024", "2024-01-01/2024-03-31"},
		{"--09-30", "Q1 FY2024", "2023-10-01/2023-12-31"},
		{"--06-30", "Q3 FY2024", "2024-01-01/2024-03-31"},
		{"--02-29", "FY2023", "2022-03-01/2023-02-28"},
		{"--02-28", "FY2024", "2023-03-01/2024-02-29"},
		{"--02-28", "Q1 FY2025", "2024-03-01/2024-05-31"},
		{"--04-05", "FY2024", "2023-04-06/2024-04-05"},
		{"--04-05", "Q1 FY2024", "2023-04-06/2023-07-05"},
		{"--01-30", "Q1 FY2024", "2023-01-31/2023-04-30"},
	}
	for _, c := range cases {
		t.Run(c.label+" ending "+c.yearEnd, func(t *testing.T) {
			got, err := fiscalPeriod(c.label, kg.MustDate(c.yearEnd))
			if err != nil || got.String() != c.want {
				t.Errorf("got %s, %v; want %s", got, err, c.want)
			}
		})
	}
	for _, label := range []string{"FY", "FY21", "fy2021", "FY2021 Q2", "Q0 FY2021", "Q5 FY2021", "H3 FY2021", "Q2FY2021", "FY0021"} {
		if p, err := fiscalPeriod(label, kg.MustDate("--03-31")); err == nil {
			t.Errorf("%q was read as %s", label, p)
		}
	}
}

// TestQuartersFillTheYear: whatever the year end, the four quarters and the two
// halves follow one another without a gap and fill the year.
func TestQuartersFillTheYear(t *testing.T) {
	for end := kg.MustDate("2000-01-01").Earliest(); end <= kg.MustDate("2000-12-31").Latest(); end++ {
		yearly := kg.MustDate("--" + end.String()[5:])
		for _, year := range []string{"FY2023", "FY2024"} {
			whole, err := fiscalPeriod(year, yearly)
			if err != nil {
				t.Fatal(err)
			}
			for _, parts := range [][]string{{"Q1 ", "Q2 ", "Q3 ", "Q4 "}, {"H1 ", "H2 "}} {
				next := whole.First()
				for _, part := range parts {
					p, err := fiscalPeriod(part+year, yearly)
					if err != nil {
						t.Fatal(err)
					}
					if p.First() != next || p.Last() < p.First() {
						t.Errorf("%s%s of a year that ends on %s is %s; want it to begin on %s", part, year, yearly, p, next)
					}
					next = p.Last() + 1
				}
				if next != whole.Last()+1 {
					t.Errorf("the parts of %s ending on %s end on %s; want %s", year, yearly, next-1, whole.Last())
				}
			}
		}
	}
}
