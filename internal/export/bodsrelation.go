package export

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"keiretsu/internal/kg"
)

// bodsRelationship is what is said of the interests between two.
type bodsRelationship struct {
	IsComponent     bool           `json:"isComponent"`
	Subject         any            `json:"subject"`
	InterestedParty any            `json:"interestedParty"`
	Interests       []bodsInterest `json:"interests"`
}

// bodsNobody stands for a party that is not named.
type bodsNobody struct {
	Reason      string `json:"reason"`
	Description string `json:"description,omitempty"`
}

// bodsInterest is one interest.
type bodsInterest struct {
	Type                         string     `json:"type,omitempty"`
	DirectOrIndirect             string     `json:"directOrIndirect,omitempty"`
	BeneficialOwnershipOrControl *bool      `json:"beneficialOwnershipOrControl,omitempty"`
	Details                      string     `json:"details,omitempty"`
	Share                        *bodsShare `json:"share,omitempty"`
	StartDate                    string     `json:"startDate,omitempty"`
	EndDate                      string     `json:"endDate,omitempty"`
}

// bodsShare is a share in percent.
type bodsShare struct {
	Exact            *json.Number `json:"exact,omitempty"`
	Minimum          *json.Number `json:"minimum,omitempty"`
	ExclusiveMinimum *json.Number `json:"exclusiveMinimum,omitempty"`
	Maximum          *json.Number `json:"maximum,omitempty"`
	ExclusiveMaximum *json.Number `json:"exclusiveMaximum,omitempty"`
}

// interestTypes are the types of relation that can be interests.
var interestTypes = []kg.RelationType{kg.Owns, kg.Controls, kg.HoldsRole, kg.RelatedTo}

// interestCodes are the codes of interests.
var interestCodes = []string{
	"shareholding", "votingRights", "appointmentOfBoard", "otherInfluenceOrControl", "seniorManagingOfficial", "settlor", "trustee", "protector",
	"beneficiaryOfLegalArrangement", "rightsToSurplusAssetsOnDissolution", "rightsToProfitOrIncome", "rightsGrantedByContract",
	"conditionalRightsGrantedByContract", "controlViaCompanyRulesOrArticles", "controlByLegalFramework", "boardMember", "boardChair", "unknownInterest",
	"unpublishedInterest", "enjoymentAndUseOfAssets", "rightToProfitOrIncomeFromAssets", "nominee", "nominator",
}

// controlCodes are the codes for control on a basis that the reader knows.
var controlCodes = map[string]string{
	"voting rights": "votingRights", "appointment of the board": "appointmentOfBoard", "company rules or articles": "controlViaCompanyRulesOrArticles",
	"legal framework": "controlByLegalFramework",
}

// interestCode returns the code of a relation, and details where the code says less
// than the relation does; ok is false where it is no interest.
func interestCode(r *kg.Relation) (code, details string, ok bool) {
	details = attribute(r.Attributes, "details")
	if own := attribute(r.Attributes, "interest"); slices.Contains(interestCodes, own) {
		return own, details, true
	}
	office := func(title string) (string, string, bool) {
		switch roleOf(title) {
		case roleChair:
			return "boardChair", cmp.Or(details, title), true
		case roleBoard:
			return "boardMember", cmp.Or(details, title), true
		case roleOfficer:
			return "seniorManagingOfficial", cmp.Or(details, title), true
		}
		return "", "", false
	}
	switch r.Type {
	case kg.Owns:
		if r.Stake != nil && details == "" {
			details = r.Stake.Wording
		}
		return "shareholding", details, true
	case kg.Controls:
		if code := controlCodes[r.Text]; code != "" {
			return code, details, true
		}
		return "otherInfluenceOrControl", cmp.Or(details, r.Text), true
	case kg.HoldsRole:
		return office(r.Text)
	case kg.RelatedTo:
		if attribute(r.Attributes, "schema") == "Directorship" {
			return office(cmp.Or(attribute(r.Attributes, "role"), "director"))
		}
		// An interest of which the source did not say the type.
		return "", details, slices.ContainsFunc(r.Citations, func(c kg.Citation) bool { return isBODS(c.Source) })
	}
	return "", "", false
}

