package gleif

// The records of the three files, with the fields that are taken, as written.
type (
	// entity is a record of level 1.
	entity struct {
		lei   string
		names []name
		// authority and number are the register of the entity and its number there.
		authority, number string
		category          string
		created, expired  string
		status            string
		// jurisdiction is where it is registered: a country or a part of one.
		jurisdiction string
		// office is where its headquarters are.
		office address
		// successors are the LEIs of what took its place.
		successors []string
		// registration is the status of the record itself.
		registration string
	}
	name    struct{ text, lang, kind string }
	address struct{ country, region, city string }

	// relationship is a record of level 2. It leads from child to parent.
	relationship struct {
		child, parent         string
		childType, parentType string
		kind, status          string
		periods               []period
		qualifiers            []qualifier
		quantifiers           []quantifier
		registration          string
		updated               string
		sources, documents    string
		reference             string
	}
	period     struct{ start, end, kind string }
	qualifier  struct{ dimension, category string }
	quantifier struct{ method, amount, units string }

	// exception is a reporting exception.
	exception struct {
		lei, category       string
		reasons, references []string
	}
)

// record is one record of any of the files: exactly one part is set.
type record struct {
	line         int
	entity       *entity
	relationship *relationship
	exception    *exception
	// deleted is when the register took the record back, as written, or "".
	deleted string
}

// subject returns the LEI that the record is about.
func (r *record) subject() string {
	switch {
	case r.entity != nil:
		return r.entity.lei
	case r.relationship != nil:
		return r.relationship.child
	case r.exception != nil:
		return r.exception.lei
	}
	return ""
}

// locator returns what tells the record from the others of its register.
func (r *record) locator() string {
	switch {
	case r.entity != nil:
		return r.entity.locator()
	case r.relationship != nil:
		return r.relationship.locator()
	}
	return r.exception.locator()
}

func (e *entity) locator() string       { return e.lei }
func (r *relationship) locator() string { return r.child + " " + r.kind + " " + r.parent }
func (e *exception) locator() string    { return e.lei + " " + e.category }
