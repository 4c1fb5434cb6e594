package gleif

import (
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"strconv"
	"strings"

	"keiretsu/internal/ingest"
)

// readCSV yields the records of the golden copy in CSV. Columns are known by
// their names: releases have added some and moved others.
func readCSV(in ingest.Input) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		text := in.Text()
		text.Record()
		r := csv.NewReader(text)
		r.FieldsPerRecord, r.ReuseRecord = -1, true
		header, err := r.Read()
		if err != nil {
			yield(record{}, brokenCSV(in, err))
			return
		}
		t := table{columns: make(map[string]int, len(header))}
		for i, column := range header {
			t.columns[strings.TrimSpace(column)] = i
		}
		read := t.kind()
		if read == nil {
			yield(record{}, ingest.Brokenf(in.At(1), "the first line names no columns of GLEIF; expected LEI with Entity.LegalName or Exception.Category, or Relationship.StartNode.NodeID"))
			return
		}
		// torn is a problem with the row before, which may be where the file was cut.
		var torn *ingest.Problem
		for {
			text.Record()
			row, err := r.Read()
			if torn != nil && errors.Is(err, io.EOF) && text.Unended() {
				yield(record{}, ingest.Brokenf(torn.At, "the file is cut off: it ends in the middle of a record"))
				return
			}
			if torn != nil && !yield(record{}, torn) {
				return
			}
			torn = nil
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(record{}, brokenCSV(in, err))
				return
			}
			line, _ := r.FieldPos(0)
			if len(row) != len(header) {
				torn = ingest.Problemf(in.At(line), "the line has %d columns and the header %d", len(row), len(header))
				continue
			}
			t.row = row
			found := read()
			found.line = line
			if !yield(found, nil) {
				return
			}
		}
	}
}

func brokenCSV(in ingest.Input, err error) error {
	parse, ok := errors.AsType[*csv.ParseError](err)
	switch {
	case ok && errors.Is(err, csv.ErrQuote) && parse.Line != parse.StartLine:
		return ingest.Brokenf(in.At(parse.StartLine), "the file is cut off, or a quotation mark that opens here is never closed")
	case ok:
		return ingest.Brokenf(in.At(parse.Line), "this is no CSV (%v)", parse.Err)
	case errors.Is(err, io.EOF):
		return ingest.Brokenf(in.At(1), "the file is empty")
	}
	return err
}

// table is a file in CSV with one of its rows.
type table struct {
	columns map[string]int
	row     []string
}

// kind tells by the columns which records the rows are.
func (t *table) kind() func() record {
	has := func(column string) bool { _, ok := t.columns[column]; return ok }
	switch {
	case has("Relationship.StartNode.NodeID") && has("Relationship.EndNode.NodeID"):
		return t.relationship
	case has("LEI") && has("Exception.Category"):
		return t.exception
	case has("LEI") && has("Entity.LegalName"):
		return t.entity
	}
	return nil
}

// value returns what stands in a column, "" where there is none.
func (t *table) value(column string) string {
	if i, ok := t.columns[column]; ok {
		return strings.TrimSpace(t.row[i])
	}
	return ""
}

// each calls visit for the numbers from 1 on whose columns the table has.
func (t *table) each(before, after string, visit func(prefix string)) {
	for n := 1; ; n++ {
		prefix := before + strconv.Itoa(n)
		if _, ok := t.columns[prefix+after]; !ok {
			return
		}
		visit(prefix)
	}
}

func (t *table) entity() record {
	e := &entity{
		lei: t.value("LEI"), category: t.value("Entity.EntityCategory"), status: t.value("Entity.EntityStatus"),
		authority: t.value("Entity.RegistrationAuthority.RegistrationAuthorityID"), number: t.value("Entity.RegistrationAuthority.RegistrationAuthorityEntityID"),
		created: t.value("Entity.EntityCreationDate"), expired: t.value("Entity.EntityExpirationDate"), registration: t.value("Registration.RegistrationStatus"),
		jurisdiction: t.value("Entity.LegalJurisdiction"),
		office:       address{t.value("Entity.HeadquartersAddress.Country"), t.value("Entity.HeadquartersAddress.Region"), t.value("Entity.HeadquartersAddress.City")},
	}
	e.names = append(e.names, name{t.value("Entity.LegalName"), t.value("Entity.LegalName.xmllang"), ""})
	for _, list := range []string{"Entity.OtherEntityNames.OtherEntityName.", "Entity.TransliteratedOtherEntityNames.TransliteratedOtherEntityName."} {
		t.each(list, "", func(prefix string) {
			if text := t.value(prefix); text != "" {
				e.names = append(e.names, name{text, t.value(prefix + ".xmllang"), t.value(prefix + ".type")})
			}
		})
	}
	t.each("Entity.SuccessorEntity.", ".SuccessorLEI", func(prefix string) {
		if lei := t.value(prefix + ".SuccessorLEI"); lei != "" {
			e.successors = append(e.successors, lei)
		}
	})
	t.each("Entity.LegalEntityEvents.LegalEntityEvent.", ".LegalEntityEventType", func(prefix string) {
		if e.expired == "" && t.value(prefix+".LegalEntityEventType") == "DISSOLUTION" {
			e.expired = t.value(prefix + ".LegalEntityEventEffectiveDate")
		}
	})
	return record{entity: e}
}

func (t *table) relationship() record {
	r := &relationship{
		child: t.value("Relationship.StartNode.NodeID"), childType: t.value("Relationship.StartNode.NodeIDType"),
		parent: t.value("Relationship.EndNode.NodeID"), parentType: t.value("Relationship.EndNode.NodeIDType"),
		kind: t.value("Relationship.RelationshipType"), status: t.value("Relationship.RelationshipStatus"),
		registration: t.value("Registration.RegistrationStatus"), updated: t.value("Registration.LastUpdateDate"),
		sources: t.value("Registration.ValidationSources"), documents: t.value("Registration.ValidationDocuments"), reference: t.value("Registration.ValidationReference"),
	}
	t.each("Relationship.Period.", ".startDate", func(prefix string) {
		if p := (period{t.value(prefix + ".startDate"), t.value(prefix + ".endDate"), t.value(prefix + ".periodType")}); p != (period{}) {
			r.periods = append(r.periods, p)
		}
	})
	t.each("Relationship.Qualifiers.", ".QualifierDimension", func(prefix string) {
		if q := (qualifier{t.value(prefix + ".QualifierDimension"), t.value(prefix + ".QualifierCategory")}); q != (qualifier{}) {
			r.qualifiers = append(r.qualifiers, q)
		}
	})
	t.each("Relationship.Quantifiers.", ".MeasurementMethod", func(prefix string) {
		if q := (quantifier{t.value(prefix + ".MeasurementMethod"), t.value(prefix + ".QuantifierAmount"), t.value(prefix + ".QuantifierUnits")}); q != (quantifier{}) {
			r.quantifiers = append(r.quantifiers, q)
		}
	})
	return record{relationship: r}
}

func (t *table) exception() record {
	e := &exception{lei: t.value("LEI"), category: t.value("Exception.Category")}
	for list, column := range map[*[]string]string{&e.reasons: "Exception.Reason.", &e.references: "Exception.Reference."} {
		t.each(column, "", func(prefix string) {
			if text := t.value(prefix); text != "" {
				*list = append(*list, text)
			}
		})
	}
	return record{exception: e}
}