// interest returns the interest that a relation is; ok is false where it is none.
func interest(r *kg.Relation, lost *losses) (in bodsInterest, ok bool) {
	code, details, ok := interestCode(r)
	if !ok || !isParty(r.FromKind) || !isBody(r.ToKind) {
		return in, false
	}
	in = bodsInterest{Type: code, Details: details, DirectOrIndirect: "direct"}
	share := r.Stake
	for _, a := range r.Attributes {
		switch a.Key {
		case kg.AttributeDeclared:
			in.DirectOrIndirect = "indirect"
		case "direct_or_indirect":
			in.DirectOrIndirect = "unknown"
		case "beneficial_ownership_or_control":
			in.BeneficialOwnershipOrControl = new(a.Value == "yes")
		case "share":
			if s, err := kg.ParseShare(a.Value); err == nil && share == nil {
				share = &s
			}
		case "details", "interest":
		default:
			lost.add("attributes of relations", 1)
		}
	}
	in.Share = shareOf(share)
	in.StartDate, in.EndDate = lost.day(r.Start), lost.day(r.End)
	return in, true
}

// shareOf returns a share with those of its ends that say something, nil where
// neither does.
func shareOf(s *kg.Share) *bodsShare {
	if s == nil {
		return nil
	}
	write := func(x float64) *json.Number { return new(json.Number(number(x))) }
	if exact, ok := s.Exact(); ok {
		return &bodsShare{Exact: write(exact)}
	}
	var b bodsShare
	switch {
	case s.MinOpen:
		b.ExclusiveMinimum = write(s.Min)
	case s.Min > 0:
		b.Minimum = write(s.Min)
	}
	switch {
	case s.MaxOpen:
		b.ExclusiveMaximum = write(s.Max)
	case s.Max < 100:
		b.Maximum = write(s.Max)
	}
	if b == (bodsShare{}) {
		return nil
	}
	return &b
}

// relate writes the records of who has interests in whom, and of what is absent.
func (w *bodsWriter) relate(ctx context.Context, all []*kg.Entity) error {
	var subjects []*kg.Entity
	for _, e := range all {
		if isParty(e.Kind) {
			subjects = append(subjects, e)
		}
	}
	relations, err := relationsAt(ctx, w.snap, kg.RelationQuery{Of: idsOf(subjects), Direction: kg.In})
	if err != nil {
		return err
	}
	when, absent, err := w.learnedOf(ctx, subjects)
	if err != nil {
		return err
	}
	for i, e := range subjects {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.interests(ctx, e, relations[i], when[i]); err != nil {
			return err
		}
		if err := w.absences(ctx, e, absent[i].moments()); err != nil {
			return err
		}
	}
	return nil
}

// learnedOf returns for each entity the moments at which the graph learned
// something about its relation with each party, and about what is absent.
func (w *bodsWriter) learnedOf(ctx context.Context, entities []*kg.Entity) (when []map[kg.ID]*learned, absent []learned, err error) {
	when, absent = make([]map[kg.ID]*learned, len(entities)), make([]learned, len(entities))
	lacking := slices.DeleteFunc(slices.Clone(entities), func(e *kg.Entity) bool { return len(e.Absences) == 0 })
	ids, _ := allIDs(lacking)
	_, owner := allIDs(entities)
	for m, err := range w.snap.ClaimsAbout(ctx, kg.ClaimQuery{Of: ids, As: []kg.Aspect{{Part: kg.PartItself}}}) {
		if err != nil {
			return nil, nil, err
		}
		if _, ok := m.Claim.Statement.(*kg.AbsenceStatement); ok {
			absent[owner[ids[m.At]]].add(m.Claim)
		}
	}
	ids, _ = allIDs(entities)
	var parties []kg.ID
	// All that leads to an entity lies side by side: what is no interest is passed over.
	for m, err := range w.snap.ClaimsAbout(ctx, kg.ClaimQuery{Of: ids, As: []kg.Aspect{{Part: kg.PartTo}}}) {
		if err != nil {
			return nil, nil, err
		}
		s := m.Claim.Statement.(*kg.RelationStatement)
		if !slices.Contains(interestTypes, s.Type) {
			continue
		}
		i, from := owner[ids[m.At]], s.From
		if when[i] == nil {
			when[i] = make(map[kg.ID]*learned)
		}
		if when[i][from] == nil {
			when[i][from] = &learned{}
			parties = append(parties, from)
		}
		when[i][from].add(m.Claim)
	}
	// What was said of an id that has passed to another is about that one.
	for len(parties) > 0 {
		passed, err := records[*kg.Redirect](ctx, w.snap, parties)
		if err != nil {
			return nil, nil, err
		}
		parties = nil
		for _, by := range when {
			for from, redirect := range passed {
				moments := by[from]
				if moments == nil {
					continue
				}
				delete(by, from)
				if by[redirect.To] == nil {
					by[redirect.To] = &learned{}
				}
				*by[redirect.To] = append(*by[redirect.To], *moments...)
				parties = append(parties, redirect.To)
			}
		}
	}
	return when, absent, nil
}

