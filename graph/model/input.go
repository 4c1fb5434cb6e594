package model

import "keiretsu/internal/kg"

// EntityKey means one entity by exactly one of its parts.
type EntityKey struct {
	ID         *kg.ID
	Name       *string
	Identifier *IdentifierInput
}

// IdentifierInput is a name given by a register.
type IdentifierInput struct{ Scheme, Value string }

// Key returns the key in the words of kg.
func (k EntityKey) Key() (kg.EntityKey, error) {
	var key kg.EntityKey
	given := 0
	if k.ID != nil {
		key.ID = *k.ID
		given++
	}
	if k.Name != nil {
		key.Name = *k.Name
		given++
	}
	if k.Identifier != nil {
		key.Identifier = &kg.Identifier{Scheme: k.Identifier.Scheme, Value: k.Identifier.Value}
		given++
	}
	if given != 1 {
		return key, kg.Invalidf("", "an entity is meant by exactly one of id, name and identifier, not by %d of them", given)
	}
	if k.ID != nil && key.ID == "" {
		return key, kg.Invalidf("id", "an id must not be empty")
	}
	return key, nil
}
