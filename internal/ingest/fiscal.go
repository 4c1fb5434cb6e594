package ingest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"keiretsu/internal/kg"
)

// fiscalLabel is a business year, or a quarter or half of one. The year is that
// in which it ends.
var fiscalLabel = regexp.MustCompile(`^(?:(Q[1-4]|H[12]) )?FY([12][0-9]{3})$`)

// isFiscal reports that a period is meant as a fiscal label, well-formed or not.
func isFiscal(s string) bool { return strings.Contains(strings.ToUpper(s), "FY") }

// fiscalPeriod returns the days that a fiscal label means for a business year
// that ends on the yearly date.
func fiscalPeriod(label string, yearEnd kg.PartialDate) (kg.Period, error) {
	parts := fiscalLabel.FindStringSubmatch(label)
	if parts == nil {
		return kg.Period{}, fmt.Errorf("%q is not a fiscal period; expected a label such as FY2021, Q2 FY2026 or H1 FY2025", label)
	}
	end, err := time.Parse("--01-02", yearEnd.String())
	if err != nil {
		return kg.Period{}, fmt.Errorf("%q is not a day of the year: %w", yearEnd, err)
	}
	year, _ := strconv.Atoi(parts[2])
	from, to := 12, 0 // months before the end of the year
	if part := parts[1]; part != "" {
		months, n := 3, int(part[1]-'0')
		if part[0] == 'H' {
			months = 6
		}
		from, to = 12-months*(n-1), 12-months*n
	}
	return kg.PeriodOf(closing(year, end, from)+1, closing(year, end, to)), nil
}

// closing is the last day of the month of business that lies so many months
// before the end of the year. Where the year ends with a calendar month, so does
// every month of business; the 28th of February is taken for its end.
func closing(year int, end time.Time, before int) kg.Day {
	month := end.Month() - time.Month(before)
	lastDay := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
	day := min(end.Day(), lastDay)
	if endsMonth := end.AddDate(0, 0, 1).Month() != end.Month(); endsMonth || end.Month() == time.February && end.Day() == 28 {
		day = lastDay
	}
	return kg.DayOf(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
}