// interests writes a record for each party that has interests in an entity.
func (w *bodsWriter) interests(ctx context.Context, e *kg.Entity, relations []*kg.Relation, when map[kg.ID]*learned) error {
	past := make(map[time.Time]map[kg.ID][]*kg.Relation)
	known := func(at time.Time) (map[kg.ID][]*kg.Relation, error) {
		if by, ok := past[at]; ok {
			return by, nil
		}
		q := kg.RelationQuery{Of: []kg.ID{e.ID}, Direction: kg.In, Types: interestTypes}
		then, err := relationsAt(ctx, kg.KnownBy(w.snap, at), q)
		if err == nil {
			past[at] = byParty(then[0])
		}
		return past[at], err
	}
	now := byParty(relations)
	for _, party := range sortedIDs(now) {
		last, cites := w.interestsOf(now[party], &w.losses)
		if len(last) == 0 {
			continue
		}
		w.relations += len(last)
		var versions []bodsVersion
		moments := (&learned{}).moments()
		if l := when[party]; l != nil {
			moments = l.moments()
		}
		for i, at := range moments {
			list, cites := last, cites
			if i < len(moments)-1 {
				then, err := known(at)
				if err != nil {
					return err
				}
				if list, cites = w.interestsOf(then[party], &losses{}); len(list) == 0 {
					continue
				}
			}
			versions = append(versions, bodsVersion{
				at: at, cites: cites, over: allOver(list, at),
				details: &bodsRelationship{Subject: recordID(e.ID), InterestedParty: recordID(party), Interests: list},
			})
		}
		w.takenBack(versions)
		record := hashedID("interests", recordID(party), recordID(e.ID))
		if err := w.write(ctx, "relationship", record, recordID(e.ID), versions); err != nil {
			return err
		}
	}
	for _, party := range sortedIDs(when) {
		if len(now[party]) == 0 {
			w.losses.add("relationships of which everything was taken back", 1)
		}
	}
	return nil
}

// takenBack sees to it that what was taken back is not read as ended. A statement that
// closes a record ends what it does not name, so it is no such statement that leaves out
// what was open; what had ended already is out of reach.
func (w *bodsWriter) takenBack(versions []bodsVersion) {
	listed := func(v bodsVersion) []bodsInterest { return v.details.(*bodsRelationship).Interests }
	for i := 1; i < len(versions); i++ {
		for _, in := range listed(versions[i-1]) {
			same := func(other bodsInterest) bool {
				return in.Type == other.Type && in.DirectOrIndirect == other.DirectOrIndirect && in.StartDate == other.StartDate
			}
			switch {
			case slices.ContainsFunc(listed(versions[i]), same):
			case in.EndDate != "":
				w.losses.add("interests that were taken back when they had ended: a newer statement that leaves them out does not say so", 1)
			default:
				versions[i].over = false
			}
		}
	}
}

func byParty(relations []*kg.Relation) map[kg.ID][]*kg.Relation {
	by := make(map[kg.ID][]*kg.Relation)
	for _, r := range relations {
		if slices.Contains(interestTypes, r.Type) {
			by[r.From] = append(by[r.From], r)
		}
	}
	return by
}

