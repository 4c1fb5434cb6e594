package wikidata

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

var timeForm = regexp.MustCompile(`^\+?(\d{4})-(\d{2})-(\d{2})T`)

// date writes a time as kg.ParseDate reads it; "" where it is none, lies before
// the year 1, or is known to a century or less. Months and days may be 00.
func (s *snak) date() string {
	if s == nil || s.Kind != "value" || s.Value.Type != "time" {
		return ""
	}
	var v struct {
		Time      string `json:"time"`
		Precision int    `json:"precision"`
	}
	if json.Unmarshal(s.Value.Value, &v) != nil {
		return ""
	}
	m := timeForm.FindStringSubmatch(v.Time)
	if len(m) < 4 || m[1] == "0000" {
		return ""
	}
	year, month, day := m[1], m[2], m[3]
	switch {
	case v.Precision >= 11 && month != "00" && day != "00":
		return year + "-" + month + "-" + day
	case v.Precision >= 10 && month != "00":
		return year + "-" + month
	case v.Precision >= 9:
		return year
	case v.Precision == 8:
		n, _ := strconv.Atoi(year)
		n -= n % 10
		if n == 0 {
			return ""
		}
		return fmt.Sprintf("[%04d..%04d]", n, n+9)
	}
	return ""
}

// quantity returns the amount of a snak and its unit: an item, or "" for a bare
// number.
func (s *snak) quantity() (amount *big.Rat, unit string) {
	if s == nil || s.Kind != "value" || s.Value.Type != "quantity" {
		return nil, ""
	}
	var v struct{ Amount, Unit string }
	if json.Unmarshal(s.Value.Value, &v) != nil || len(v.Amount) > 60 || strings.Trim(v.Amount, "+-.0123456789") != "" {
		return nil, "" // what else big.Rat reads can have many more digits than letters, as 1p999999 has
	}
	amount, ok := new(big.Rat).SetString(v.Amount)
	if !ok {
		return nil, ""
	}
	if at := strings.LastIndexByte(v.Unit, '/'); at >= 0 {
		unit = v.Unit[at+1:]
	}
	return amount, unit
}

// number writes an amount in decimal digits, without zeros at its end.
func number(r *big.Rat) string {
	s := r.FloatString(12)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// percentage returns a share in percent that is stated as a part of one, or where
// its unit is percent as such; "" where it is none.
func (s *snak) percentage() string {
	amount, unit := s.quantity()
	if amount == nil || amount.Sign() < 0 {
		return ""
	}
	if unit != "Q11229" { // percent
		amount.Mul(amount, big.NewRat(100, 1))
	}
	if amount.Cmp(big.NewRat(100, 1)) > 0 {
		return ""
	}
	return number(amount)
}

// currencies are the units of money that occur most, by their items.
var currencies = map[string]string{
	"Q4917": "USD", "Q4916": "EUR", "Q25224": "GBP", "Q8146": "JPY", "Q39099": "CNY", "Q202040": "KRW", "Q80524": "INR", "Q25344": "CHF",
	"Q122922": "SEK", "Q25417": "DKK", "Q132643": "NOK", "Q123213": "PLN", "Q41044": "RUB", "Q1104069": "CAD", "Q259502": "AUD",
	"Q31015": "HKD", "Q190951": "SGD", "Q208526": "TWD", "Q173117": "BRL", "Q4730": "MXN", "Q172872": "TRY", "Q181907": "ZAR",
}
