package kgtest

import (
	"reflect"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"keiretsu/internal/kg"
)

// notation is how differences are written: dates and periods as one value.
var notation = gocmp.Options{
	gocmp.Comparer(func(a, b kg.PartialDate) bool { return a == b }),
	gocmp.Comparer(func(a, b kg.Period) bool { return a == b }),
	cmpopts.EquateEmpty(),
}

// Diff describes how two values of kg's types differ in the sense of Equal, in
// go-cmp's notation; it is "" where they do not.
func Diff(want, got any) string {
	if Equal(want, got) {
		return ""
	}
	return gocmp.Diff(want, got, notation)
}

// Equal reports that two values of kg's types say the same. An empty list and
// no list are the same, and so is an instant in two time zones.
//
// It means what go-cmp means with the options of Diff, and takes a tenth of the
// time, of which random worlds would otherwise spend most.
func Equal(x, y any) bool { return equal(reflect.ValueOf(x), reflect.ValueOf(y)) }

func equal(x, y reflect.Value) bool {
	if !x.IsValid() || !y.IsValid() {
		return x.IsValid() == y.IsValid()
	}
	if x.Type() != y.Type() {
		return false
	}
	switch x.Kind() {
	case reflect.Pointer:
		return x.Pointer() == y.Pointer() || !x.IsNil() && !y.IsNil() && equal(x.Elem(), y.Elem())
	case reflect.Interface:
		return equal(x.Elem(), y.Elem())
	case reflect.Slice:
		if x.Len() != y.Len() {
			return false
		}
		for i := range x.Len() {
			if !equal(x.Index(i), y.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if x.Len() != y.Len() {
			return false
		}
		for _, key := range x.MapKeys() {
			if !equal(x.MapIndex(key), y.MapIndex(key)) {
				return false
			}
		}
		return true
	case reflect.Struct:
		return equalStruct(x, y)
	}
	return x.Equal(y)
}

func equalStruct(x, y reflect.Value) bool {
	if x.Type() == reflect.TypeFor[time.Time]() {
		return x.Interface().(time.Time).Equal(y.Interface().(time.Time))
	}
	for i := range x.NumField() {
		if !x.Type().Field(i).IsExported() {
			return x.Equal(y) // a value such as kg.PartialDate
		}
		if !equal(x.Field(i), y.Field(i)) {
			return false
		}
	}
	return true
}

// clone returns a copy that shares no memory with x.
func clone[T any](x T) T {
	deepCopy(reflect.ValueOf(&x).Elem())
	return x
}

// deepCopy replaces what v leads to by a copy. Fields that are not exported are
// those of values such as kg.PartialDate and time.Time, which nothing can change.
func deepCopy(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			target := reflect.New(v.Type().Elem())
			target.Elem().Set(v.Elem())
			deepCopy(target.Elem())
			v.Set(target)
		}
	case reflect.Interface:
		if !v.IsNil() {
			inner := reflect.New(v.Elem().Type()).Elem()
			inner.Set(v.Elem())
			deepCopy(inner)
			v.Set(inner)
		}
	case reflect.Slice:
		if !v.IsNil() {
			list := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(list, v)
			for i := range list.Len() {
				deepCopy(list.Index(i))
			}
			v.Set(list)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				deepCopy(f)
			}
		}
	}
}

// scribble overwrites everything that v leads to, as a caller may who owns it;
// in a list also what an append would overwrite.
func scribble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			scribble(v.Elem())
		}
	case reflect.Slice:
		if !v.IsNil() {
			v = v.Slice(0, v.Cap())
		}
		for i := range v.Len() {
			scribble(v.Index(i))
			v.Index(i).SetZero()
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				scribble(f)
				f.SetZero()
			}
		}
	}
}
