package kg

import (
	"cmp"
	"slices"
	"strings"
)

// This file derives holdings from deals: an acquisition opens an ownership, and
// a merger, a later stake or another buyer closes it. "Acquired in 2014 and
// still held in 2020" is then one question about OWNS.
//
// What is derived cites the claims of every fact that went into it, and names
// the relations that open and close it (Relation.OpenedBy, Relation.EndedBy).
// It is worked out again whenever a claim about the company bought changes, so
// nothing of it is ever stale.

// acquiredShare is what an acquisition gives where no source says: a business
// is acquired when control of it is obtained (IFRS 3, Business Combinations,
// Appendix A).
var acquiredShare = Share{Min: 50, Max: 100, MinOpen: true, Wording: "acquired"}

// dealShare is the share that a deal gives.
func dealShare(deal *Relation) Share {
	if deal.Stake != nil {
		return *deal.Stake
	}
	return acquiredShare
}

// deriveHoldings works out who owns one company when: from the deals in which it
// was bought, the holdings that sources state, and the mergers that ended it.
// The relations are as their claims give them; holdings is returned with starts
// and ends filled in, followed by the holdings that no source states. Summaries of
// chains neither open nor close anything, and stay as they are.
func deriveHoldings(deals, holdings, mergers []*Relation) []*Relation {
	byPlace := func(a, b *Relation) int { return a.Place().Compare(b.Place()) }
	summaries := slices.DeleteFunc(slices.Clone(holdings), func(h *Relation) bool { return !h.Indirect() })
	holdings = slices.DeleteFunc(slices.Clone(holdings), (*Relation).Indirect)
	deals, holdings = slices.SortedFunc(slices.Values(deals), byPlace), slices.SortedFunc(slices.Values(holdings), byPlace)
	mergers = slices.SortedFunc(slices.Values(mergers), byPlace)
	for _, deal := range deals {
		if opened := open(deal, holdings); opened != nil {
			holdings = append(holdings, opened)
		}
	}
	closeSuperseded(holdings)
	for _, h := range holdings {
		closeBy(h, mergers, deals)
		if h.Stake != nil && h.Stake.Max == 0 && h.Start.Placed() {
			// "Holds nothing any more" closes what was; it holds on no day itself.
			h.End = h.Start
		}
	}
	return append(holdings, summaries...)
}

// open lets a deal open the holding that it speaks of. If there is none it
// returns the holding that the deal alone gives; nil if the deal adds nothing.
func open(deal *Relation, holdings []*Relation) *Relation {
	share := dealShare(deal)
	var later *Relation
	for _, h := range holdings {
		if h.From != deal.From || h.Type != Owns {
			continue
		}
		agrees := h.Stake == nil || h.Stake.Meets(share)
		switch {
		case h.OpenedBy != "" && agrees && !deal.Start.Placed():
			return nil // one more report of a deal that is known
		case h.OpenedBy == "" && agrees && h.Start.Meets(deal.Start) && !endsBefore(h, deal):
			h.Start = narrow(h.Start, deal.Start)
			h.OpenedBy = deal.ID
			h.Citations = mergeCitations(h.Citations, deal.Citations)
			return nil
		case !deal.Start.Placed():
			return nil // held, and the deal could be any time before
		case h.Start.Placed() && deal.Start.Latest() < h.Start.Earliest():
			if later == nil || h.Place().Compare(later.Place()) < 0 {
				later = h
			}
		case agrees && !h.End.Placed():
			return nil // held already, in the size that the deal gives
		case !h.End.Placed():
			h.End, h.EndedBy = deal.Start, deal.ID
			h.Citations = mergeCitations(h.Citations, deal.Citations)
		}
	}
	opened := &Relation{
		ID:   derivedID(relationPrefix, "derived", Owns.String(), string(deal.ID)),
		Type: Owns, From: deal.From, To: deal.To, FromKind: deal.FromKind, ToKind: deal.ToKind,
		Start: deal.Start, Stake: &share, OpenedBy: deal.ID, Citations: slices.Clone(deal.Citations),
	}
	if later != nil {
		opened.End, opened.EndedBy = later.Start, later.ID
		opened.Citations = mergeCitations(opened.Citations, later.Citations)
	}
	return opened
}

// endsBefore reports that the holding had ended before the deal.
func endsBefore(h, deal *Relation) bool {
	return h.End.Placed() && deal.Start.Placed() && h.End.Latest() <= deal.Start.Earliest()
}

// closeBy ends a holding whose end no source states: when the company merges
// into another, or when somebody else buys control of what the holder controlled.
func closeBy(r *Relation, mergers, deals []*Relation) {
	if r.End.Placed() {
		return
	}
	end := func(by *Relation) bool {
		if !by.Start.Placed() || r.Start.Earliest() > by.Start.Latest() {
			return false
		}
		r.End, r.EndedBy = by.Start, by.ID
		r.Citations = mergeCitations(r.Citations, by.Citations)
		return true
	}
	for _, m := range mergers {
		if end(m) {
			return
		}
	}
	if r.Stake == nil || !exceedsHalf(*r.Stake) || !r.Start.Placed() {
		return
	}
	for _, d := range deals {
		if d.From != r.From && exceedsHalf(dealShare(d)) && d.Start.Placed() && r.Start.Latest() < d.Start.Earliest() && end(d) {
			return
		}
	}
}

// exceedsHalf reports that the share cannot be half or less.
func exceedsHalf(s Share) bool { return s.Min > 50 || s.Min == 50 && s.MinOpen }

// mergeCitations joins two lists of citations, each source and place once.
func mergeCitations(a, b []Citation) []Citation {
	all := slices.Concat(a, b)
	slices.SortFunc(all, compareCitations)
	return slices.CompactFunc(all, sameCitation)
}

// compareCitations is the order of citations: by source, then by place in it.
func compareCitations(a, b Citation) int {
	return cmp.Or(
		strings.Compare(string(a.Source), string(b.Source)), compareNatural(a.Locator, b.Locator),
		strings.Compare(string(a.AttributedTo), string(b.AttributedTo)), strings.Compare(string(a.Claim), string(b.Claim)),
	)
}

// sameCitation reports that both name the same place.
func sameCitation(a, b Citation) bool {
	return a.Source == b.Source && a.Locator == b.Locator && a.AttributedTo == b.AttributedTo
}