func sortedIDs[V any](m map[kg.ID]V) []kg.ID {
	ids := make([]kg.ID, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// interestsOf returns the interests among relations, in an order that one which is
// learned later does not change for those before it, as far as dates allow.
func (w *bodsWriter) interestsOf(relations []*kg.Relation, lost *losses) (list []bodsInterest, cites []kg.Citation) {
	relations = slices.SortedFunc(slices.Values(relations), func(a, b *kg.Relation) int {
		return cmp.Or(
			kg.CompareDates(a.Start, b.Start), cmp.Compare(a.Type, b.Type), kg.CompareDates(a.End, b.End), strings.Compare(a.Text, b.Text),
			strings.Compare(attributeText(a.Attributes), attributeText(b.Attributes)), strings.Compare(stakeText(a), stakeText(b)),
		)
	})
	for _, r := range relations {
		if in, ok := interest(r, lost); ok {
			list = append(list, in)
			cites = append(cites, r.Citations...)
		}
	}
	return list, cites
}

func stakeText(r *kg.Relation) string {
	if r.Stake == nil {
		return ""
	}
	return r.Stake.String()
}

// allOver reports that interests had ended by the day of a moment.
func allOver(list []bodsInterest, at time.Time) bool {
	day := kg.DayOf(at).String()
	return !slices.ContainsFunc(list, func(in bodsInterest) bool { return in.EndDate == "" || in.EndDate > day })
}

// hashedID returns an id for a record that has none of its own.
func hashedID(kind string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return kind + "-" + hex.EncodeToString(sum[:10])
}

// bodsReasons are the codes for why somebody is not named.
var bodsReasons = []string{
	"noBeneficialOwners", "subjectUnableToConfirmOrIdentifyBeneficialOwner", "interestedPartyHasNotProvidedInformation", "subjectExemptFromDisclosure",
	"interestedPartyExemptFromDisclosure", "unknown", "informationUnknownToPublisher",
}

// nobody says why a party is not named: in the code that the source had where it is
// one of the standard, else in its words. A parent that consolidates nothing is not
// said to be no owner.
func nobody(a *kg.Absence) bodsNobody {
	words := strings.Split(a.Reason, "-") // as version 0.2 had them
	for i, word := range words {
		if i > 0 && word != "" {
			words[i] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	if reason := strings.Join(words, ""); slices.Contains(bodsReasons, reason) {
		return bodsNobody{reason, a.Text}
	}
	n := bodsNobody{Reason: "unknown"}
	switch {
	case a.Kind == kg.AbsenceNone && a.Reason == "" && a.Text == "":
		n.Reason = "noBeneficialOwners"
	case a.Kind == kg.AbsenceWithheld:
		n.Reason = "subjectExemptFromDisclosure"
	}
	var said []string
	for _, text := range []string{a.Reason, a.Text} {
		if text != "" {
			said = append(said, text)
		}
	}
	n.Description = strings.Join(said, ": ")
	return n
}

// absentAs is what makes absences of different dates one record.
type absentAs struct {
	relation  kg.RelationType
	direction kg.Direction
	why       bodsNobody
}

// absences writes a record for each party that sources say is not there or not told.
func (w *bodsWriter) absences(ctx context.Context, e *kg.Entity, moments []time.Time) error {
	now, order := absencesOf(e, &w.losses)
	versions := make(map[absentAs][]bodsVersion)
	for i, at := range moments {
		then, lost := now, &w.losses
		if i < len(moments)-1 {
			found, err := records[*kg.Entity](ctx, kg.KnownBy(w.snap, at), []kg.ID{e.ID})
			if err != nil {
				return err
			}
			if found[e.ID] == nil {
				continue
			}
			lost = &losses{}
			then, _ = absencesOf(found[e.ID], lost)
		}
		for key, a := range then {
			versions[key] = append(versions[key], absentVersion(e, a, at, lost))
		}
	}
	for _, key := range order {
		k := []string{recordID(e.ID), key.relation.String(), key.direction.String(), key.why.Reason, key.why.Description}
		if err := w.write(ctx, "relationship", hashedID("nobody", k...), recordID(e.ID), versions[key]); err != nil {
			return err
		}
	}
	return nil
}

// absencesOf returns the absences of an entity that are interests, one for each
// record, and the records in their order.
func absencesOf(e *kg.Entity, lost *losses) (said map[absentAs]*kg.Absence, order []absentAs) {
	said = make(map[absentAs]*kg.Absence)
	for i := range e.Absences {
		a := &e.Absences[i]
		if a.Relation != kg.Owns && a.Relation != kg.Controls || a.Direction == kg.In && !isBody(e.Kind) {
			lost.add("known unknowns that are no interests in a company or organization", 1)
			continue
		}
		key := absentAs{a.Relation, a.Direction, nobody(a)}
		old := said[key]
		if old == nil {
			order = append(order, key)
		}
		// What is said with its end takes the place of what was said before.
		if old == nil || !old.End.Placed() {
			said[key] = a
		}
	}
	return said, order
}

func absentVersion(e *kg.Entity, a *kg.Absence, at time.Time, lost *losses) bodsVersion {
	d := &bodsRelationship{Subject: recordID(e.ID), InterestedParty: nobody(a)}
	if a.Direction == kg.Out {
		d.Subject, d.InterestedParty = nobody(a), recordID(e.ID)
	}
	in := bodsInterest{Type: "unknownInterest", StartDate: lost.day(a.Start), EndDate: lost.day(a.End)}
	if a.Relation == kg.Owns {
		in.Type = "shareholding"
	}
	d.Interests = []bodsInterest{in}
	return bodsVersion{at: at, cites: a.Citations, details: d, over: allOver(d.Interests, at)}
}
