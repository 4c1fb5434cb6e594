package badgerstore

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// filler fills values with what no encoding may lose, different in every field.
type filler struct {
	n int
	// within reports that an earlier description of a source is filled, whose
	// id is that of the source and which has none before it.
	within bool
}

// fill sets everything that v leads to. Interfaces and types with fields that
// are not exported it leaves to the cases below, so that a new one is noticed.
func (f *filler) fill(t *testing.T, v reflect.Value) {
	t.Helper()
	f.n++
	switch v.Interface().(type) {
	case kg.PartialDate:
		v.Set(reflect.ValueOf(kg.MustDate(fmt.Sprintf("[%04d-02..%04d-03-04]", 1000+f.n, 2000+f.n))))
		return
	case kg.Period:
		v.Set(reflect.ValueOf(kg.MustPeriod(fmt.Sprintf("%04d-05/%04d", 1000+f.n, 2000+f.n))))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(int64(f.n)-100, int64(f.n)).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f.within && (v.Type().Field(i).Name == "ID" || v.Type().Field(i).Name == "Earlier") {
				continue
			}
			if v.Type().Field(i).Type != reflect.TypeFor[kg.Statement]() {
				f.fill(t, v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		was := f.within
		f.within = was || v.Type() == reflect.TypeFor[[]*kg.Source]()
		f.fill(t, v.Index(0))
		f.fill(t, v.Index(1))
		f.within = was
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d é\x00", f.n))
	case reflect.Float64:
		v.SetFloat(float64(f.n) / 3)
	case reflect.Uint8:
		v.SetUint(uint64(f.n%200) + 1)
	case reflect.Uint64:
		v.SetUint(uint64(f.n) << 40)
	case reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("the filler does not know %s", v.Type())
	}
}

func filled[T any](t *testing.T) *T {
	t.Helper()
	x := new(T)
	(&filler{}).fill(t, reflect.ValueOf(x).Elem())
	if s, ok := any(x).(*kg.Source); ok {
		for _, earlier := range s.Earlier {
			earlier.ID = s.ID
		}
	}
	return x
}

// everyField returns a record of every kind, and a claim of every statement,
// with every field set.
func everyField(t *testing.T) []kg.Record {
	t.Helper()
	records := []kg.Record{
		filled[kg.Entity](t), filled[kg.Relation](t), filled[kg.Observation](t), filled[kg.Source](t),
		filled[kg.Metric](t), filled[kg.Conflict](t), filled[kg.Redirect](t), filled[kg.Receipt](t),
	}
	for _, s := range []kg.Statement{
		filled[kg.EntityStatement](t), filled[kg.NameStatement](t), filled[kg.IdentifierStatement](t),
		filled[kg.FiscalYearStatement](t), filled[kg.RelationStatement](t), filled[kg.Figure](t),
		filled[kg.SameStatement](t), filled[kg.DifferentStatement](t),
		filled[kg.AbsenceStatement](t),
	} {
		c := filled[kg.Claim](t)
		c.Statement = s
		records = append(records, c)
	}
	return records
}

// encode returns the value under which a record of any kind is kept at home.
func encode(t testing.TB, r kg.Record) []byte {
	t.Helper()
	e := newEncoder()
	if err := e.record(r); err != nil {
		t.Fatal(err)
	}
	return e.b
}

// TestRecordsRoundTrip notices a field that was added to a record and not to
// the codec.
func TestRecordsRoundTrip(t *testing.T) {
	for _, r := range everyField(t) {
		value := encode(t, r)
		got, err := parseHome(r.RecordKind(), r.RecordID(), value)
		if err != nil {
			t.Fatal(err)
		}
		if diff := kgtest.Diff(r, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.RecordKind(), diff)
		}
		// Nothing that was read may change when the engine uses its memory for
		// something else.
		for i := range value {
			value[i] = 'X'
		}
		if diff := kgtest.Diff(r, got); diff != "" {
			t.Errorf("%s still points into the value it was read from:\n%s", r.RecordKind(), diff)
		}
	}
}

func TestZeroRecordsRoundTrip(t *testing.T) {
	for _, r := range []kg.Record{
		&kg.Entity{}, &kg.Relation{}, &kg.Observation{}, &kg.Source{}, &kg.Metric{}, &kg.Conflict{}, &kg.Redirect{},
		&kg.Claim{Statement: &kg.EntityStatement{}}, &kg.Claim{Statement: &kg.Figure{}},
	} {
		got, err := parseHome(r.RecordKind(), r.RecordID(), encode(t, r))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, r) {
			t.Errorf("%s: got %+v, want %+v", r.RecordKind(), got, r)
		}
	}
}

func TestClaimWithoutStatementIsInvalid(t *testing.T) {
	if _, err := rowsOf(&kg.Claim{ID: "c"}); !errors.Is(err, kg.ErrInvalid) {
		t.Errorf("rowsOf: %v, want %v", err, kg.ErrInvalid)
	}
}

// TestTruncatedValuesAreRefused cuts every value off at every length.
func TestTruncatedValuesAreRefused(t *testing.T) {
	for _, r := range everyField(t) {
		value := encode(t, r)
		for n := range value {
			if _, err := parseHome(r.RecordKind(), "x", value[:n]); !errors.Is(err, errMalformed) {
				t.Fatalf("%s cut off at %d of %d bytes: %v, want %v", r.RecordKind(), n, len(value), err, errMalformed)
			}
		}
		if _, err := parseHome(r.RecordKind(), "x", append(value, 0)); !errors.Is(err, errMalformed) {
			t.Errorf("%s with a byte too many: %v, want %v", r.RecordKind(), err, errMalformed)
		}
	}
}

// FuzzDecode sees to it that no bytes upset a decoder, and that what it takes
// for a value survives being written and read again.
func FuzzDecode(f *testing.F) {
	for _, r := range []kg.Record{
		&kg.Entity{ID: "a", Kind: kg.KindCompany, Names: []kg.Name{{Text: "A", Citations: []kg.Citation{{Claim: "c"}}}}},
		&kg.Relation{ID: "r", Stake: &kg.Share{Max: 100}, Money: &kg.Money{Amount: 1, Currency: "USD"}, Start: kg.MustDate("2014")},
		&kg.Claim{ID: "c", Statement: &kg.Figure{Period: kg.MustPeriod("2014/..")}, Spell: kg.Spell{Retracted: &kg.Retraction{Reason: "wrong"}}, Earlier: []kg.Spell{{By: "x"}}},
		&kg.Source{ID: "s", Langs: []string{"en"}, Earlier: []*kg.Source{{ID: "s"}}}, &kg.Receipt{ID: "k"}, &kg.Metric{Name: "m", SameAs: []string{"n"}},
		&kg.Conflict{ID: "x", Claims: []kg.Position{{Value: "1"}}}, &kg.Redirect{From: "a", To: "b"},
	} {
		f.Add(uint8(r.RecordKind()), encode(f, r))
	}
	f.Fuzz(func(t *testing.T, kind uint8, value []byte) {
		_, _ = parseAtID("x", value)
		newDecoder(value).change(1)
		newDecoder(value).head()
		newDecoder(value).identity()
		r, err := parseHome(kg.RecordKind(kind), "x", value)
		if err != nil {
			return
		}
		again := encode(t, r)
		back, err := parseHome(kg.RecordKind(kind), "x", again)
		if err != nil {
			t.Fatalf("what was read as %+v cannot be read when written again: %v", r, err)
		}
		// Compared as bytes, since a number need not equal itself.
		if third := encode(t, back); !bytes.Equal(third, again) {
			t.Fatalf("%x became %x and then %x", value, again, third)
		}
	})
}
