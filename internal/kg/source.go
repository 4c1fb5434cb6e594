package kg

// Source is a document or data set that says things.
type Source struct {
	ID    ID
	Title string
	// Publisher, Author, Kind, URL and Note are "" where unknown.
	Publisher, Author, Kind, URL, Note string
	// Published is when it appeared, as precisely as known; Updated is later
	// where parts of it are newer.
	Published, Updated PartialDate
	// Langs are the BCP 47 tags of its languages.
	Langs []string
}

// RecordID returns the source's id.
func (s *Source) RecordID() ID { return s.ID }

// RecordKind returns RecordSource.
func (s *Source) RecordKind() RecordKind { return RecordSource }

func (s *Source) check() error {
	if err := s.ID.Check(); err != nil {
		return err
	}
	if s.Title == "" {
		return Invalidf("", "the source %s has no title", s.ID)
	}
	return nil
}

// Citation is where a fact is stated.
type Citation struct {
	// Claim is the claim that rests on it.
	Claim ID
	// Source is the source that says so.
	Source ID
	// Locator says where in the source, such as "line 49"; "" for the whole of it.
	Locator string
	// AttributedTo is the entity whom the source itself quotes, or "".
	AttributedTo ID
}
